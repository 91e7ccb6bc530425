"""A run submitted as a job: submitit's local executor runs, preempts and requeues it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from amlm.config.schema import Config
from amlm.training import slurm
from amlm.training.record import read_log
from amlm.training.run import Result
from amlm.training.slurm import submit
from amlm.util.errors import InputError

STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=100",
    "trainer.log_every=1",
    "checkpoints.every=1000",
    "masking.update_every=50",
)
LOCAL = ("impl=slurm", "slurm.submit=local", "trainer.accelerator=cpu")


def test_a_preempted_job_saves_is_requeued_and_ends_with_the_same_bits(
    tiny: Callable[..., Config],
    tiny_run: Callable[..., Result],
    same_run: Callable[[Path, Path], None],
) -> None:
    folder, job = submit(tiny(*STEPS, *LOCAL))
    controller = psutil.Process(int(job.job_id))
    whole = tiny_run(*STEPS).folder
    deadline = time.monotonic() + 300
    while not (folder / "log.jsonl").exists() or len(read_log(folder)) < 3:
        assert time.monotonic() < deadline and not job.done(), job.stderr()
        time.sleep(0.05)
    for task in controller.children():  # as SLURM does when the time is nearly up
        task.send_signal(signal.SIGUSR2)
    assert Path(job.result().folder) == folder, job.stderr()
    (resumed,) = json.loads((folder / "run.json").read_text())["resumed"]
    assert 0 < resumed["step"] < 100
    same_run(folder, whole)


def test_options_of_the_job_are_passed_on(tiny: Callable[..., Config]) -> None:
    config = tiny(
        *LOCAL, "trainer.devices=2", "slurm.nodes=3", "slurm.partition=gpu", "slurm.minutes=30",
        "+slurm.options.qos=high", "trainer.accelerator=gpu",
    )  # fmt: skip
    given = slurm._parameters(config)
    assert (given["nodes"], given["tasks_per_node"], given["gpus_per_node"]) == (3, 2, 2)
    assert given["timeout_min"] == 30
    assert given["slurm_partition"] == "gpu" and given["slurm_qos"] == "high"


def test_a_machine_without_slurm_says_what_to_do(
    tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"slurm\.submit=slurm failed.*from which `sbatch` works"):
        submit(tiny("impl=slurm", "trainer.accelerator=cpu"))
    with pytest.raises(InputError, match=r"trainer\.devices=4, for example"):
        submit(tiny("impl=slurm", "trainer.devices=0"))
    monkeypatch.setattr(slurm, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'amlm\[slurm\]'"):
        submit(tiny("impl=slurm"))


def test_options_of_a_job_without_one_have_no_effect(tiny: Callable[..., Config]) -> None:
    with pytest.raises(InputError, match=r"slurm\.nodes=2 has no effect without impl=slurm"):
        tiny("slurm.nodes=2")
