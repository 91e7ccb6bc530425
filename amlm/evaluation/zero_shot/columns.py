"""Reads the CSV files of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amlm.text.readers.records import csv_cells, some


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Reads these columns of a CSV file, each row as a dictionary.

    Raises:
        InputError: the file can't be read, has no rows, lacks a column, or a row is too short or
            too long.
    """
    cells = some(csv_cells(path, columns, ","), str(path))
    return [dict(zip(columns, map(str, values), strict=True)) for _, values in cells]
