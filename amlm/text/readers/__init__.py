"""Text from a file of any usual kind, compressed or not, or from a dataset of the Hugging Face Hub.

Everything is read in bounded memory, and what is wrong with it is said with file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from amlm.text.readers.hub_datasets import HUB, hub_revision, hub_splits, read_hub
from amlm.text.readers.records import Cells, csv_cells, json_cells, parquet_cells, rows, some, texts
from amlm.text.readers.text_files import COMPRESSED, blocks, lines_in, opened
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

__all__ = [
    "HUB",
    "digest",
    "format_of",
    "hub_revision",
    "hub_splits",
    "read_hub",
    "read_rows",
    "read_texts",
]
FORMATS = ("text", "jsonl", "csv", "tsv", "parquet")
SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}


def format_of(path: Path, format: str = "auto") -> str:
    """The format of a file: one of `FORMATS`, by its suffix unless it is given.

    A suffix of compression is looked through: ``a.csv.gz`` is CSV. Any other suffix is plain text.

    Raises:
        InputError: an unknown format is given.
    """
    if format == "auto":
        name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
        return SUFFIXES.get(name.suffix.lower(), "text")
    if format not in FORMATS:
        raise InputError(
            f"unknown format {format}{nearest(format, FORMATS)}: auto or one of "
            f"{', '.join(FORMATS)}"
        )
    return format


def digest(path: Path) -> str:
    """A hash of the file's content as it lies there (BLAKE2b, 32 hexadecimal digits).

    Raises:
        InputError: there is no such file.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _cells(path: Path, columns: Sequence[str], kind: str) -> tuple[Cells, str]:
    match kind:
        case "jsonl":
            return json_cells(path, columns), f"{path}, line"
        case "csv":
            return csv_cells(path, columns, ","), f"{path}, line"
        case "tsv":
            return csv_cells(path, columns, "\t"), f"{path}, line"
        case "parquet":
            return parquet_cells(path, columns), f"{path}, row"
        case _:
            raise InputError(f"{path} is plain text, which has no columns ({', '.join(columns)})")


def read_texts(path: Path, *, format: str = "auto", column: str = "text") -> Iterator[str]:
    """Yields the non-empty lines of a file, each `amlm.text.lines.normalised`.

    Args:
        path: the file; one that ends in .gz, .bz2, .xz or .zst is unpacked as it is read.
        format: one of `FORMATS`, or ``auto`` for `format_of`.
        column: where the text is, in formats with columns; a value with line ends in it is several
            lines, an empty or null one none.

    Raises:
        InputError: the file is missing, has no text, or can't be read as what it should be; names
            the file and, where it is about one, the line or row (in Parquet).
        OSError: the file can't be read.
    """
    kind = format_of(path, format)
    if kind == "text":
        return some(chain.from_iterable(lines_in(text) for _, text in blocks(path)), str(path))
    cells, unit = _cells(path, [column], kind)
    return some(texts(cells, column, unit), str(path))


def read_rows(
    path: Path, columns: Sequence[str], *, format: str = "auto"
) -> Iterator[tuple[str, ...]]:
    """Yields the named columns of each record of a JSONL, CSV, TSV or Parquet file.

    Args:
        path: as in `read_texts`.
        columns: their names, in the order that is wanted.
        format: as in `read_texts`.

    Returns: for each record, its values, each `amlm.text.lines.normalised` and non-empty.

    Raises:
        InputError: as in `read_texts`; also plain text, or an empty value.
    """
    cells, unit = _cells(path, columns, format_of(path, format))
    return some(rows(cells, columns, unit), str(path))
