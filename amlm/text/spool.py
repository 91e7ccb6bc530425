"""Spooled sources: each is read and cleaned once, into one file.

Whatever the format of a source, the following steps (counting, sampling, training a tokenizer,
tokenising) read plain lines, as often as they need. Shapes: S lines of a source.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amlm.text.cleaning import Removed, clean
from amlm.text.corpora import Corpus
from amlm.text.lines import words_in
from amlm.text.mix import Selection
from amlm.util.errors import InputError
from amlm.util.progress_bar import progress_bar


@dataclass
class Spooled:
    """One source, cleaned.

    Attributes:
        name: name of the source.
        path: file with its lines.
        lines_read, words_read: before cleaning.
        removed: counts of each cleaning rule.
        words_S: words of each line that was kept.
    """

    name: str
    path: Path
    lines_read: int = 0
    words_read: int = 0
    removed: dict[str, Removed] = field(default_factory=dict)
    words_S: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    @property
    def words(self) -> int:
        """Words that were kept."""
        return int(self.words_S.sum(dtype=np.int64))

    def lines(self, selection: Selection | None = None) -> Iterator[str]:
        """Yields the kept lines, or a selection of them, in their order."""
        passes: list[Iterator[object]] = [repeat(True)]
        if selection is not None:
            passes *= selection.repeats
            if selection.once_more_S.any():
                passes.append(iter(selection.once_more_S))
        for chosen in passes:
            with self.path.open(encoding="utf-8", newline="\n") as file:
                yield from (line[:-1] for line in compress(file, chosen))


def spool(corpus: Corpus, rules: Sequence[str], path: Path) -> Spooled:
    """Reads a corpus, applies the cleaning rules if it is raw, and writes it to a file.

    Raises:
        InputError: the corpus can't be read (see `amlm.text.readers`), or cleaning removes it all.
    """
    spooled = Spooled(corpus.name, path)

    def counted(lines: Iterator[str]) -> Iterator[str]:
        for line in progress_bar(lines, desc=f"reading {corpus.name}", unit=" lines"):
            spooled.lines_read += 1
            spooled.words_read += words_in(line)
            yield line

    lines = counted(corpus.lines())
    if corpus.raw:
        lines = clean(lines, rules, spooled.removed)
    counts = array("i")  # four bytes a line
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
            counts.append(words_in(line))
    if not counts:
        raise InputError(
            f"cleaning removes all {spooled.lines_read:,} lines of {corpus.name}: switch rules off "
            f"(data.cleaning.{corpus.name}) or use data/cleaning=none"
        )
    spooled.words_S = np.frombuffer(counts, np.int32)
    return spooled
