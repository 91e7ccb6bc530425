"""Loggers mirror the run's log, also that of a resumed run: W&B offline runs, TensorBoard events
and CSV files are read back and compared with it."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger

from amlm.config.run_schema import LoggerConfig
from amlm.config.schema import Config
from amlm.train import train
from amlm.training.callbacks.metrics import Metrics
from amlm.training.mirrors import check_logger, make_mirrors, wandb_account
from amlm.training.record import read_log, scalars
from amlm.training.run import Result
from amlm.training.run_log import RunLog
from amlm.util.errors import InputError
from tests.training.offline_wandb import wandb_records

STEPS = ("experiment=hard_decay", "trainer.max_steps=6", "masking.update_every=2")


def test_wandb_offline_mirrors_the_record_tables_and_curves(
    tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    config = tiny(*STEPS, "logger=wandb", "logger.project=babies")
    config.sweep = "grid-7"  # as --multirun sets it
    result = train(config)
    history, run = wandb_records(result.folder)
    name = result.folder.parent.name
    assert (run.project, run.run_group) == ("babies", "grid-7")
    assert len(run.job_type) == 64 and run.job_type.startswith(name[:55])  # W&B takes no more
    assert run.display_name == f"{name}-seed0"
    logged = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert logged["masking"]["smoothing"] == 0.2 and logged["seed"] == 0

    rows = {row["_step"]: row for row in history}
    for record in read_log(result.folder):
        if record["kind"] in ("summary", "checkpoint"):
            continue
        for name, value in scalars(record).items():
            assert rows[record["step"]][name] == pytest.approx(value), name
    updates = [row for row in history if "mask_update/entropy" in row]
    assert len(updates) == 3
    for row in updates:
        assert row["mask_update/table/_type"] == "histogram"
        assert row["mask_update/extreme_types/_type"] == "table-file"
        assert {"mask_update/kl_previous", "mask_update/kl_first"} <= set(row)
        assert any("rank_curves" in key for key in row)
        assert any(key.startswith("mask_update/by_kind/") for key in row)


def test_tensorboard_mirrors_every_number(tiny_run: Callable[..., Result]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tiny_run(*STEPS, "logger=tensorboard").folder
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"histograms": 0})
    events.Reload()
    for record in read_log(folder):
        for name, value in scalars(record).items():
            found = {e.step: e.value for e in events.Scalars(name)}
            assert found[record.get("step", 6)] == pytest.approx(value, rel=1e-5)
    assert len(events.Histograms("mask_update/table")) == 3


def _csv_numbers(folder: Path) -> dict[tuple[int, str], float]:
    with (folder / "metrics.csv").open() as file:
        return {
            (int(row["step"]), name): float(value)
            for row in csv.DictReader(file)
            for name, value in row.items()
            if name != "step" and value
        }


def test_csv_mirrors_every_number(tiny_run: Callable[..., Result]) -> None:
    folder = tiny_run(*STEPS, "logger=csv").folder
    assert _csv_numbers(folder) == {
        (record.get("step", 6), name): value
        for record in read_log(folder)
        for name, value in scalars(record).items()
    }


@pytest.fixture
def resumed(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Trains with a logger, stops at step 5 after a checkpoint at 3, and resumes; the folder."""

    def make(logger: str) -> Path:
        config = tiny(
            *STEPS,
            f"logger={logger}",
            "checkpoints.every=3",
            f"run_dir={tmp_path / logger}",
            "+callbacks.lr._target_=lightning.pytorch.callbacks.LearningRateMonitor",
        )
        original = Metrics.on_step_end

        def stops(self: Metrics, trainer: Any, module: Any, step: int) -> None:
            original(self, trainer, module, step)
            if step == 5:
                raise KeyboardInterrupt

        monkeypatch.setattr(Metrics, "on_step_end", stops)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train(config)
        monkeypatch.setattr(Metrics, "on_step_end", original)
        time.sleep(logger == "wandb")  # its offline folders are named by the second
        return train(config).folder

    return make


def test_a_resumed_csv_is_complete(resumed: Callable[[str], Path]) -> None:
    folder = resumed("csv")
    assert _csv_numbers(folder) == {
        (record.get("step", 6), name): value
        for record in read_log(folder)
        for name, value in scalars(record).items()
    }
    assert (2, "lr-Lamb/pg1") in _csv_numbers(folder)


def test_a_resumed_tensorboard_hides_discarded_steps(resumed: Callable[[str], Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = resumed("tensorboard")
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [e.step for e in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    assert [e.step for e in events.Scalars("lr-Lamb/pg1")] == [1, 2, 3, 4, 5, 6]


def test_a_resumed_wandb_run_continues_its_history(
    resumed: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = resumed("wandb")
    assert len(list((folder / "wandb").glob("offline-run-*"))) == 2
    history, run = wandb_records(folder)
    rows = {row["_step"]: row for row in history}
    assert [row["_step"] for row in history] == [0, 1, 2, 3, 4, 5, 6]
    for record in read_log(folder):
        if record["kind"] not in ("summary", "checkpoint"):
            for name, value in scalars(record).items():
                assert rows[record["step"]][name] == pytest.approx(value), name
    assert [step for step in rows if "mask_update/table/_type" in rows[step]] == [2, 4, 6]
    (line,) = (each for each in capsys.readouterr().out.split("\n") if each.startswith("wandb "))
    assert "has the history up to step 3 too: of this run, `wandb sync` the last folder" in line
    ids = {path.stem for path in (folder / "wandb").glob("offline-run-*/run-*.wandb")}
    assert ids == {f"run-{run.run_id}"}
    tables = "files/media/table/mask_update/rank_curves_table_6_*"
    (curves,) = folder.glob(f"wandb/offline-run-*/{tables}")
    lines = {line for _, line, _ in json.loads(curves.read_text())["data"]}
    assert lines == {"step 2", "step 4", "step 6"}


@pytest.mark.parametrize(
    ("environ", "given", "expected", "said"),
    [
        ({}, {}, ("amlm", None, "offline"), []),
        (
            {"WANDB_PROJECT": "p", "WANDB_ENTITY": "e", "WANDB_MODE": "online"},
            {},
            ("p", "e", "online"),
            [],
        ),
        (
            {"WANDB_PROJECT": "p", "WANDB_MODE": "online"},
            {"project": "mine", "mode": "offline"},
            ("mine", None, "offline"),
            ["logger.project=mine wins over WANDB_PROJECT=p", "logger.mode=offline wins"],
        ),
        ({"WANDB_MODE": "disabled"}, {}, ("amlm", None, "disabled"), ["off, as WANDB_MODE"]),
        ({"WANDB_DISABLED": "true"}, {"mode": "online"}, ("amlm", None, "disabled"), ["off, as"]),
        ({"WANDB_NAME": "x"}, {}, ("amlm", None, "offline"), ["WANDB_NAME has no effect"]),
    ],
)
def test_variables_of_wandb_are_honoured_or_the_winner_is_said(
    environ: dict[str, str],
    given: dict[str, str],
    expected: tuple[str | None, ...],
    said: list[str],
) -> None:
    account, remarks = wandb_account(LoggerConfig(name="wandb", **given), environ)
    assert tuple(account.values()) == expected
    assert len(remarks) == len(said) and all(map(str.startswith, remarks, said))


def test_settings_files_of_wandb_are_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"WANDB_CONFIG_DIR": str(tmp_path / "user")}
    for place, lines in (("user", "project = 100%\nentity = lab"), ("wandb", "project = mine")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "settings").write_text(f"[default]\n{lines}\nmode = disabled\n")
    options = LoggerConfig(name="wandb")
    account, remarks = wandb_account(options, environ)
    assert tuple(account.values()) == ("mine", "lab", "disabled") and "`wandb dis" in remarks[0]
    (tmp_path / "wandb" / "settings").unlink()
    account, remarks = wandb_account(options, environ | {"WANDB_MODE": "online"})
    assert tuple(account.values()) == ("100%", "lab", "online") and remarks == []
    account, _ = wandb_account(LoggerConfig(name="wandb", mode="offline"), environ)
    assert account["mode"] == "offline"
    (tmp_path / "user" / "settings").write_text("no settings file")
    assert wandb_account(options, environ)[0]["project"] == "amlm"


def test_wandb_does_not_write_into_the_temporary_folder_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "wandb"
    monkeypatch.setenv("WANDB_DIR", str(folder))
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(InputError, match=f"WANDB_DIR={folder} can't be written to.* unset it"):
        make_mirrors(LoggerConfig(name="wandb"), RunLog(tmp_path), [])


def test_long_names_are_cut_to_what_wandb_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    given: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        given.append(options)
        raise RuntimeError

    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr("amlm.training.mirrors.wandb_id", lambda folder: "x")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for end in "ab":
        about = {"name": "n" * 200 + end, "group": None, "job_type": "j" * 99 + end}
        with pytest.raises(InputError, match="did not start"):
            make_mirrors(LoggerConfig(name="wandb"), RunLog(tmp_path), [], **about)
    assert [len(each["name"]) for each in given] == [128, 128]
    assert [len(each["job_type"]) for each in given] == [64, 64]
    assert given[0]["job_type"] != given[1]["job_type"] and given[0]["group"] is None


def test_wandb_is_off_or_elsewhere_as_its_variables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb

    run_log = RunLog(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert make_mirrors(LoggerConfig(name="wandb"), run_log, []) == []
    assert capsys.readouterr().out.startswith("wandb    off, as WANDB_MODE")

    def init(**options: Any) -> None:
        raise RuntimeError(options["dir"])

    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr("amlm.training.mirrors.wandb_id", lambda folder: "x")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    for place in ("", "elsewhere"):
        monkeypatch.setenv("WANDB_DIR", place)
        with pytest.raises(InputError, match=rf"did not start \({place or tmp_path}\)"):
            make_mirrors(LoggerConfig(name="wandb"), run_log, [])


def test_a_failing_logger_does_not_fail_the_run(
    tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(CSVLogger, "log_metrics", full)
    monkeypatch.setattr(CSVLogger, "save", full)
    folder = tiny_run(*STEPS, "logger=csv").folder
    assert read_log(folder)[-1]["kind"] == "summary"


def test_a_missing_logger_package_is_reported_before_any_work(
    tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlm.training import mirrors

    monkeypatch.setattr(mirrors, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'amlm\[wandb\]'"):
        check_logger(tiny("logger=wandb").logger.name)
    check_logger(tiny("logger=csv").logger.name)
