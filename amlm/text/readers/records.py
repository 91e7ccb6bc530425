"""Reads columns of JSONL, CSV, TSV and Parquet files.

The functions ``..._cells`` yield the number of each record (its first line; its row in Parquet) and
its values, which `texts` turns into lines of text and `rows` into rows of text.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar

from amlm.text.lines import normalised
from amlm.text.readers.text_files import (
    BLOCK_BYTES,
    LINE_LIMIT,
    blocks,
    lines_in,
    numbered_lines,
    opened,
)
from amlm.util.errors import InputError
from amlm.util.nearest import nearest
from amlm.util.optional import optional

Found = TypeVar("Found")
Cells = Iterator[tuple[int, Sequence[object]]]
DELIMITERS = {  # with what to do about a file that has them unexpectedly
    ",": ("commas", "give format=csv"),
    "\t": ("tabs", "give format=tsv"),
    ";": ("semicolons", "save the file with commas, or with tabs as .tsv"),
    "|": ("vertical bars", "save the file with commas, or with tabs as .tsv"),
}
PARQUET_ROWS = 1_024  # per batch


def check_columns(columns: Sequence[str], there: Sequence[str], place: str) -> None:
    """Raises InputError if a requested column does not exist, or exists twice."""
    for column in columns:
        if column not in there:
            raise InputError(
                f"{place}: no column {column}{nearest(column, there)}: there is "
                f"{', '.join(filter(None, there)) or 'none'}"
            )
        if there.count(column) > 1:
            raise InputError(f"{place}: several columns are named {column}")


def json_cells(path: Path, columns: Sequence[str]) -> Cells:
    """Reads a file with one JSON object per line.

    Raises:
        InputError: as in `blocks`; broken JSON, another type, or no such column.
    """
    requested = set(columns)
    for number, line in numbered_lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = str(error)
            if isinstance(error, json.JSONDecodeError):
                why = f"{error.msg} at character {error.colno}"
            raise InputError(
                f"{path}, line {number}: broken JSON ({why}): every line must be one object, "
                f'e.g. {{"{columns[0]}": "..."}}'
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                f'{path}, line {number}: not a JSON object such as {{"{columns[0]}": "..."}}'
            )
        if not requested <= record.keys():
            check_columns(columns, list(record), f"{path}, line {number}")
        yield number, [record[column] for column in columns]


def _check_delimiter(first_row: str, delimiter: str, place: str) -> None:
    """Raises InputError if a row that should have several cells has other delimiters."""
    for other, (name, remedy) in DELIMITERS.items():
        if other != delimiter and other in first_row:
            raise InputError(
                f"{place}: the columns are separated by {name}, not by {DELIMITERS[delimiter][0]}: "
                f"{remedy}"
            )


def csv_cells(path: Path, columns: Sequence[str], delimiter: str) -> Cells:
    """Reads a file of delimited cells, whose first row names the columns.

    A quoted cell can contain delimiters and line breaks.

    Raises:
        InputError: as in `blocks`; misplaced quotation marks, no such column, or a row with more or
            fewer cells than the first.
    """
    start, size = 1, 0  # the current row: its first line, its characters read so far

    def lines() -> Iterator[str]:
        nonlocal size
        for _, text in blocks(path):
            for line in StringIO(text):
                size += len(line)
                if size > LINE_LIMIT:
                    raise InputError(
                        f"{path}, line {start}: a row of more than {LINE_LIMIT:,} characters "
                        "starts here: is a quotation mark missing?"
                    )
                yield line

    csv.field_size_limit(LINE_LIMIT)  # `lines` refuses longer ones first
    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    names: list[str] = []
    places: list[int] = []
    try:
        for cells in reader:
            if cells and not names:
                names = [name.strip() for name in cells]
                if len(names) == 1 and names[0] not in columns:
                    _check_delimiter(names[0], delimiter, f"{path}, line {start}")
                check_columns(columns, names, f"{path}, line {start}")
                places = [names.index(column) for column in columns]
            elif cells:
                if len(cells) != len(names):
                    raise InputError(
                        f"{path}, line {start}: {len(cells)} cells, but {len(names)} columns: "
                        "quote cells that contain a delimiter, quotation mark or line break"
                    )
                yield start, [cells[place] for place in places]
            start, size = reader.line_num + 1, 0
    except csv.Error as error:
        raise InputError(
            f"{path}, line {start}: {error}: double every quotation mark within a cell"
        ) from error


def parquet_cells(path: Path, columns: Sequence[str]) -> Cells:
    """Reads a Parquet file in batches of rows.

    Raises:
        InputError: `pyarrow` is not installed, there is no such file or column, or it is damaged.
    """
    pyarrow = optional("pyarrow", f"{path}: reading Parquet")
    parquet = optional("pyarrow.parquet", f"{path}: reading Parquet")
    number = 0
    with opened(path) as file:
        try:
            table = parquet.ParquetFile(file, buffer_size=BLOCK_BYTES)
            check_columns(columns, table.schema_arrow.names, str(path))
            for batch in table.iter_batches(batch_size=PARQUET_ROWS, columns=list(columns)):
                batch.validate(full=True)
                values = [batch.column(column).to_pylist() for column in columns]
                yield from enumerate(zip(*values, strict=True), number + 1)
                number += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            why = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: damaged after row {number}, or not a Parquet file: {why}"
            ) from error


def _text(value: object, column: str, unit: str, number: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{unit} {number}: column {column} is {value!r:.40}, which is not text")
    if "\0" in value:
        raise InputError(f"{unit} {number}: a NUL character in column {column}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{unit} {number}: half a surrogate pair in column {column}") from error
    return value


def texts(cells: Cells, column: str, unit: str) -> Iterator[str]:
    """Yields the lines of records with one column.

    Args:
        cells: the records.
        column: name of the column, for messages.
        unit: what the records' numbers count, for messages, e.g. ``notes.csv, line``.

    Raises:
        InputError: a value is not text.
    """
    for number, (value,) in cells:
        text = _text(value, column, unit, number)
        yield from lines_in(text.replace("\r\n", "\n").replace("\r", "\n"))


def rows(cells: Cells, columns: Sequence[str], unit: str) -> Iterator[tuple[str, ...]]:
    """Yields the `normalised` values of each record.

    Raises:
        InputError: a value is empty or not text.
    """
    for number, values in cells:
        row = tuple(
            normalised(_text(value, column, unit, number))
            for column, value in zip(columns, values, strict=True)
        )
        if not all(row):
            raise InputError(f"{unit} {number}: column {columns[row.index('')]} is empty")
        yield row


def some(found: Iterator[Found], place: str) -> Iterator[Found]:
    """Yields the same items; raises InputError if there are none."""
    first = next(found, None)
    if first is None:
        raise InputError(f"{place} contains no text")
    yield first
    yield from found
