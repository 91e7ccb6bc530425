"""The run's own record: an append-only log and the table at every update. Written and read here.

``log.jsonl`` has one JSON object a line with a ``kind`` (``validation``, ``train``,
``mask_update``, ``checkpoint``, ``evaluation``, ``summary``) and, but for the last, a ``step``.
``tables.f32`` has the masking probabilities after each update, float32 ``[V]`` one after the other
in the order of the ``mask_update`` lines. This record is the truth of a run; loggers only mirror
it.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amlm.util.errors import InputError

log = logging.getLogger(__name__)

LOG_FILE = "log.jsonl"
TABLE_FILE = "tables.f32"
Record = dict[str, Any]


class Mirror(Protocol):
    """Something that shows the record elsewhere; what it loses is still in the log."""

    def write(self, record: Record, table_V: NDArray[np.float32] | None) -> None: ...

    def close(self, failed: bool) -> None: ...


def scalars(record: Record) -> dict[str, float]:
    """The numbers of a record under flat names, e.g. ``mask_update/by_kind/word``."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from walk(f"{prefix}/{key}", each)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield prefix, value

    return dict(
        walk(record["kind"], {k: v for k, v in record.items() if k not in ("kind", "step")})
    )


class RunLog:
    """Appends to the record of a run folder and passes every record on to the mirrors.

    Args:
        folder: the run folder.
        mirrors: see `Mirror`.
        enabled: False on ranks other than the first, where nothing is written.
    """

    def __init__(self, folder: Path, mirrors: Iterable[Mirror] = (), enabled: bool = True) -> None:
        self.folder = folder
        self.mirrors = list(mirrors)
        self.enabled = enabled
        self.latest: dict[str, Record] = {}

    def write(
        self, kind: str, values: Record, table_V: NDArray[np.float32] | None = None
    ) -> Record:
        """Appends one record, and its table if it has one (before the line that speaks of it)."""
        record = {"kind": kind, **values}
        self.latest[kind] = record
        if not self.enabled:
            return record
        if table_V is not None:
            with (self.folder / TABLE_FILE).open("ab") as file:
                file.write(np.ascontiguousarray(table_V, dtype="<f4").tobytes())
        with (self.folder / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(record), ensure_ascii=False) + "\n")
        for mirror in list(self.mirrors):
            try:
                mirror.write(record, table_V)
            except Exception as error:
                # A mirror may fail, a run must not fail with it.
                self.mirrors.remove(mirror)
                log.warning("%s stops: %r; the log goes on", type(mirror).__name__, error)
        return record

    def clear(self) -> None:
        """Removes what a run left that was stopped before its first checkpoint."""
        for name in (LOG_FILE, TABLE_FILE):
            (self.folder / name).unlink(missing_ok=True)

    def rewind(self, step: int, vocab_size: int) -> None:
        """Drops what lies after a step, so that a run resumed there writes it again."""
        kept = [r for r in read_log(self.folder) if r.get("step", math.inf) <= step]
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        aside = self.folder / f"{LOG_FILE}.aside"
        aside.write_text(text, encoding="utf-8")
        aside.replace(self.folder / LOG_FILE)
        self.recall(kept)
        updates = sum(record["kind"] == "mask_update" for record in kept)
        if (self.folder / TABLE_FILE).exists():
            os.truncate(self.folder / TABLE_FILE, updates * vocab_size * 4)

    def recall(self, records: Iterable[Record]) -> None:
        """Takes the last record of each kind for the latest; every rank of a resumed run does."""
        self.latest = {record["kind"]: record for record in records}

    def close(self, failed: bool = False) -> None:
        """Closes the mirrors, telling them whether the run failed."""
        for mirror in self.mirrors:
            mirror.close(failed)


def _finite(value: Any) -> Any:
    # JSON has no NaN or infinity.
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_log(folder: Path) -> list[Record]:
    """All records of a run. A last line that was cut short is left out.

    Raises:
        InputError: there is no log, or a line before the last is broken.
    """
    path = folder / LOG_FILE
    try:
        lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    except FileNotFoundError:
        raise InputError(f"{folder} is not a run folder: it has no {LOG_FILE}") from None
    records: list[Record] = []
    lines = lines if lines != [b""] else []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise InputError(f"{path}, line {number}: not JSON ({error})") from error
    return records


def read_tables(folder: Path) -> tuple[list[int], NDArray[np.float32]]:
    """The masking probabilities at every update: steps ``[T]`` and a memory-mapped ``[T, V]``."""
    updates = [record for record in read_log(folder) if record["kind"] == "mask_update"]
    steps = [int(record["step"]) for record in updates]
    path = folder / TABLE_FILE
    if not steps:
        return [], np.zeros((0, 0), dtype=np.float32)
    shape = (len(steps), int(updates[0]["vocab_size"]))  # what no line speaks of lies behind
    return steps, np.memmap(path, dtype="<f4", mode="r", shape=shape)
