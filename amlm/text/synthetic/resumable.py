"""A JSONL file that grows by whole rows and can be gone on with after any stop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from amlm.util.errors import InputError


@dataclass
class Progress:
    """How far a file is: the index that comes next, and the words of all texts."""

    index: int = 0
    words: int = 0

    def add(self, index: int, text: str) -> int:
        """Counts a row (or one left out, without a text); returns its words."""
        added = len(text.split())
        self.index = index + 1
        self.words += added
        return added


@contextmanager
def open_rows(path: Path, options: Mapping[str, Any]) -> Iterator[tuple[BinaryIO, Progress]]:
    """Opens a file of rows to append to; a torn last line is cut off.

    Args:
        path: the file; `options` are kept beside it, in ``<path>.json``.
        options: what the rows depend on, as JSON can hold it.

    Raises:
        InputError: the file was made with other options, or is not such a file.
    """
    if not path.parent.is_dir():
        raise InputError(f"out={path}: there is no folder {path.parent}; make it first")
    beside = path.with_name(f"{path.name}.json")
    if path.exists() and path.stat().st_size:
        _check_options(path, beside, options)
        progress = _whole_rows(path)
    else:
        beside.write_text(json.dumps(options, indent=2, ensure_ascii=False) + "\n", "utf-8")
        progress = Progress()
    with path.open("ab") as file:
        yield file, progress


def _check_options(path: Path, beside: Path, options: Mapping[str, Any]) -> None:
    try:
        kept = json.loads(beside.read_text("utf-8"))
        other = [name for name in {**kept, **options} if kept.get(name) != options.get(name)]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is there, but its options are not in {beside}: give another out=..."
        ) from error
    if other:
        raise InputError(
            f"{path} was made with other options ({', '.join(sorted(other))}; see {beside}): give "
            "the same ones to go on with it, or another out=..."
        )


def _whole_rows(path: Path) -> Progress:
    """Counts the rows of a file and cuts off what a stop left of the last one."""
    progress, size = Progress(), 0
    with path.open("rb+") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                row = json.loads(line)
                index, text = int(row["index"]), str(row["text"])
            except (ValueError, LookupError, TypeError):
                index, text = -1, ""
            if index < progress.index:
                raise InputError(
                    f"{path}, line {number}: not a row that was written there; give another out=..."
                )
            progress.add(index, text)
            size += len(line)
        file.truncate(size)
    return progress
