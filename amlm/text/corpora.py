"""Corpora: the text of one split of one source, how to read it, and what identifies it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, islice
from pathlib import Path

from amlm.config.schema import SourceConfig
from amlm.text.lines import RUN_LINES
from amlm.text.readers import digest, format_of, hub_revision, read_hub, read_rows, read_texts
from amlm.text.synthetic.render_triplets import render
from amlm.util.errors import InputError

SAMPLE_SEEDS = {"train": 20_25, "dev": 10_20475}
SAMPLE_VERSION = 2  # part of the fingerprint: increment it when the grammar changes


@dataclass(frozen=True)
class Corpus(ABC):
    """The text of one split of one source, e.g. ``childes``."""

    name: str

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """Yields normalised lines; `SEGMENT` separates the parts of a joined triplet."""

    @abstractmethod
    def identity(self) -> str:
        """A text that changes whenever the lines change."""

    @property
    def raw(self) -> bool:
        """Whether it is to be cleaned."""
        return True

    def named_files(self) -> tuple[Path, ...]:
        """Files whose names say how they are read."""
        return ()

    def at_commits(self, commits: Mapping[str, str]) -> Corpus:
        """The same text, of Hub datasets at these commits."""
        return self

    def hub_commits(self) -> dict[str, str]:
        """The commit of each Hub dataset in it, by the name it was given."""
        return {}


@dataclass(frozen=True)
class SampleCorpus(Corpus):
    """The built-in sample. Its splits have different seeds and share no line.

    Attributes:
        split: ``train`` or ``dev``.
        words: words to generate.
        apart_from: length in words of the training split, whose lines are excluded.
    """

    split: str
    words: int
    apart_from: int = 0

    def lines(self) -> Iterator[str]:
        from amlm.sample import sample_lines

        seen = set(sample_lines(SAMPLE_SEEDS["train"], self.apart_from))
        lines = sample_lines(SAMPLE_SEEDS[self.split], self.words)
        yield from (line for line in lines if line not in seen)

    def identity(self) -> str:
        seed = SAMPLE_SEEDS[self.split]
        return f"sample {SAMPLE_VERSION} {seed} {self.words} {self.apart_from}"

    @property
    def raw(self) -> bool:
        return False


@dataclass(frozen=True)
class ReadCorpus(Corpus):
    """Text, or triplets to render, from outside."""

    source: SourceConfig

    def lines(self) -> Iterator[str]:
        for row in self._rows():
            yield from render(row, self.source.render) if self.source.render else row

    @abstractmethod
    def _rows(self) -> Iterator[tuple[str, ...]]:
        """Yields triplets if there is a rendering, else lines on their own."""

    def _reading(self) -> str:
        source = self.source
        columns = source.columns if source.render else source.column
        return f"{source.format} {columns} {source.render}"

    @property
    def raw(self) -> bool:
        return self.source.render is None


@dataclass(frozen=True)
class FileCorpus(ReadCorpus):
    """One or several files, one after the other."""

    paths: tuple[Path, ...]

    def _rows(self) -> Iterator[tuple[str, ...]]:
        source = self.source
        for path in self.paths:
            if source.render:
                yield from read_rows(path, source.columns, format=source.format)
            else:
                yield from zip(read_texts(path, format=source.format, column=source.column))

    def named_files(self) -> tuple[Path, ...]:
        return self.paths if self.source.format == "auto" else ()

    def identity(self) -> str:
        # Contents, not paths: a moved file is the same text. The name determines the format.
        files = [f"{format_of(p, self.source.format)} {digest(p)}" for p in self.paths]
        return f"files {self._reading()} {files}"


@dataclass(frozen=True)
class HubCorpus(ReadCorpus):
    """A dataset of the Hugging Face Hub, streamed.

    Attributes:
        dataset: ``owner/name[/config][@revision]``.
        split: name of the split there.
        known_commit: what the revision refers to; None: ask the Hub.
    """

    dataset: str
    split: str
    known_commit: str | None = None

    @cached_property
    def _commit(self) -> str:
        # The commit that identifies the text is the one that is read.
        return self.known_commit or hub_revision(self.dataset)

    @property
    def _pinned(self) -> str:
        return f"{self.dataset.partition('@')[0]}@{self._commit}"

    def at_commits(self, commits: Mapping[str, str]) -> Corpus:
        return replace(self, known_commit=commits.get(self.dataset))

    def hub_commits(self) -> dict[str, str]:
        return {self.dataset: self._commit}

    def _rows(self) -> Iterator[tuple[str, ...]]:
        columns = self.source.columns if self.source.render else [self.source.column]
        return read_hub(self._pinned, self.split, columns)

    def identity(self) -> str:
        return f"hub {self._pinned} {self.split} {self._reading()}"


@dataclass(frozen=True)
class PartCorpus(Corpus):
    """The runs of lines of another corpus that are held out, or all others: at least one each.

    Raises:
        InputError: the corpus has one run at most.
    """

    whole: Corpus
    share: float
    seed: int
    held_out: bool

    def lines(self) -> Iterator[str]:
        for run, is_held_out in self._runs():
            if is_held_out == self.held_out:
                yield from run

    def _runs(self) -> Iterator[tuple[list[str], bool]]:
        """Each run, and whether it is held out. That is drawn for each by itself; only where all
        runs of a short corpus fall on one side, one of them changes sides."""
        lines, limit = self.whole.lines(), self.share * 2.0**64
        waiting: list[tuple[int, list[str]]] = []  # until both sides have a run
        divided = False
        for number in count():
            if not (run := list(islice(lines, RUN_LINES))):
                break
            waiting.append((self._drawn(number), run))
            divided = divided or (waiting[0][0] < limit) != (waiting[-1][0] < limit)
            if divided:
                yield from ((each, drawn < limit) for drawn, each in waiting)
                waiting.clear()
        if len(waiting) == 1:
            raise InputError(
                f"data.holdout={self.share} can't divide {self.name}: holding out needs more than "
                f"{RUN_LINES} lines, and it has {len(waiting[0][1])}. Put each sentence or "
                "paragraph on a line of its own, add text, or give it held-out text "
                "(data.sources.<name>.dev, or a .dev file beside it)"
            )
        if waiting:
            held_out = waiting[0][0] < limit
            changes = (max if held_out else min)(drawn for drawn, _ in waiting)
            yield from ((each, held_out != (drawn == changes)) for drawn, each in waiting)

    def _drawn(self, run: int) -> int:
        text = f"{self.seed}:{self.name}:{run}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")

    def identity(self) -> str:
        part = f"{self.name} {self.share} {self.seed} {self.held_out}"
        return f"part {part} of {self.whole.identity()}"

    @property
    def raw(self) -> bool:
        return self.whole.raw

    def named_files(self) -> tuple[Path, ...]:
        return self.whole.named_files()

    def at_commits(self, commits: Mapping[str, str]) -> Corpus:
        return replace(self, whole=self.whole.at_commits(commits))

    def hub_commits(self) -> dict[str, str]:
        return self.whole.hub_commits()


def fingerprint(corpora: dict[str, list[Corpus]]) -> dict[str, list[str]]:
    """Identifies the text of all corpora, by split."""
    return {
        split: [f"{corpus.name}: {corpus.identity()}" for corpus in many]
        for split, many in corpora.items()
    }


def at_commits(
    corpora: dict[str, list[Corpus]], commits: Mapping[str, str]
) -> dict[str, list[Corpus]]:
    """The same corpora, with Hub datasets at these commits, by name."""
    return {split: [each.at_commits(commits) for each in many] for split, many in corpora.items()}


def hub_commits(corpora: dict[str, list[Corpus]]) -> dict[str, str]:
    """The commit of each Hub dataset among the corpora, by the name it was given."""
    return {
        k: v for many in corpora.values() for each in many for k, v in each.hub_commits().items()
    }
