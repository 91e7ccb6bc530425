"""The part of EWoK for the full suite: items all of whose words are in the challenge's vocabulary.

The challenge's pipeline makes it with ``evaluation_pipeline.ewok.dl_and_filter``, which tokenises
with NLTK. Here the rules of the Penn Treebank that EWoK's plain sentences need do so, and the
result counts only if it has the official number of items.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import requests

from amlm.text.downloads.remote import FAILURES, TIMEOUT
from amlm.util.errors import InputError
from amlm.util.files import write_aside
from amlm.util.optional import optional

VOCABULARY = (
    "https://raw.githubusercontent.com/babylm-org/babylm-eval/"
    "6f825c291e2c4c78ad33b1935fd64d45f52642dc/strict/evaluation_pipeline/ewok/vocab.txt"
)
TOTAL = 7_618  # the official number of items
TEXTS = "Context1", "Context2", "Target1", "Target2"
# What splits off: n't, 's and the like, and each mark, but not within numbers and compounds.
WORD = re.compile(
    r"can(?=not\b)|\w+(?=n't\b)|n't\b|'(?:s|m|d|ll|re|ve)\b|\w+(?:[-.,]\w+)*|\.\.\.|--|\S"
)


class NotFiltered(Exception):
    """Says why the part could not be made."""


def filter_ewok(source: Path, folder: Path) -> None:
    """Writes ``<domain>.jsonl`` files to a folder, from the Parquet files of EWoK's test split.

    Each item is followed by itself with contexts and targets swapped, as in the pipeline.

    Raises:
        NotFiltered: the vocabulary cannot be downloaded, a package or the file is missing, or the
            number of items is not the official one.
    """
    try:
        parquet = optional("pyarrow.parquet", "reading EWoK's Parquet file")
        rows = [
            row
            for path in sorted(source.rglob("*.parquet"))
            for row in parquet.read_table(path).to_pylist()
        ]
        reply = requests.get(VOCABULARY, timeout=TIMEOUT)
        reply.raise_for_status()
        vocabulary = {line.strip() for line in reply.content.decode("utf-8").split("\n")}
        kept = [row for row in rows if _is_known(row, vocabulary)]
    except (*FAILURES, InputError, OSError, ValueError, KeyError, AttributeError) as error:
        raise NotFiltered(str(error)) from error
    if 2 * len(kept) != TOTAL:
        raise NotFiltered(f"{2 * len(kept):,} items have known words only, not {TOTAL:,}")
    lines: dict[str, list[str]] = defaultdict(list)
    for row in kept:
        swapped = {f"{name}{n}": row[f"{name}{3 - n}"] for name in ("Context", "Target")
                   for n in (1, 2)}  # fmt: skip
        lines[row["Domain"]] += [json.dumps(row), json.dumps({**row, **swapped})]
    folder.mkdir(parents=True, exist_ok=True)
    for domain, each in lines.items():
        write_aside(folder / f"{domain}.jsonl", "".join(f"{line}\n" for line in each))


def _is_known(row: dict[str, Any], vocabulary: set[str]) -> bool:
    return all(word in vocabulary for name in TEXTS for word in words(row[name].lower()))


def words(text: str) -> list[str]:
    """The words and marks of a text. Double quotes become `` and '', as NLTK writes them."""
    quotes = iter(["``", "''"] * (text.count('"') // 2 + 1))
    return [next(quotes) if word == '"' else word for word in WORD.findall(text)]
