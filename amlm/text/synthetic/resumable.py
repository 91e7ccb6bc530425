"""A JSONL file that grows by complete rows and can be resumed after any interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from amlm.util.errors import InputError
from amlm.util.files import write_json


@dataclass
class Progress:
    """Progress of a file: the next index, and the words of all texts."""

    index: int = 0
    words: int = 0

    def add(self, index: int, text: str) -> int:
        """Counts a row, or a skipped one without text; returns its words."""
        added = len(text.split())
        self.index = index + 1
        self.words += added
        return added


@contextmanager
def open_rows(path: Path, options: Mapping[str, Any]) -> Iterator[tuple[BinaryIO, Progress]]:
    """Opens a file of rows for appending; a truncated last line is removed.

    Args:
        path: the file; the options are kept in ``<path>.json``.
        options: all options that the rows depend on, as JSON values.

    Raises:
        InputError: the file was made with other options, or is not a file of rows.
    """
    if not path.parent.is_dir():
        raise InputError(f"out={path}: there is no folder {path.parent}: create it first")
    options_file = path.with_name(f"{path.name}.json")
    if path.exists() and path.stat().st_size:
        _check_options(path, options_file, options)
        progress = _whole_rows(path)
    else:
        write_json(options_file, options, indent=2)
        progress = Progress()
    with path.open("ab") as file:
        yield file, progress


def _check_options(path: Path, options_file: Path, options: Mapping[str, Any]) -> None:
    try:
        kept = json.loads(options_file.read_text("utf-8"))
        other = [name for name in {**kept, **options} if kept.get(name) != options.get(name)]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} exists, but its options are not in {options_file}: choose another out=..."
        ) from error
    if other:
        raise InputError(
            f"{path} was made with other options ({', '.join(sorted(other))}; see {options_file}): "
            "use the same ones to resume it, or choose another out=..."
        )


def _whole_rows(path: Path) -> Progress:
    """Counts the rows of a file and removes a truncated last one."""
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
                    f"{path}, line {number}: not a row of this command; choose another out=..."
                )
            progress.add(index, text)
            size += len(line)
        file.truncate(size)
    return progress
