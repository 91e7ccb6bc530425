"""The contents of a store as text tables: words and tokens by source, and removals by rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amlm.store.token_store import TokenStore
from amlm.util.text_table import aligned

COLUMNS = {
    "lines_read": "lines read",
    "words_read": "words read",
    "words_removed": "- removed",
    "words_kept": "= kept",
    "lines": "lines used",
    "words": "words used",
    "tokens": "tokens",
}


def _numbers(source: Mapping[str, Any]) -> dict[str, int]:
    removed = sum(each["words"] for each in source["removed"].values())
    return {name: removed if name == "words_removed" else int(source[name]) for name in COLUMNS}


def _row(name: str, numbers: Mapping[str, int], total_words: int) -> list[str]:
    per_word = numbers["tokens"] / max(numbers["words"], 1)
    share = numbers["words"] / max(total_words, 1)
    counts = [f"{numbers[column]:,}" for column in COLUMNS]
    return [name, *counts, f"{per_word:.3f}", f"{share:.2%}"]


def source_table(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per source, and one for the total."""
    numbers = {source["name"]: _numbers(source) for source in sources}
    total = {name: sum(each[name] for each in numbers.values()) for name in COLUMNS}
    rows = [["", *COLUMNS.values(), "tokens/word", "share"]]
    rows += [_row(name, each, total["words"]) for name, each in numbers.items()]
    if len(sources) > 1:
        rows.append(_row("all", total, total["words"]))
    return aligned(rows)


def rule_table(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each cleaning rule removed from each source; empty if nothing was removed."""
    rows = [
        [f"{source['name']}: {rule}", f"{each['words']:,}", f"{each['lines']:,}"]
        for source in sources
        for rule, each in source["removed"].items()
        if each["words"] or each["lines"]
    ]
    return aligned([["removed by rule", "words", "whole lines"], *rows]) if rows else []


def describe_store(store: TokenStore) -> str:
    """All tables, for both splits."""
    lines = []
    for split, title in (("train", "training text"), ("dev", "held-out text")):
        sources = store.meta["sources"][split]
        lines += [title, *source_table(sources), "", *rule_table(sources), ""]
    lines += [f"types    {store.vocab_size:,}", f"store    {store.folder}"]
    return "\n".join(lines)
