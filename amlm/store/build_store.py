"""Builds a store: reads and cleans sources, samples the mix, trains a tokenizer, tokenises.

Shapes: V token types.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from tokenizers import Tokenizer

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.encode import Encoder, segments
from amlm.store.integrity import fault, seal
from amlm.text.cleaning import rules_for
from amlm.text.corpora import Corpus
from amlm.text.mix import Selection, select_lines, word_targets
from amlm.text.spool import Spooled, spool
from amlm.tokenizers.bpe import save_tokenizer, train_tokenizer
from amlm.tokenizers.existing import load_existing
from amlm.util.files import aside, make_folder
from amlm.util.progress_bar import progress_bar

MAX_LENGTH = 1_024  # declared by the saved tokenizer; exported models declare their own

SampledSources = list[tuple[Spooled, Selection | None]]


def sample_sources(sources: list[Spooled], config: DataConfig) -> SampledSources:
    """Selects the lines of each source for the mix; None selects every line once.

    Raises:
        InputError: too few words for the shares (see `amlm.text.mix`).
    """
    available = {source.name: source.words for source in sources}
    targets = word_targets(available, config.shares, config.words, config.allow_repeat)
    return [
        (
            source,
            None
            if targets[source.name] == available[source.name]
            else select_lines(
                source.words_S, targets[source.name], seed=config.seed, name=source.name
            ),
        )
        for source in sources
    ]


def _make_tokenizer(
    config: TokenizerConfig, sampled: SampledSources, say: Callable[[str], None]
) -> Tokenizer:
    if config.path is not None:
        return load_existing(Path(config.path).expanduser())

    def lines() -> Iterator[str]:
        return segments(chain.from_iterable(source.lines(which) for source, which in sampled))

    say(f"training a tokenizer with up to {config.vocab_size:,} types")
    return train_tokenizer(lines, config.vocab_size)


def _write_split(
    encoder: Encoder, sampled: SampledSources, folder: Path, split: str
) -> list[dict[str, Any]]:
    """Tokenises one split; returns the statistics of each of its sources."""
    statistics = []
    counts_V = np.zeros(encoder.vocab_size, dtype=np.int64)
    total = sum(len(source.words_S) if which is None else which.lines for source, which in sampled)
    with progress_bar(desc=f"tokenizing {split}", total=total, unit=" lines") as bar:
        for source, which in sampled:
            before = bar.n
            for totals in encoder.write(source.lines(which), folder, split):
                bar.update(before + totals.lines - bar.n)
            expected = source.words if which is None else which.words(source.words_S)
            assert totals.words == expected, f"{source.name}: {totals.words} != {expected} words"
            counts_V += totals.counts_V
            statistics.append(
                {
                    "name": source.name,
                    "lines_read": source.lines_read,
                    "words_read": source.words_read,
                    "removed": {rule: asdict(each) for rule, each in source.removed.items()},
                    "lines_kept": len(source.words_S),
                    "words_kept": source.words,
                    "lines": totals.lines,
                    "words": totals.words,
                    "bytes": totals.bytes,
                    "tokens": totals.tokens,
                }
            )
    if encoder.by_type:
        (folder / f"{split}.words").unlink()
    counts_V.tofile(folder / f"{split}.counts")
    return statistics


def build_store(
    corpora: dict[str, list[Corpus]],
    config: DataConfig,
    tokenizer_config: TokenizerConfig,
    key: dict[str, Any],
    folder: Path,
    say: Callable[[str], None],
) -> None:
    """Builds a store in an empty folder; ``key`` is saved in its metadata.

    Raises:
        InputError: the text can't be read, cleaned or mixed as configured.
        OSError: the folder can't be written to.
    """
    text = folder / "text"
    text.mkdir()
    spooled = {
        split: [
            spool(each, rules_for(config.cleaning, each.name), text / f"{split}-{number}")
            for number, each in enumerate(many)
        ]
        for split, many in corpora.items()
    }
    sampled: dict[str, SampledSources] = {
        "train": sample_sources(spooled["train"], config),
        "dev": [(source, None) for source in spooled["dev"]],
    }
    tokenizer = _make_tokenizer(tokenizer_config, sampled["train"], say)
    save_tokenizer(tokenizer, folder / "tokenizer", max_length=MAX_LENGTH)
    encoder = Encoder(tokenizer)
    sources = {split: _write_split(encoder, each, folder, split) for split, each in sampled.items()}
    shutil.rmtree(text)
    seal(folder, {"key": key, "vocab_size": encoder.vocab_size, "sources": sources})


def build_once(
    corpora: dict[str, list[Corpus]],
    config: DataConfig,
    tokenizer: TokenizerConfig,
    key: dict[str, Any],
    folder: Path,
    say: Callable[[str], None],
) -> None:
    """Builds a store aside and renames it, unless another process builds it first."""
    make_folder(folder.parent)
    with FileLock(f"{folder}.lock"):
        wrong = fault(folder, key)
        if wrong is None:
            return
        if folder.exists():
            say(f"the store {folder} {wrong}; rebuilding it")
        with aside(folder) as temporary:
            temporary.mkdir()
            build_store(corpora, config, tokenizer, key, temporary, say)
