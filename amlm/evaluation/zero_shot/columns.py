"""Reads the CSV files of the evaluation."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from amlm.util.errors import InputError


def read_rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Reads the rows of a CSV file as dictionaries.

    Raises:
        InputError: the file can't be read, has no rows, lacks a column, or a row is too short.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} can't be read: {error}") from error
    for name in needed:
        if not rows or name not in rows[0]:
            raise InputError(f"{path} has no column {name!r}, or no rows")
    for number, row in enumerate(rows, start=2):
        if None in row.values():
            raise InputError(f"{path}, line {number}: fewer columns than in the first line")
    return rows
