"""Lightning's and a user's callbacks in real runs: their metrics are recorded, they act in their
place, and a resumed run with all of them equals an uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.trainer.connectors.callback_connector import _CallbackConnector
from rich.console import Console
from torch.utils._python_dispatch import TorchDispatchMode

from amlm.config.components import build_callbacks
from amlm.config.schema import Config
from amlm.train import train
from amlm.training import assemble, run
from amlm.training.callbacks.live_view import LiveView
from amlm.training.check_run import check_run
from amlm.training.checkpoint_files import newest
from amlm.training.record import read_log
from amlm.training.run import Result
from amlm.util.errors import InputError

BUILD = "amlm.training.assemble.build_callbacks"
LIGHTNING = "lightning.pytorch.callbacks"
STOPS = (
    f"+callbacks.stop._target_={LIGHTNING}.EarlyStopping",
    "+callbacks.stop.monitor=validation/loss",
    "+callbacks.stop.mode=max",  # it falls
    "+callbacks.stop.patience=1",
)
OTHERS = (
    f"+callbacks.best._target_={LIGHTNING}.ModelCheckpoint",
    "+callbacks.best.monitor=validation/loss",
    "+callbacks.best.save_top_k=2",
    f"+callbacks.often._target_={LIGHTNING}.ModelCheckpoint",
    "+callbacks.often.monitor=train/loss",
    "+callbacks.often.every_n_train_steps=2",
    f"+callbacks.rate._target_={LIGHTNING}.LearningRateMonitor",
    f"+callbacks.device._target_={LIGHTNING}.DeviceStatsMonitor",
)
STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=24",
    "trainer.validate_every=5",
    "trainer.log_every=4",
    "checkpoints.every=3",
    "masking.update_every=6",
)


class Mine(L.Callback):
    """A user's callback that logs a metric at every step and every validation."""

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        pl_module.log("mine", torch.tensor(float(trainer.global_step)))

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        pl_module.log("mine/validation", float(trainer.global_step))


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds a user's callback to every run."""
    monkeypatch.setattr(BUILD, lambda nodes: [Mine(), *build_callbacks(nodes)])


@pytest.fixture(autouse=True)
def steps_are_not_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if Lightning estimates the number of steps, since it would drop the data state."""

    def asked(self: L.Trainer) -> int:
        raise AssertionError("trainer.estimated_stepping_batches was asked for")

    monkeypatch.setattr(L.Trainer, "estimated_stepping_batches", property(asked))


def of_kind(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [record for record in read_log(folder) if record["kind"] == kind]


def test_early_stopping_ends_in_a_complete_run(
    tiny_run: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    result = tiny_run(*STEPS, *STOPS, "evaluation.tasks=[sample]", "evaluation.items=1")
    folder = result.folder
    assert "stopped early, after 10 of 24 steps" in capsys.readouterr().out
    assert [r["step"] for r in of_kind(folder, "validation")] == [0, 5, 10]
    train_records = of_kind(folder, "train")
    assert [r["step"] for r in train_records] == [4, 8, 10]
    assert [r["step"] for r in of_kind(folder, "evaluation")] == [10]
    (summary,) = of_kind(folder, "summary")
    assert summary["steps"] == 10 and summary["words_seen"] == train_records[-1]["words_seen"]
    assert summary["loss_after"] == of_kind(folder, "validation")[-1]["loss"]
    checkpoint = newest(folder)[1]
    assert checkpoint["global_step"] == 10
    assert (folder / "hf" / "model.safetensors").is_file()
    assert json.loads((folder / "run.json").read_text())["finished"]


def test_a_run_killed_after_early_stopping_does_not_resume_training(
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = train(tiny(*STEPS, *STOPS, f"run_dir={tmp_path / 'whole'}")).folder
    config = tiny(*STEPS, *STOPS, f"run_dir={tmp_path / 'killed'}")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "save_hugging_face", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    same_run(train(config).folder, whole)


@pytest.mark.parametrize("stop_at", [11, 16])
def test_lightning_and_user_callbacks_resume_exactly(
    stop_at: int,
    mine: None,
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    tmp_path: Path,
    stopped_and_resumed: Callable[[Config, int], Path],
) -> None:
    late = (*STEPS, *STOPS, *OTHERS, "callbacks.stop.patience=4")  # at step 25, so never
    whole = train(tiny(*late, f"run_dir={tmp_path / 'whole'}")).folder
    config = tiny(*late, f"run_dir={tmp_path / 'stopped'}")
    resumed = stopped_and_resumed(config, stop_at)
    same_run(resumed, whole)

    def states(folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = newest(folder)[1]["callbacks"]
        return found

    ours, theirs = states(resumed), states(whole)
    assert ours.keys() == theirs.keys() and len(ours) >= 3
    for key, state in theirs.items():
        if key.startswith("EarlyStopping"):
            assert ours[key] == state and state["wait_count"] == 3
        elif key.startswith("ModelCheckpoint"):
            scores = [sorted(map(float, s["best_k_models"].values())) for s in (ours[key], state)]
            assert scores[0] == scores[1] and scores[0]


def test_metrics_logged_by_callbacks_are_recorded(
    mine: None, tiny_run: Callable[..., Result]
) -> None:
    folder = tiny_run(*STEPS, *OTHERS).folder
    records = of_kind(folder, "metrics")
    for name, steps in (
        ("mine", [4, 8, 12, 16, 20, 24]),
        ("mine/validation", [0, 5, 10, 15, 20, 24]),
        ("lr-Lamb/pg1", [4, 8, 12, 16, 20, 24]),
        ("DeviceStatsMonitor.on_train_batch_start/cpu_percent", [4, 8, 12, 16, 20, 24]),
        ("DeviceStatsMonitor.on_train_batch_end/cpu_percent", [4, 8, 12, 16, 20, 24]),
    ):
        assert [record["step"] for record in records if name in record] == steps, name
    for record in records:
        assert "epoch" not in record
        assert record.get("mine", record["step"]) == record["step"]
        assert record.get("mine/validation", record["step"]) == record["step"]
    rates = {r["step"]: r["lr-Lamb/pg1"] for r in records if "lr-Lamb/pg1" in r}
    assert rates == {r["step"]: r["lr"] for r in of_kind(folder, "train")}

    saved = sorted(path.name for path in (folder / "callbacks" / "checkpoints").iterdir())
    # The two best validations, and the best training loss so far.
    assert "epoch=0-step=20.ckpt" in saved and "epoch=0-step=15.ckpt" in saved
    names = [path.name.partition("-")[0] for path in (folder / "checkpoints").iterdir()]
    assert sorted(names) == ["last", "step_21", "step_24"]


class Reads(TorchDispatchMode):
    """Counts the numbers that the host reads, each of which would synchronise with a GPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero")
        return func(*args, **(kwargs or {}))


class Between(L.Callback):
    """Counts reads from the start of one batch to the start of another."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.reads = Reads()

    def on_train_batch_start(self, *arguments: Any) -> None:
        if arguments[-1] == self.first:
            self.reads.__enter__()  # type: ignore[no-untyped-call]
        if arguments[-1] == self.last:
            self.reads.__exit__(None, None, None)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("last", "read"), [(9, False), (11, True)])
def test_the_host_reads_no_number_between_two_records(
    last: int, read: bool, tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    between = Between(2, last)
    monkeypatch.setattr(BUILD, lambda nodes: [Mine(), *build_callbacks(nodes), between])
    tolist = torch.Tensor.tolist

    def counted(self: torch.Tensor) -> Any:
        self.sum().item()  # visible to a dispatch mode on a CPU too
        return tolist(self)

    monkeypatch.setattr(torch.Tensor, "tolist", counted)
    terminal = Console(file=StringIO(), force_terminal=True, force_interactive=True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(assemble, "live_console", lambda: terminal)
    monkeypatch.setattr(LiveView, "seconds", 0.0)  # drawn after every step
    steps = ("trainer.max_steps=12", "trainer.log_every=10", "masking.update_every=100")
    tiny_run("experiment=hard_decay", *steps, *OTHERS[-2:])
    assert bool(between.reads.count) == read
    assert terminal.file.getvalue().count("of 12") >= 12  # type: ignore[attr-defined]


def test_callbacks_have_and_keep_their_order(
    mine: None, tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[L.Callback] = []
    make = assemble.make_trainer

    def noted(*arguments: Any) -> L.Trainer:
        with monkeypatch.context() as patch:
            backwards = staticmethod(lambda found: found[::-1])
            patch.setattr(_CallbackConnector, "_reorder_callbacks", backwards)
            with pytest.raises(AssertionError):
                make(*arguments)
        trainer = make(*arguments)
        found.extend(trainer.callbacks)  # type: ignore[attr-defined]
        return trainer

    monkeypatch.setattr(run, "make_trainer", noted)
    scored = ("evaluation.tasks=[sample]", "evaluation.items=1")
    train(tiny("trainer.max_steps=1", "trainer.profile=true", *scored, *OTHERS))
    names = [type(each).__name__ for each in found]
    assert names == [
        *("Checkpoints", "Stop", "MaskUpdate", "MaskDrift", "Metrics", "Watch", "WordCheckpoints"),
        *("Evaluation", "Profile", "ProgressLines", "Mine", "LearningRateMonitor"),
        *("DeviceStatsMonitor", "ModelCheckpoint", "ModelCheckpoint"),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("callbacks.stop.mode=lowest", r"callbacks\.stop: `mode` can be"),
        ("callbacks.stop.monitor=validation/los", r"did you mean validation/loss\?"),
        (
            "callbacks.stop.monitor=val/loss",
            r"callbacks\.stop\.monitor=val/loss is not logged \(did you mean validation/loss\?\): "
            r"one of train/loss, train/accuracy, .*validation/accuracy",
        ),
        ("callbacks.stop.monitor=step", r"callbacks\.stop\.monitor=step is not logged"),
        ("callbacks.best.monitor=val_loss", r"best.* \(did you mean validation/loss\?\)"),
    ],
)
def test_wrong_options_of_callbacks_are_found_beforehand(
    wrong: str, message: str, tiny: Callable[..., Config]
) -> None:
    with pytest.raises(InputError, match=message):
        config = tiny(*STOPS, *OTHERS, wrong)
        check_run(config)
        build_callbacks(config)


def test_a_user_callback_may_log_what_others_monitor(tiny: Callable[..., Config]) -> None:
    mine = "+callbacks.mine._target_=tests.training.callbacks.test_lightning_callbacks.Mine"
    check_run(tiny(*STOPS, "callbacks.stop.monitor=mine", mine, "components=[tests]"))
    check_run(tiny(*OTHERS, "callbacks.best.monitor=step"))  # which ModelCheckpoint counts itself


@pytest.mark.parametrize("callback", [STOPS, OTHERS[:3]], ids=["EarlyStopping", "ModelCheckpoint"])
def test_a_run_that_failed_for_its_monitor_resumes_with_another(
    callback: tuple[str, ...],
    mine: None,
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    tmp_path: Path,
) -> None:
    key = callback[0].partition("._target_")[0].lstrip("+")
    whole = train(tiny(*STEPS, *callback, f"run_dir={tmp_path / 'whole'}")).folder
    folder = tmp_path / "failed"
    failed = (*STEPS, *callback, f"run_dir={folder}")
    # At step 5 there is no checkpoint of the step yet, one of step 3, and no `train` record of it.
    with pytest.raises(InputError) as raised:
        train(tiny(*failed, f"{key}.monitor=yours"))
    for text in (
        f"{key}.monitor=yours: nothing has logged it by step 5, only mine, mine/validation, ",
        "train/loss, train/ratio, train/realised_ratio, validation/accuracy, validation/loss. ",
        "Name another metric, or have this one logged earlier (trainer.log_every for train/...)",
        f"the same command with that and run_dir={folder} resumes the run",
    ):
        assert text in str(raised.value), raised.value
    with pytest.raises(InputError, match=r"optimizer\.beta1 was"):
        train(tiny(*failed, "optimizer.beta1=0.5"))
    same_run(train(tiny(*failed)).folder, whole)
    description = json.loads((folder / "run.json").read_text())
    assert description["resumed"][0]["step"] == 3
    assert description["resumed"][0][f"{key}.monitor"] == "validation/loss"
    assert "unlogged" not in description


def test_the_monitor_of_a_run_that_did_not_fail_for_it_stays(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (*STEPS, *STOPS, f"run_dir={tmp_path}")

    def killed(*_: object) -> None:
        raise RuntimeError("no metric called 'mine'")

    monkeypatch.setattr(run, "save_hugging_face", killed)
    with pytest.raises(RuntimeError):
        train(tiny(*config))
    with pytest.raises(InputError, match=r"callbacks\.stop\.monitor was validation/loss"):
        train(tiny(*config, "callbacks.stop.monitor=train/loss"))
