"""Reads text from a file of any common format, compressed or not, or from the Hugging Face Hub.

Everything is read in bounded memory; errors name the file and the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from amlm.text.readers.hub_datasets import HUB, hub_revision, read_hub
from amlm.text.readers.lookalikes import looks_like
from amlm.text.readers.records import Cells, csv_cells, json_cells, parquet_cells, rows, some, texts
from amlm.text.readers.text_files import COMPRESSED, blocks, lines_in, opened
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

__all__ = [
    "HUB",
    "digest",
    "format_of",
    "hub_revision",
    "read_hub",
    "read_rows",
    "read_texts",
    "taken_for_text",
]
FORMATS = ("text", "jsonl", "csv", "tsv", "parquet")
SUFFIXES = {f".{format}": format for format in FORMATS[1:]} | {".ndjson": "jsonl", ".json": "jsonl"}


def format_of(path: Path, format: str = "auto") -> str:
    """One of `FORMATS`; ``auto`` goes by the suffix before that of compression, else plain text.

    Raises:
        InputError: the given format is unknown.
    """
    if format == "auto":
        name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
        return SUFFIXES.get(name.suffix.lower(), "text")
    if format not in FORMATS:
        raise InputError(
            f"unknown format {format}{nearest(format, FORMATS)}: use auto or one of "
            f"{', '.join(FORMATS)}"
        )
    return format


def taken_for_text(path: Path) -> str | None:
    """A remark on a file that is read as text for want of another suffix, but looks like more."""
    what = looks_like(path) if format_of(path) == "text" else None
    return what and f"{path} is read as plain text, but looks like {what}"


def digest(path: Path) -> str:
    """Hashes a file's bytes (BLAKE2b, 32 hexadecimal digits); InputError if there is none."""
    with opened(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _cells(path: Path, columns: Sequence[str], format: str) -> tuple[Cells, str]:
    match format:
        case "jsonl":
            return json_cells(path, columns), f"{path}, line"
        case "csv" | "tsv":
            return csv_cells(path, columns, "," if format == "csv" else "\t"), f"{path}, line"
        case "parquet":
            return parquet_cells(path, columns), f"{path}, row"
        case _:
            raise InputError(f"{path} is plain text, which has no columns ({', '.join(columns)})")


def read_texts(path: Path, *, format: str = "auto", column: str = "text") -> Iterator[str]:
    """Yields the non-empty lines of a file, each `amlm.text.lines.normalised`.

    Args:
        path: the file; .gz, .bz2, .xz and .zst are decompressed.
        format: one of `FORMATS`, or ``auto`` for `format_of`.
        column: the text, in formats with columns; a value can have several lines, or none.

    Raises:
        InputError: the file is missing, has no text or is not in its format; names the file and
            the line (Parquet: the row).
        OSError: the file can't be read.
    """
    format = format_of(path, format)
    if format == "text":
        return some(chain.from_iterable(lines_in(text) for _, text in blocks(path)), str(path))
    cells, unit = _cells(path, [column], format)
    return some(texts(cells, column, unit), str(path))


def read_rows(
    path: Path, columns: Sequence[str], *, format: str = "auto"
) -> Iterator[tuple[str, ...]]:
    """Yields some columns of each record of a file, `amlm.text.lines.normalised` and non-empty.

    Raises:
        InputError: as in `read_texts`; also plain text, or an empty value.
    """
    cells, unit = _cells(path, columns, format_of(path, format))
    return some(rows(cells, columns, unit), str(path))
