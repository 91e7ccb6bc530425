"""Signals to a run in this process: it saves after the step, exits with the status that says which
signal it was, leaves no ``hf/``, and resumes to the bits of a run that was not stopped."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch.distributed as dist

from amlm.config.schema import Config
from amlm.train import train
from amlm.training.callbacks.metrics import Metrics
from amlm.training.callbacks.stop import Stop
from amlm.training.checkpoint_files import newest
from amlm.training.stopping import Stopped, StopRequest
from amlm.util.processes import SIGNALS

STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=12",
    "trainer.log_every=2",
    "checkpoints.every=5",
    "masking.update_every=4",
    "trainer.validate_every=6",
)


@pytest.fixture(scope="module")
def whole() -> dict[str, Path]:
    """The folder of the run that is not stopped, once it is trained."""
    return {}


@pytest.mark.parametrize(
    ("signum", "step", "status"),
    [
        (signal.SIGINT, 7, 130),
        (signal.SIGTERM, 3, 143),
        (signal.SIGUSR1, 6, 138),  # a validation follows
        (signal.SIGHUP, 5, 129),  # a checkpoint is due
        (signal.SIGTERM, 12, 143),  # the last step: what is left is the export
    ],
)
def test_a_signal_saves_after_the_step_and_exits_with_its_status(
    signum: signal.Signals,
    step: int,
    status: int,
    whole: dict[str, Path],
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not whole:
        whole["run"] = train(tiny(*STEPS)).folder
    original = Metrics.on_train_batch_start

    def sends(self: Metrics, trainer: Any, module: Any, batch: Any, index: int) -> None:
        original(self, trainer, module, batch, index)
        if batch.step + 1 == step:
            os.kill(os.getpid(), signum)

    monkeypatch.setattr(Metrics, "on_train_batch_start", sends)
    hangup = signal.signal(
        signal.SIGHUP, signal.SIG_DFL
    )  # ignored under `nohup`, so it would not stop
    before = {each: signal.getsignal(each) for each in SIGNALS}
    config = tiny(*STEPS, f"run_dir={tmp_path / 'run'}")
    with pytest.raises(SystemExit) as ended:
        train(config)
    assert ended.value.code == status
    assert {each: signal.getsignal(each) for each in SIGNALS} == before
    signal.signal(signal.SIGHUP, hangup)
    saved = newest(tmp_path / "run")[1]
    assert saved["global_step"] == step
    assert not (tmp_path / "run" / "hf").exists()
    assert f"to resume: the same command with run_dir={tmp_path / 'run'}" in capsys.readouterr().out
    monkeypatch.setattr(Metrics, "on_train_batch_start", original)
    same_run(train(config).folder, whole["run"])


def test_a_signal_before_training_ends_the_first_validation(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Metrics.on_validation_start

    def sends(self: Metrics, *arguments: Any) -> None:
        original(self, *arguments)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Metrics, "on_validation_start", sends)
    with pytest.raises(Stopped) as ended:
        train(tiny(*STEPS, f"run_dir={tmp_path / 'run'}"))
    assert ended.value.code == 143
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_a_signal_is_noted_where_the_terminal_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("amlm.training.stopping.os.write", gone)
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.signum == signal.SIGTERM


def test_a_second_ctrl_c_exits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr("amlm.training.stopping.os._exit", statuses.append)
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signum == signal.SIGTERM and statuses == []
        os.kill(os.getpid(), signal.SIGINT)
    assert statuses == [130]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A process group with this process alone."""
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("signum", [0, signal.SIGTERM])
def test_several_processes_resume_a_run_whose_last_step_is_saved(signum: int, group: None) -> None:
    """Lightning then leaves `fit` before training starts."""
    request, unused = StopRequest(), cast(Any, None)
    trainer: Any = SimpleNamespace(world_size=2)
    request.signum = signum
    stop = Stop(request, unused, timeout=60)
    for stage in ("fit", "validate"):
        stop.setup(trainer, unused, stage)
    if signum:
        with pytest.raises(Stopped) as ended:
            stop.after_training(trainer)
        assert ended.value.code == 143
    else:
        stop.after_training(trainer)
