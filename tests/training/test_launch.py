"""Real processes: ours, torchrun's and SLURM's give the results of one; ranks that die or hang, and
signals, end all of them. A new interpreter takes seconds to import its packages: only the ranks
that are compared, of our first run and torchrun's, are new ones; all other processes are forked."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil
import pytest
import torch
from torch.distributed.run import main as torchrun

from amlm.config.run_schema import TrainerConfig
from amlm.training.checkpoint_files import newest
from amlm.training.devices import check_device
from amlm.training.launch import Ranks, launched
from amlm.training.record import read_log, read_tables
from amlm.training.run import Result
from amlm.util.errors import InputError
from tests import forked

STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=20",
    "masking.update_every=4",
    "model.dropout=0",
    "checkpoints.every=1000",
)
ENDLESS = (*STEPS, "trainer.max_steps=100000", "trainer.log_every=1", "checkpoints.every=5")
TWO = ("impl=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
COMPLETE = {"config.yaml", "run.json", "log.jsonl", "tables.f32", "checkpoints", "hf"}
SLURM = {
    "SLURM_JOB_ID": "4242",
    "SLURM_NTASKS": "2",
    "SLURM_NNODES": "1",
    "SLURM_NODEID": "0",
    "SLURM_JOB_NODELIST": "localhost",
    "SLURM_STEP_NUM_TASKS": "2",
}

Start = Callable[[list[str], Path], list[BaseProcess]]


def _wait(condition: Callable[[], object], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _steps(folder: Path) -> list[int]:
    log = folder / "log.jsonl"
    return [r["step"] for r in read_log(folder) if r["kind"] == "train"] if log.exists() else []


def _ours(overrides: list[str], folder: Path) -> list[BaseProcess]:
    """A sweep of two runs, each in two processes."""
    run = [*overrides, *STEPS, *TWO, f"run_dir={folder}", "seed=0,1", "-m"]
    return [forked.start(_train_first_in_new_ranks, run, output=_output(folder))]


def _torchrun(overrides: list[str], folder: Path) -> list[BaseProcess]:
    launcher = ["--nproc-per-node=2", "-m", "amlm.train"]
    run = [*launcher, *overrides, *STEPS, f"run_dir={folder}"]
    # A variable that once was ours means nothing.
    environment = {"AMLM_RUN_DIR": str(folder.with_name("other"))}
    return [forked.start(torchrun, run, output=_output(folder), environment=environment)]


def _slurm(overrides: list[str], folder: Path, steps: tuple[str, ...] = STEPS) -> list[BaseProcess]:
    run = [*overrides, *steps, *([f"run_dir={folder}"] if folder.name != "outputs" else [])]
    port = str(15_000 + os.getpid() % 10_000)
    task = {**SLURM, "MASTER_PORT": port}
    return [
        forked.start(
            forked.train,
            run,
            output=_output(folder),
            environment={**task, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
        )
        for rank in range(2)
    ]


def _output(folder: Path) -> Path:
    return folder.parent.with_suffix(".txt")


def _train_first_in_new_ranks(overrides: list[str]) -> None:
    """Trains; the ranks of the first run are new interpreters, those of the next are forked."""
    original, fork = multiprocessing.get_context, multiprocessing.get_context("fork")
    spawn = iter([original("spawn")])

    def get_context(method: str | None = None) -> Any:
        return next(spawn, fork) if method == "spawn" else original(method)

    with mock.patch.object(multiprocessing, "get_context", get_context):
        forked.train(overrides)


def _train_in_forked_ranks(overrides: list[str]) -> None:
    """Trains; the ranks of this process are forked, not new interpreters."""
    context = multiprocessing.get_context("fork")
    with mock.patch.object(multiprocessing, "get_context", lambda _: context):
        forked.train(overrides)


@pytest.fixture(scope="module")
def reference() -> dict[str, Path]:
    """The folder of the run in one process, once it is trained."""
    return {}


@pytest.mark.parametrize("start", [_ours, _torchrun, _slurm])
def test_two_processes_give_the_results_of_one(
    start: Start,
    overrides: list[str],
    tiny_run: Callable[..., Result],
    reference: dict[str, Path],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if not reference:
        run_dir = tmp_path_factory.mktemp("reference") / "one"
        reference["one"] = tiny_run(*STEPS, f"run_dir={run_dir}").folder
    one, folder = reference["one"], tmp_path / "two"
    for process in start(overrides, folder):
        assert forked.status(process) == 0, _output(folder).read_text()
    folders = sorted(folder.iterdir()) if start is _ours else [folder]
    assert len(folders) == (2 if start is _ours else 1)
    for each in folders:
        assert {path.name for path in each.iterdir()} - {".lock"} == COMPLETE
        assert json.loads((each / "run.json").read_text())["machine"]["processes"] == 2
    found, expected = (
        [r for r in read_log(each) if r["kind"] in ("train", "validation")]
        for each in (folders[0], one)
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-6)
    np.testing.assert_array_equal(read_tables(folders[0])[1], read_tables(one)[1])
    assert len([*tmp_path.glob("**/run.json")]) == len(folders)  # and no run anywhere else


def test_accumulation_and_workers_give_the_same_statistics_table_and_losses(
    tiny_run: Callable[..., Result],
) -> None:
    # No update in the last steps: the statistics of the open window are compared too.
    steps = (*STEPS, "masking.update_every=7")
    one = tiny_run(*steps).folder
    other = tiny_run(*steps, "trainer.accumulate=4", "data.workers=2").folder
    states = [newest(each)[1]["state_dict"] for each in (one, other)]
    names = [name for name in states[0] if "statistics_" in name or name.endswith("table_V")]
    assert len(names) >= 3 and any(states[0][name].sum() > 0 for name in names)
    for name in names:
        assert torch.equal(states[0][name], states[1][name]), name
    losses = [[r["loss"] for r in read_log(each) if r["kind"] == "train"] for each in (one, other)]
    assert len(losses[0]) == 20 and losses[1] == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [(signal.SIGKILL, 137, "ended by signal 9"), (signal.SIGSTOP, 124, "trainer.rank_timeout=8")],
    ids=["dies", "hangs"],
)
def test_a_rank_that_dies_or_hangs_ends_the_others(
    sent: signal.Signals, status: int, said: str, overrides: list[str], tmp_path: Path
) -> None:
    folder, output = tmp_path / "run", tmp_path / "output.txt"
    run = [*overrides, *ENDLESS, *TWO, "trainer.rank_timeout=8", f"run_dir={folder}"]
    process = forked.start(_train_in_forked_ranks, run, output=output)
    _wait(lambda: len(_steps(folder)) > 2)
    ranks = psutil.Process(process.pid).children()
    assert len(ranks) == 2
    ranks[1].send_signal(sent)
    begun = time.monotonic()
    assert forked.status(process) == status and said in output.read_text()
    assert time.monotonic() - begun < 60  # busy machines included
    assert not any(each.is_running() for each in ranks)


def test_a_signal_to_one_of_two_tasks_saves_and_ends_both(
    overrides: list[str], tmp_path: Path
) -> None:
    processes = _slurm(overrides, tmp_path / "outputs", ENDLESS)  # both make up no folder: one does
    _wait(
        lambda: any(len(_steps(log.parent)) > 2 for log in tmp_path.glob("outputs/*/*/log.jsonl"))
    )
    os.kill(processes[1].pid or 0, signal.SIGUSR1)
    ended = [forked.status(process) for process in processes]
    assert ended == [138, 138], _output(tmp_path / "outputs").read_text()
    (folder,) = tmp_path.glob("outputs/*/*")
    saved = newest(folder)[1]
    assert saved["global_step"] == max(_steps(folder))
    assert not (folder / "hf").exists()
    assert not json.loads((folder / "run.json").read_text())["finished"]


def _environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Ranks | None:
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK"):
        monkeypatch.setenv(name, "")  # so that what is set now is removed afterwards
        monkeypatch.delenv(name)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return launched()


def test_ranks_come_from_the_launcher_and_from_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes = {**SLURM, "SLURM_STEP_NUM_TASKS": "4", "SLURM_NNODES": "2", "SLURM_PROCID": "3"}
    nodes["SLURM_JOB_NODELIST"] = "node[07-08]"
    assert _environment(monkeypatch, **nodes, SLURM_LOCALID="1") == Ranks(3, 4, 2)
    assert os.environ["MASTER_ADDR"] == "node07" and os.environ["LOCAL_RANK"] == "1"
    assert _environment(monkeypatch) is None
    assert _environment(monkeypatch, LOCAL_RANK="1") is None  # left over from something else
    assert _environment(monkeypatch, SLURM_NTASKS="1", SLURM_PROCID="0") is None
    # The batch script itself, which is no task.
    script = {"SLURM_NTASKS": "2", "SLURM_PROCID": "0", "ENVIRONMENT": "BATCH"}
    assert _environment(monkeypatch, **script) is None
    with pytest.raises(InputError, match=r"3 tasks on 2 nodes.*--ntasks-per-node"):
        _environment(monkeypatch, **{**nodes, "SLURM_STEP_NUM_TASKS": "3"})


def test_another_number_of_devices_than_the_launcher_started_is_refused() -> None:
    with pytest.raises(InputError, match=r"trainer\.devices=4, but .* started 2 .* start as many"):
        check_device(TrainerConfig(accelerator="cpu", devices=4), Ranks(0, 2, 1))
    check_device(TrainerConfig(accelerator="cpu"), Ranks(0, 2, 1))
