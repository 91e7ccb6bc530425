"""Cleaned text on its way into a store: each source read and cleaned once, kept in one file.

Whatever the format of a source, what follows (counting, sampling, learning a tokenizer, tokenising)
reads plain lines, as often as it needs. Shapes: S lines of a source.
"""

from __future__ import annotations

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

COUNT_TYPE = np.dtype("<i4")


@dataclass
class Spooled:
    """One source, cleaned.

    Attributes:
        name: of the source.
        path: its lines.
        lines_read, words_read: before cleaning.
        removed: what each rule took away.
        words_S: words of each line that is left.
    """

    name: str
    path: Path
    lines_read: int = 0
    words_read: int = 0
    removed: dict[str, Removed] = field(default_factory=dict)
    words_S: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, COUNT_TYPE))

    @property
    def words(self) -> int:
        """Words that are left."""
        return int(self.words_S.sum(dtype=np.int64))

    def lines(self, selection: Selection | None = None) -> Iterator[str]:
        """The lines that are left, or a selection of them, in their order."""
        passes: list[Iterator[object]] = [repeat(True)]
        if selection is not None:
            passes *= selection.repeats
            if selection.once_more_S.any():
                passes.append(iter(selection.once_more_S))
        for chosen in passes:
            with self.path.open(encoding="utf-8", newline="\n") as file:
                yield from (line[:-1] for line in compress(file, chosen))


def spool(corpus: Corpus, rules: Sequence[str], path: Path) -> Spooled:
    """Reads and cleans a corpus into a file.

    Args:
        corpus: what to read.
        rules: cleaning rules to apply, if it is text from outside.
        path: the file to write.

    Raises:
        InputError: the corpus can't be read (see `amlm.text.readers`), or cleaning leaves nothing.
    """
    made = Spooled(corpus.name, path)

    def counted(lines: Iterator[str]) -> Iterator[str]:
        with progress_bar(desc=f"reading {corpus.name}", unit=" lines") as bar:
            for line in lines:
                made.lines_read += 1
                made.words_read += words_in(line)
                if made.lines_read % 10_000 == 0:
                    bar.update(10_000)
                yield line

    lines = counted(corpus.lines())
    if corpus.raw:
        lines = clean(lines, rules, made.removed)
    counts = path.with_suffix(".counts")
    with path.open("w", encoding="utf-8", newline="\n") as file, counts.open("wb") as numbers:
        waiting: list[int] = []
        for line in lines:
            file.write(line + "\n")
            waiting.append(words_in(line))
            if len(waiting) == 1 << 16:
                numbers.write(np.array(waiting, COUNT_TYPE).tobytes())
                waiting.clear()
        numbers.write(np.array(waiting, COUNT_TYPE).tobytes())
    made.words_S = np.fromfile(counts, COUNT_TYPE)
    if not len(made.words_S):
        raise InputError(
            f"cleaning leaves nothing of the {made.lines_read:,} lines of {corpus.name}: switch "
            f"rules off (data.cleaning.{corpus.name}) or data/cleaning=none"
        )
    return made
