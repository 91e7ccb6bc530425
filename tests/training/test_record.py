"""The run's record: it is read back as written, also after a crash in the middle of a line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from numpy.typing import NDArray

from amlm.training.record import Record, read_log, read_tables, scalars
from amlm.training.run_log import Mirror, RunLog
from amlm.util.errors import InputError


def _table(value: float) -> NDArray[np.float32]:
    return np.full(5, value, dtype=np.float32)


def _filled(folder: Path) -> RunLog:
    log = RunLog(folder)
    for step in (2, 4, 6):
        log.write("train", {"step": step, "loss": 1.0 / step})
        log.write("mask_update", {"step": step, "vocab_size": 5}, _table(step / 10))
    return log


def test_written_records_and_tables_are_read_back(tmp_path: Path) -> None:
    log = _filled(tmp_path)
    assert [record["kind"] for record in read_log(tmp_path)] == ["train", "mask_update"] * 3
    assert read_log(tmp_path)[2] == {"kind": "train", "step": 4, "loss": 0.25}
    steps, tables = read_tables(tmp_path)
    assert steps == [2, 4, 6]
    np.testing.assert_array_equal(tables, np.stack([_table(s / 10) for s in steps]))
    assert log.latest["train"]["step"] == 6


def _state(log: RunLog, step: int) -> dict[str, Any]:
    positions = {name: asdict(each) for name, each in log.positions().items()}
    return {"global_step": step, "record": positions}


def test_rewind_drops_what_was_recorded_after_a_checkpoint(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    states = {0: _state(log, 0)}
    for step in (2, 4, 6):
        log.write("mask_update", {"step": step, "vocab_size": 5}, _table(step / 10))
        log.write("train", {"step": step})
        states[step] = _state(log, step)
    (tmp_path / "log.jsonl").open("ab").write(b'{"kind": "trai')  # killed while it wrote
    again = RunLog(tmp_path)  # in another process
    again.rewind(states[4])
    assert [record["step"] for record in read_log(tmp_path)] == [2, 2, 4, 4]
    assert again.step == again.latest["train"]["step"] == 4
    log = again
    log.write("mask_update", {"step": 6, "vocab_size": 5}, _table(0.9))
    steps, tables = read_tables(tmp_path)
    assert (steps, tables[-1, 0]) == ([2, 4, 6], np.float32(0.9))


@pytest.mark.parametrize("name", ["log.jsonl", "tables.f32"])
def test_a_record_that_lost_something_does_not_fit_the_checkpoint(
    tmp_path: Path, name: str
) -> None:
    log = _filled(tmp_path)
    state = _state(log, 6)
    whole = (tmp_path / name).read_bytes()
    assert RunLog(tmp_path).fault(state) is None
    size = f"{name} has {{}} bytes, {len(whole)} when it was saved"
    for content, fault in (
        (b"", size.format(0)),
        (whole[: len(whole) // 2], size.format(len(whole) // 2)),
        (whole[:-1], size.format(len(whole) - 1)),
        (b"?" + whole[1:], f"{name} has changed since it was saved"),
    ):
        (tmp_path / name).write_bytes(content)
        assert RunLog(tmp_path).fault(state) == fault
    (tmp_path / name).unlink()
    assert RunLog(tmp_path).fault(state) == size.format(0)
    (tmp_path / name).write_bytes(whole + b"more")
    assert RunLog(tmp_path).fault(state) is None


def test_tables_that_are_truncated_are_refused(tmp_path: Path) -> None:
    _filled(tmp_path)
    with (tmp_path / "tables.f32").open("rb+") as file:
        file.truncate(59)
    message = (
        r"tables\.f32 is truncated: it has 59 bytes, the 3 updates in log\.jsonl need 60\. Restore"
    )
    with pytest.raises(InputError, match=message):
        read_tables(tmp_path)
    (tmp_path / "tables.f32").unlink()
    with pytest.raises(InputError, match="it has 0 bytes"):
        read_tables(tmp_path)


def test_a_truncated_last_line_is_skipped(tmp_path: Path) -> None:
    _filled(tmp_path)
    path = tmp_path / "log.jsonl"
    whole = path.read_bytes()
    for cut in range(1, 30):
        path.write_bytes(whole[:-cut])
        assert len(read_log(tmp_path)) == (6 if cut == 1 else 5)


def test_a_table_without_its_line_is_skipped(tmp_path: Path) -> None:
    _filled(tmp_path)
    with (tmp_path / "tables.f32").open("ab") as file:
        file.write(b"\0" * 13)
    assert read_tables(tmp_path)[1].shape == (3, 5)


def test_an_invalid_line_before_the_last_is_reported(tmp_path: Path) -> None:
    _filled(tmp_path)
    path = tmp_path / "log.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:-4]
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"log\.jsonl, line 3"):
        read_log(tmp_path)


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run folder"):
        read_log(tmp_path)


def test_nan_is_written_as_null(tmp_path: Path) -> None:
    RunLog(tmp_path).write("train", {"step": 1, "loss": float("nan"), "by": {"x": float("inf")}})
    text = (tmp_path / "log.jsonl").read_text()
    assert json.loads(text) == {"kind": "train", "step": 1, "loss": None, "by": {"x": None}}


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    log = RunLog(tmp_path, enabled=False)
    log.write("train", {"step": 1})
    assert log.latest["train"] == {"kind": "train", "step": 1}
    assert list(tmp_path.iterdir()) == []


class Seen(Mirror, DummyLogger):
    """Collects the records that it gets, or fails."""

    def __init__(self, run_log: RunLog, error: Exception | None = None) -> None:
        super().__init__(run_log)
        self.error = error
        self.seen: list[Any] = []

    def show(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        self.seen.append((record["kind"], None if table_V is None else float(table_V[0])))
        super().show(record, table_V)

    def put(self, values: dict[str, Any], step: int) -> None:
        self.seen.append((step, values))
        if self.error:
            raise self.error


def test_mirrors_see_every_record_and_its_table(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.mirrors = [mirror := Seen(log)]
    log.write("train", {"step": 1, "loss": 0.5})
    log.write("mask_update", {"step": 1}, _table(0.5))
    log.close()
    assert mirror.seen == [("train", None), (1, {"train/loss": 0.5}), ("mask_update", 0.5), (1, {})]


def test_metrics_logged_by_lightning_have_the_current_step(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.mirrors = [mirror := Seen(log)]
    log.step = 8
    for logger in (log, mirror):  # as Lightning does, one step behind
        logger.log_metrics({"lr-Lamb": torch.tensor(0.5), "epoch": 0}, step=7)
    assert read_log(tmp_path) == [{"kind": "metrics", "step": 8, "lr-Lamb": 0.5}]
    assert mirror.seen == [(8, {"lr-Lamb": 0.5})]
    assert scalars(read_log(tmp_path)[0]) == {"lr-Lamb": 0.5}


def test_scalars_flattens_nested_numbers() -> None:
    record = {"kind": "k", "step": 3, "a": 1, "b": {"c": 2.5, "d": {"e": 4}}, "f": [1], "g": True}
    assert scalars(record) == {"k/a": 1, "k/b/c": 2.5, "k/b/d/e": 4}


def test_a_failing_mirror_is_switched_off_and_the_log_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = RunLog(tmp_path)
    log.mirrors = [mirror := Seen(log, ConnectionError("no network"))]
    log.write("train", {"step": 1})
    log.write("train", {"step": 2})
    mirror.log_metrics({"x": 1.0})
    log.close()
    assert len(read_log(tmp_path)) == 2
    assert mirror.seen == [("train", None), (1, {})]
    assert len(caplog.records) == 1 and "no network" in caplog.text


def test_a_line_truncated_inside_a_character_is_skipped(tmp_path: Path) -> None:
    RunLog(tmp_path).write("train", {"step": 1, "highest": "▁the"})
    RunLog(tmp_path).write("train", {"step": 2, "highest": "▁"})
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert [record["step"] for record in read_log(tmp_path)] == [1]
