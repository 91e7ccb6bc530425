"""``python -m amlm.data triplets``: makes triplets from the built-in grammar or from text files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from amlm.config.command import Command
from amlm.config.options import NEEDED, option
from amlm.sample import Triplet, triplets
from amlm.text.cleaning.spoken import remove_speaker_codes
from amlm.text.readers import read_texts, taken_for_text
from amlm.text.synthetic.paraphrase import ANTONYMS, SYNONYMS, corpus_triplets, read_exchange
from amlm.util.errors import InputError
from amlm.util.files import aside
from amlm.util.progress_bar import progress_bar
from amlm.util.terminal import say

ABOUT = "Make triplets (anchor, positive, negative) from the built-in grammar or from text."
GRAMMAR = "grammar"
ROWS: dict[str, Callable[[Triplet], str]] = {
    ".jsonl": lambda triplet: json.dumps(triplet._asdict(), ensure_ascii=False),
    ".tsv": "\t".join,
}


@dataclass
class TripletOptions:
    out: str = option(NEEDED, "file to write, .jsonl or .tsv; an existing file is replaced")
    source: Any = option(
        GRAMMAR, "grammar, or a text file with one sentence per line; several as [a.txt,b.txt]"
    )
    count: int | None = option(
        None, "triplets to make, evenly from the sources; null: all that the texts provide", ge=1
    )
    seed: int = option(0, "seed of the choices", ge=0)
    synonyms: str | None = option(
        None,
        "words to replace in positives, lines of word<TAB>other or JSON; null: a short built-in "
        "list (mother, mom)",
    )
    antonyms: str | None = option(
        None, "words to replace in negatives, likewise; null: a short built-in list (hot, cold)"
    )


def make_triplets(options: TripletOptions) -> Counter[str]:
    """Writes a file of triplets and prints how many there are of each kind.

    Raises:
        InputError: an unknown file type, a missing text or count, or a text without triplets.
    """
    out = Path(options.out).expanduser()
    if out.suffix not in ROWS:
        raise InputError(f"out={out}: the name must end in {' or '.join(ROWS)}")
    if not out.parent.is_dir():
        raise InputError(f"out={out}: there is no folder {out.parent}: create it first")
    sources = listed(options.source)
    if any(Path(name).expanduser().resolve() == out.resolve() for name in sources):
        raise InputError(f"out={out} is also a source: choose another name")
    if GRAMMAR in sources and options.count is None:
        raise InputError("count=... is needed: the grammar makes any number of triplets")
    streams = [_stream(name, options) for name in dict.fromkeys(sources)]
    row, kinds = ROWS[out.suffix], Counter[str]()
    with aside(out) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        if out.suffix == ".tsv":
            file.write("\t".join(Triplet._fields) + "\n")
        in_turn = filter(None, chain.from_iterable(zip_longest(*streams)))
        made = islice(in_turn, options.count)
        for triplet in progress_bar(made, total=options.count, unit=" triplets", desc=out.name):
            file.write(row(triplet) + "\n")
            kinds[triplet.kind] += 1
    _report(out, kinds, options.count)
    return kinds


def listed(value: Any) -> list[str]:
    """The values of an option that takes one value or a list."""
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def _stream(name: str, options: TripletOptions) -> Iterator[Triplet]:
    if name == GRAMMAR:
        assert options.count is not None, "checked before"
        return triplets(options.seed, options.count)
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(f"source={name} is neither a file nor {GRAMMAR}: give a text file")
    return _triplets_of_text(path, options)


def _triplets_of_text(path: Path, options: TripletOptions) -> Iterator[Triplet]:
    """Yields the triplets of a text, one per anchor; raises InputError if there are none."""
    synonyms = read_exchange(Path(options.synonyms).expanduser()) if options.synonyms else SYNONYMS
    antonyms = read_exchange(Path(options.antonyms).expanduser()) if options.antonyms else ANTONYMS
    seen: set[str] = set()
    if remark := taken_for_text(path):
        say(f"warning  {remark}")
    lines = map(remove_speaker_codes, read_texts(path))
    for triplet in corpus_triplets(lines, options.seed, synonyms, antonyms):
        if triplet.anchor not in seen:
            seen.add(triplet.anchor)
            yield triplet
    if not seen:
        raise InputError(
            f"source={path} provides no triplet: it needs lines of one plain sentence each, with a "
            "full stop and without quotation marks"
        )


def _report(out: Path, kinds: Counter[str], count: int | None) -> None:
    made = kinds.total()
    shortfall = f" of {count:,}: the texts provide no more" if count and made < count else ""
    print(f"{out}: {made:,} triplets{shortfall}")  # noqa: T201
    for kind, number in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        print(f"  {kind:<24}{number:>10,}")  # noqa: T201


COMMAND = Command("amlm.data triplets", ABOUT, TripletOptions, make_triplets)
