"""Which lines a run trains and validates on: the built-in sample, or a folder of BabyLM files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amlm.config import DataConfig
from amlm.errors import InputError

SAMPLE_SEEDS = {"train": 20_25, "dev": 10_20475}
SAMPLE_VERSION = 2  # part of the cache key: raise it when the grammar changes
SAMPLE_DEV_SHARE = 0.1
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Corpus:
    """Text of one split of one source.

    Attributes:
        name: name of the source, e.g. ``childes``.
        path: its file, or None for the built-in sample.
        words: words to generate, for the built-in sample.
        apart_from: words of the sample's training split whose lines are left out.
    """

    name: str
    path: Path | None
    words: int = 0
    apart_from: int = 0


def find_corpora(config: DataConfig) -> dict[str, list[Corpus]]:
    """The corpora of the ``train`` and ``dev`` splits.

    Raises:
        InputError: the folder is missing, or has no ``<source>.train`` or no ``<source>.dev``.
    """
    if config.source == "sample":
        dev_words = int(config.sample_words * SAMPLE_DEV_SHARE)
        return {
            "train": [Corpus("sample", None, config.sample_words)],
            "dev": [Corpus("sample", None, dev_words, apart_from=config.sample_words)],
        }
    assert config.dir is not None, "checked with the configuration"
    folder = Path(config.dir).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"data.dir={folder} is not a folder; give one with *.train and *.dev files"
        )
    train = sorted(folder.rglob("*.train"))
    dev = sorted(folder.rglob("*.dev"))
    if not train:
        raise InputError(
            f"data.dir={folder} has no *.train file in it or below: expected <source>.train, for "
            "example childes.train, as in the BabyLM release"
        )
    for paths in (train, dev):
        names = [path.name for path in paths]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"data.dir={folder} has several files named {twice[0]}: point it at a folder with "
                "one training and one development split"
            )
    held_out = {path.stem: path for path in dev}
    missing = [path.stem for path in train if path.stem not in held_out]
    if missing:
        raise InputError(
            f"data.dir={folder} has no {missing[0]}.dev beside {missing[0]}.train: every source is "
            "validated on its own held-out text"
        )
    return {
        "train": [Corpus(path.stem, path) for path in train],
        "dev": [Corpus(path.stem, held_out[path.stem]) for path in train],
    }


def read_lines(path: Path) -> Iterator[str]:
    """Yields the non-empty lines of a UTF-8 text file, white space reduced to single spaces.

    Raises:
        InputError: the file is empty, not UTF-8 or binary; names the file and the line.
    """
    found = False
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if b"\0" in raw:
                raise InputError(f"{path}, line {number}: a NUL byte: is this a text file?")
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}, line {number}: not UTF-8 ({error.reason} at byte {error.start} of "
                    "the line): convert the file, for example with iconv"
                ) from error
            if line := " ".join(text.split()):
                found = True
                yield line
    if not found:
        raise InputError(f"{path} has no text in it")


def lines_of(corpus: Corpus, split: str) -> Iterator[str]:
    """Yields the lines of a corpus.

    The sample's two splits come from differently seeded draws, and no line is in both.
    """
    if corpus.path is not None:
        yield from read_lines(corpus.path)
        return
    from amlm.data.grammar import sample_lines

    seen = set(sample_lines(SAMPLE_SEEDS["train"], corpus.apart_from))
    lines = sample_lines(SAMPLE_SEEDS[split], corpus.words)
    yield from (line for line in lines if line not in seen)


def fingerprint(corpora: dict[str, list[Corpus]]) -> str:
    """A hash of all text that the corpora stand for: file contents, or the sample's parameters."""
    digest = hashlib.blake2b(digest_size=16)
    for split, each in ((split, each) for split, many in corpora.items() for each in many):
        digest.update(f"{split}:{each.name}:".encode())
        if each.path is None:
            digest.update(
                f"sample:{SAMPLE_VERSION}:{SAMPLE_SEEDS[split]}:{each.words}:{each.apart_from}".encode()
            )
            continue
        digest.update(f"{each.path.stat().st_size}:".encode())
        with each.path.open("rb") as file:
            while part := file.read(READ_BYTES):
                digest.update(part)
    return digest.hexdigest()
