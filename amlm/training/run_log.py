"""Writes a run's record, as a Lightning logger."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers.logger import Logger
from numpy.typing import NDArray

from amlm.training.record import LOG_FILE, TABLE_FILE, Record, read_log, scalars
from amlm.util.files import GrowingFile, Position

log = logging.getLogger(__name__)


def own_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Without the epoch that Lightning adds, which counts the whole run as one."""
    return {name: value for name, value in metrics.items() if name != "epoch"}


class RunLog(Logger):
    """Appends records to the log of a run folder and passes them to the mirrors.

    The run writes its own records with `write`. Metrics logged by Lightning's and users' callbacks
    arrive at `log_metrics` and become records of kind ``metrics``; Lightning passes them to the
    mirrors itself.

    Args:
        folder: the run folder.
        enabled: False on ranks other than the first, which write nothing.

    Attributes:
        latest: the last record of each kind.
        step: optimizer steps completed, counting the current one; Lightning's is one behind.
        mirrors: other loggers that get the records.
    """

    # By default `ModelCheckpoint` writes to <save_dir>/<name>/<version>/checkpoints: keep it apart
    # from the checkpoint that the run resumes from.
    name = "callbacks"
    version = ""

    def __init__(self, folder: Path, enabled: bool = True) -> None:
        super().__init__()
        self.folder = folder
        self.enabled = enabled
        self.latest: dict[str, Record] = {}
        self.step = 0
        self.mirrors: list[Mirror] = []
        self._lines = GrowingFile(folder / LOG_FILE)
        self._tables = GrowingFile(folder / TABLE_FILE)
        self._files = (self._tables, self._lines)

    @property
    def save_dir(self) -> str:
        return str(self.folder)

    def write(
        self, kind: str, values: Record, table_V: NDArray[np.float32] | None = None
    ) -> Record:
        """Appends a record, with its table if it has one, and passes both to the mirrors."""
        record = self._append({"kind": kind, **values}, table_V)
        if self.enabled:
            for mirror in self.mirrors:
                mirror.log_record(record, table_V)
        return record

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        numbers = {name: float(value) for name, value in own_metrics(metrics).items()}
        self._append({"kind": "metrics", "step": self.step, **numbers})

    def log_hyperparams(self, *_: object, **__: object) -> None:
        pass  # config.yaml has them

    def _append(self, record: Record, table_V: NDArray[np.float32] | None = None) -> Record:
        self.latest[record["kind"]] = record
        if self.enabled:
            if table_V is not None:  # before the line that refers to it
                self._tables.append(np.ascontiguousarray(table_V, dtype="<f4").tobytes())
            line = json.dumps(_finite(record), ensure_ascii=False) + "\n"
            self._lines.append(line.encode())
        return record

    def sync(self) -> None:
        """Waits until all that was recorded is on disk."""
        for each in self._files:
            each.sync()

    def positions(self) -> dict[str, Position]:
        """What the log and the tables hold, by file name."""
        return {each.path.name: each.position() for each in self._files}

    def fault(self, state: Record) -> str | None:
        """How the log or the tables are less than a checkpoint says; None if they have it all."""
        faults = (e.fault(Position(**state["record"][e.path.name])) for e in self._files)
        return next(filter(None, faults), None)

    def clear(self) -> None:
        """Removes the record of a run that stopped before its first checkpoint."""
        for each in self._files:
            each.clear()

    def rewind(self, state: Record) -> None:
        """Drops what was recorded after a checkpoint; a run resumed from it records it again."""
        for each in self._files:
            each.cut(Position(**state["record"][each.path.name]))
        self.step = state["global_step"]
        self.recall(read_log(self.folder))

    def recall(self, records: Iterable[Record]) -> None:
        """Sets `latest` from the records of a resumed run, on every rank."""
        self.latest = {record["kind"]: record for record in records}

    def close(self, failed: bool = False) -> None:
        """Closes the mirrors with the run's status."""
        for mirror in self.mirrors:
            mirror.close(failed)


class Mirror(Logger):
    """Mixin that makes a logger of Lightning's a mirror of the record (see `mirrors`).

    When it fails once, it is switched off and the run continues.
    """

    def __init__(self, run_log: RunLog, **options: Any) -> None:
        super().__init__(**options)
        self.run_log = run_log
        self.failed = False

    def log_record(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        self._try(self.show, record, table_V)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        self._try(self.put, own_metrics(metrics), self.run_log.step)

    def save(self) -> None:
        self._try(super().save)

    def finalize(self, status: str) -> None:
        self._try(super().finalize, status)

    def show(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        self.put(scalars(record), record.get("step", self.run_log.step))

    def put(self, values: dict[str, Any], step: int) -> None:
        super().log_metrics(values, step)  # type: ignore[safe-super]

    def close(self, failed: bool) -> None:
        self.finalize("failed" if failed else "success")

    def _try(self, action: Callable[..., object], *arguments: Any) -> None:
        if not self.failed:
            try:
                action(*arguments)
            except Exception as error:
                self.failed = True
                log.warning(
                    "%s is switched off: %r; the run and its log continue",
                    type(self).__name__,
                    error,
                )


def _finite(value: Any) -> Any:
    # JSON has no NaN or infinity.
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
