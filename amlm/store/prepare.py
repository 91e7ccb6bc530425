"""``python -m amlm.data prepare`` and ``inspect``, with the options of `amlm.train`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from amlm.config.schema import Config
from amlm.store.budget import check_budget
from amlm.store.describe import describe_store
from amlm.store.notices import notices
from amlm.store.token_store import TokenStore, find_store, open_store
from amlm.util.errors import InputError
from amlm.util.terminal import say
from amlm.util.text_table import aligned

SHOWN_BLOCKS = 5
SHOWN_TYPES = 20


def prepare(config: Config) -> TokenStore:
    """Builds the store that a run with these options would use, and prints its contents.

    Raises:
        InputError: a run would be beyond the budget of its track.
    """
    cache = Path(config.paths.cache).expanduser()
    store = open_store(config.data, config.tokenizer, cache, say)
    say("\n".join([describe_store(store), *notices(config.data, store)]))
    if config.trainer.max_steps is None:  # otherwise the batch plan decides how often it is seen
        sources, data = store.meta["sources"]["train"], config.data
        check_budget(data.track, sources, data.epochs, data.languages)
    return store


def _blocks(store: TokenStore, length: int) -> list[str]:
    count = store.tokens("train") // length
    numbers = np.arange(SHOWN_BLOCKS) * count // SHOWN_BLOCKS + count // (2 * SHOWN_BLOCKS)
    shown = []
    for number, ids in zip(numbers, store.blocks("train", numbers, length), strict=True):
        text = store.tokenizer.decode(ids.tolist(), skip_special_tokens=False)
        shown += [f"block {number:,} of {count:,}", f"  {text}"]
    return shown


def _types(store: TokenStore) -> list[str]:
    counts_V = store.type_counts("train")
    most_frequent = np.argsort(-counts_V, kind="stable")[:SHOWN_TYPES]
    rows = [["most frequent types", "occurrences", "share"]]
    rows += [
        [store.pieces[v], f"{counts_V[v]:,}", f"{counts_V[v] / counts_V.sum():.2%}"]
        for v in most_frequent
    ]
    unused = int((counts_V == 0).sum())
    return [*aligned(rows), f"{unused:,} of {store.vocab_size:,} types do not occur"]


def inspect(config: Config) -> None:
    """Prints the store of these options: its tables, what surprises, types, and blocks as text.

    Raises:
        InputError: there is no such store yet, or a file does not match its checksum.
    """
    cache = Path(config.paths.cache).expanduser()
    store, wrong = find_store(config.data, config.tokenizer, cache)
    if not store.folder.exists():
        raise InputError(
            f"{cache} has no store for these options: run `python -m amlm.data prepare` with the "
            "same options first"
        )
    if wrong:
        raise InputError(
            f"the store {store.folder} {wrong}: remove it, and run `python -m amlm.data prepare` "
            "with the same options to build it again"
        )
    length = min(config.data.sequence_length.values())
    about = [describe_store(store), *notices(config.data, store)]
    sections = [*about, "", *_types(store), "", *_blocks(store, length)]
    say("\n".join(sections))
