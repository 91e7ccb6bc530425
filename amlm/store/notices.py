"""What a user should know of the text before it is trained on: what was skipped, what surprises."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from amlm.config.schema import DataConfig
from amlm.store.token_store import TokenStore
from amlm.text.readers import taken_for_text
from amlm.text.sources import SPLIT_FILE, find_corpora, typed_source
from amlm.tokenizers.existing import drops_characters
from amlm.tokenizers.word_starts import FEWEST
from amlm.util.errors import InputError
from amlm.util.look import files_below

SHOWN = 5  # names of skipped files
DIGEST = re.compile(r"\b[0-9a-f]{32}\b")  # of a file, in the identity of a corpus
COUNTED = 100  # lines from which on equal counts are no accident


def shares_line(sources: Sequence[Mapping[str, Any]]) -> str:
    """The words of each source and their share, largest first."""
    total = max(sum(source["words"] for source in sources), 1)
    ordered = sorted(sources, key=lambda source: -source["words"])
    return ", ".join(f"{s['name']} {s['words']:,} ({s['words'] / total:.0%})" for s in ordered)


def _skipped(config: DataConfig) -> Iterator[str]:
    for name, given in config.sources.items():
        place = typed_source(given, name).path
        if not place or not (folder := Path(place).expanduser()).is_dir():
            continue
        reasons: dict[str, list[str]] = defaultdict(list)
        files = files_below(folder, reasons)
        named = {path: SPLIT_FILE.fullmatch(path.name) for path in files}
        trained = {m["name"] for m in named.values() if m and m["split"] == "train"}
        for path, match in named.items():
            if not match:
                reasons["not named <source>.train or <source>.dev"].append(path.name)
            elif match["name"] not in trained:
                reasons[f"no {match['name']}.train beside it"].append(path.name)
        for why, names in reasons.items():
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            yield f"skipped  in {folder}: {', '.join(sorted(names)[:SHOWN])}{more} ({why})"


def _same_text(store: TokenStore) -> Iterator[str]:
    texts = {
        split: {
            name: set(DIGEST.findall(identity)) or {identity}
            for name, _, identity in (each.partition(": ") for each in many)
        }
        for split, many in store.meta["key"]["text"].items()
    }
    sources = {source["name"]: source for source in store.meta["sources"]["train"]}
    for one, other in combinations(sources, 2):
        counts = [[sources[n][k] for k in ("lines_read", "words_read")] for n in (one, other)]
        if texts["train"][one] & texts["train"][other] or (
            counts[0] == counts[1] and counts[0][0] >= COUNTED
        ):
            yield (
                f"{one} and {other} have the same text: it is trained on twice; leave one of them "
                "out"
            )
    for name, held_out in texts["dev"].items():
        for source, trained in texts["train"].items():
            # A part that is held out has the digest of the whole.
            parts = [e for e in store.meta["key"]["text"]["dev"] if e.startswith(f"{name}: part ")]
            if held_out & trained and not parts:
                yield f"the held-out text {name} is trained on, as {source}: hold out other text"


def _taken_for_text(config: DataConfig) -> list[str]:
    try:
        corpora = [each for many in find_corpora(config).values() for each in many]
        files = dict.fromkeys(path for corpus in corpora for path in corpus.named_files())
        return [remark for path in files if (remark := taken_for_text(path))]
    except InputError:  # a run that resumes needs its text no more
        return []


def _surprises(store: TokenStore) -> Iterator[str]:
    sources = store.meta["sources"]["train"]
    identities = dict(each.split(": ", 1) for each in store.meta["key"]["text"]["train"])
    sample = [s for s in sources if identities[s["name"]].startswith("sample ")]
    words, tokens = store.words("train"), store.tokens("train")
    if sample and len(sample) < len(sources):
        share = sum(source["words"] for source in sample) / max(words, 1)
        yield (
            f"{share:.0%} of the words are of the built-in sample, beside your text: "
            f"~data.sources.{sample[0]['name']} leaves it out"
        )
    yield from _same_text(store)
    if drops_characters(store.tokenizer):
        yield (
            "the tokenizer leaves out characters that it does not know, for it has neither an "
            "unknown token nor byte fallback: words with them are trained on in part"
        )
    if words * FEWEST < tokens:
        yield (
            f"a word is what str.split() yields; here one has {tokens / max(words, 1):,.0f} tokens "
            "on average. data.words, words seen and chck_<n>M count these words; "
            "data.track=multilingual has a budget in bytes"
        )


def notices(config: DataConfig, store: TokenStore) -> list[str]:
    """Lines for the terminal: files that were skipped and why, then warnings."""
    surprises = [*_taken_for_text(config), *_surprises(store)]
    return [*_skipped(config), *(f"warning  {each}" for each in surprises)]
