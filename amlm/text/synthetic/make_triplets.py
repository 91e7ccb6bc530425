"""``python -m amlm.data triplets``: triplets from the built-in grammar and from text files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlm.config.command import Command
from amlm.config.command_line import run
from amlm.config.options import NEEDED, option
from amlm.sample import Triplet, triplets
from amlm.text.cleaning.spoken import remove_speaker_codes
from amlm.text.readers import read_texts
from amlm.text.synthetic.paraphrase import ANTONYMS, SYNONYMS, corpus_triplets, read_exchange
from amlm.util.errors import InputError
from amlm.util.progress_bar import progress_bar

ABOUT = "Make triplets (anchor, positive, negative) from the built-in grammar or from text."
GRAMMAR = "grammar"
ROWS: dict[str, Callable[[Triplet], str]] = {
    ".jsonl": lambda triplet: json.dumps(triplet._asdict(), ensure_ascii=False),
    ".tsv": "\t".join,
}


@dataclass
class TripletOptions:
    out: str = option(NEEDED, "file to write, .jsonl or .tsv; one that is there is replaced")
    source: Any = option(
        GRAMMAR, "grammar, or a text file of one sentence a line; several as [a.txt,b.txt]"
    )
    count: int | None = option(
        None, "triplets to make, evenly from the sources; null is all that the texts have", ge=1
    )
    seed: int = option(0, "seed of the choices", ge=0)
    synonyms: str | None = option(
        None,
        "words to exchange in positives, word<TAB>other a line or JSON; null is a short built-in "
        "list (mother, mom)",
    )
    antonyms: str | None = option(
        None, "words to exchange in negatives, in the same form; null is a short list (hot, cold)"
    )


def make_triplets(options: TripletOptions) -> Counter[str]:
    """Writes triplets, aside first, and says how many of each kind there are.

    Raises:
        InputError: another file type, a missing text or count, or a text that gives no triplet.
    """
    out = Path(options.out).expanduser()
    if out.suffix not in ROWS:
        raise InputError(f"out={out}: the name must end in {' or '.join(ROWS)}")
    if not out.parent.is_dir():
        raise InputError(f"out={out}: there is no folder {out.parent}; make it first")
    sources = listed(options.source)
    if any(Path(name).expanduser().resolve() == out.resolve() for name in sources):
        raise InputError(f"out={out} is the source too: give another name")
    if GRAMMAR in sources and options.count is None:
        raise InputError("count=... is needed: the grammar makes triplets without end")
    streams = {name: _stream(name, options) for name in sources}
    aside, row, kinds = out.with_name(f".{out.name}.aside"), ROWS[out.suffix], Counter[str]()
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            if out.suffix == ".tsv":
                file.write("\t".join(Triplet._fields) + "\n")
            made = _in_turn(streams, options.count)
            for triplet in progress_bar(made, total=options.count, unit=" triplets", desc=out.name):
                file.write(row(triplet) + "\n")
                kinds[triplet.kind] += 1
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    _report(out, kinds, options.count)
    return kinds


def listed(value: Any) -> list[str]:
    """The entries of an option that takes one value or a list of them."""
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def _stream(name: str, options: TripletOptions) -> Iterator[Triplet]:
    if name == GRAMMAR:
        assert options.count is not None, "checked before"
        return triplets(options.seed, options.count)
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(f"source={name} is not a file (nor is it {GRAMMAR}): give a text file")
    return _of_text(path, options)


def _of_text(path: Path, options: TripletOptions) -> Iterator[Triplet]:
    """The triplets of a text, each anchor once.

    Raises:
        InputError: there is none.
    """
    synonyms = read_exchange(Path(options.synonyms).expanduser()) if options.synonyms else SYNONYMS
    antonyms = read_exchange(Path(options.antonyms).expanduser()) if options.antonyms else ANTONYMS
    seen: set[str] = set()
    lines = map(remove_speaker_codes, read_texts(path))
    for triplet in corpus_triplets(lines, options.seed, synonyms, antonyms):
        if triplet.anchor not in seen:
            seen.add(triplet.anchor)
            yield triplet
    if not seen:
        raise InputError(
            f"source={path} gave no triplet: it needs lines of one plain sentence each, with a "
            "full stop and without quotation marks"
        )


def _in_turn(streams: dict[str, Iterator[Triplet]], count: int | None) -> Iterator[Triplet]:
    """One triplet of every stream in turn, until there are enough or none has more."""
    made = 0
    while streams:
        for name, stream in list(streams.items()):
            if made == count:
                return
            triplet = next(stream, None)
            if triplet is None:
                del streams[name]
                continue
            made += 1
            yield triplet


def _report(out: Path, kinds: Counter[str], count: int | None) -> None:
    made = kinds.total()
    wanted = f" of {count:,}: the texts have no more" if count and made < count else ""
    print(f"{out}: {made:,} triplets{wanted}")  # noqa: T201
    for kind, number in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        print(f"  {kind:<24}{number:>10,}")  # noqa: T201


def main(arguments: Sequence[str]) -> None:
    run(Command("amlm.data triplets", ABOUT, TripletOptions, make_triplets), arguments)
