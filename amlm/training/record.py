"""A run's own record: an append-only log and the masking table at every update.

``log.jsonl`` has one JSON object a line with a ``kind`` and, but for the summary, a ``step``
(optimizer steps completed). ``tables.f32`` has the masking probabilities after each update, float32
``[V]``, in the order of the ``mask_update`` lines. Kinds:

| kind | content |
| --- | --- |
| ``data`` | text, words by source and checksums, of a run in a track |
| ``train``, ``validation`` | means since the previous one; plain masked LM on held-out text |
| ``mask_update`` | one update of the masking table |
| ``checkpoint``, ``evaluation`` | a word checkpoint; scores of zero-shot tasks |
| ``health`` | what begins or ends to go wrong: an ``event`` and a ``message`` |
| ``metrics`` | metrics that Lightning's and users' callbacks log |
| ``summary`` | the last line of a finished run |

This record is the source of truth; loggers only mirror it. `amlm.training.run_log` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlm.util.errors import InputError

LOG_FILE = "log.jsonl"
TABLE_FILE = "tables.f32"
Record = dict[str, Any]


def scalars(record: Record) -> dict[str, float]:
    """The numbers of a record under flat names, e.g. ``mask_update/by_kind/word``.

    Those of kind ``metrics`` keep their logged names.
    """

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from walk(f"{prefix}/{key}".lstrip("/"), each)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield prefix, value

    kind = "" if record["kind"] == "metrics" else record["kind"]
    return dict(walk(kind, {k: v for k, v in record.items() if k not in ("kind", "step")}))


def read_log(folder: Path) -> list[Record]:
    """All records of a run, without a truncated last line.

    Raises:
        InputError: there is no log, or a line before the last is invalid.
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
    """The masking probabilities at every update: steps ``[T]`` and a memory-mapped ``[T, V]``.

    Raises:
        InputError: there are fewer tables than the log has updates.
    """
    updates = [record for record in read_log(folder) if record["kind"] == "mask_update"]
    steps = [int(record["step"]) for record in updates]
    path = folder / TABLE_FILE
    if not steps:
        return [], np.zeros((0, 0), dtype=np.float32)
    # Given, since a killed run may leave a table without its line.
    shape = (len(steps), int(updates[0]["vocab_size"]))
    size, needed = path.stat().st_size if path.exists() else 0, 4 * shape[0] * shape[1]
    if size < needed:
        raise InputError(
            f"{path} is truncated: it has {size:,} bytes, the {shape[0]:,} updates in {LOG_FILE} "
            f"need {needed:,}. Restore it from a copy, or train again in another folder"
        )
    return steps, np.memmap(path, dtype="<f4", mode="r", shape=shape)
