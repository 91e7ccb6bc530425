"""What a file that is read as plain text looks like instead, by its first lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from amlm.text.readers.text_files import blocks

LOOKED_AT = 20  # lines
FEWEST_ROWS = 3  # with the header; of fewer it cannot be told
COLUMN = re.compile(r"[^\W\d][\w.-]{0,40}")  # a name in the header, as prose has none
JSON_DOCUMENT = re.compile(r"[\[{]|\[\s*\{.*")  # its first line
DELIMITERS = {
    ",": "comma-separated values: name it .csv, or give its source format=csv",
    "\t": "tab-separated values: name it .tsv, or give its source format=tsv",
    ";": "values separated by semicolons: save it with commas as .csv",
    "|": "values separated by vertical bars: save it with commas as .csv",
}


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _has_columns(lines: Sequence[str], delimiter: str) -> bool:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return False
    header, *others = rows[:-1] if len(lines) == LOOKED_AT else rows  # the last may be cut
    named = header if header[0] else header[1:]  # pandas leaves the index without a name
    return (
        len(header) > 1
        and len(others) >= FEWEST_ROWS - 1
        and len({*header}) == len(header)
        and all(map(COLUMN.fullmatch, named))
        and all(len(row) == len(header) for row in others)
    )


def looks_like(path: Path) -> str | None:
    """What a file looks like that can be read as text but hardly is meant to be, and what to do.

    None if nothing speaks against plain text. Raises as `blocks` does.
    """
    _, text = next(blocks(path), (1, ""))
    lines = list(islice(filter(str.strip, text.split("\n")), LOOKED_AT))
    if not lines:
        return None
    if "/" in text and len(text.split()) == 1 and "\n" not in text:
        return "a link that was stored as a text, as git does without core.symlinks: copy the file"
    if all(map(_is_object, lines)):
        return "JSON lines: name it .jsonl, or give its source format=jsonl"
    if JSON_DOCUMENT.fullmatch(lines[0].strip()):
        return "a JSON document: save one object per line as .jsonl"
    if lines[0].startswith("WEBVTT") or any("-->" in line for line in lines[1:2]):
        return "subtitles with their times: extract the text"
    found = (what for mark, what in DELIMITERS.items() if _has_columns(lines, mark))
    return next(found, None)
