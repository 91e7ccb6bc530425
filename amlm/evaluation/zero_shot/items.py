"""Items of the ranking tasks, read from JSON lines; the first candidate is the correct one.

The score of a candidate is the pseudo-log-likelihood of its *completion*, a suffix of its sentence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from amlm.text.readers.text_files import numbered_lines
from amlm.util.errors import InputError

SAMPLE_PAIRS = 100  # minimal pairs per phenomenon of the built-in grammar
SAMPLE_SEED = 2025
FIELDS = {"syntax_semantics": "syntax/semantics"}
COMPS = {
    "comps_base": "base",
    "comps_wugs": "wugs",
    "comps_wugs_dist-before": "wugs_dist_before",
}


class Candidate(NamedTuple):
    """A sentence whose completion begins after `start` characters.

    `answer` is the text that an official prediction quotes if the candidate is chosen.
    """

    sentence: str
    start: int
    answer: str


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        uid: the group of the item; the score of a task is a mean over groups.
        candidates: the correct one first.
        groups: further groupings, e.g. ``{"field": "syntax"}``.
        ratio: proportion of people who chose the first candidate (WUG).
        key: the key of its prediction in official files; None for the group.
    """

    uid: str
    candidates: list[Candidate]
    groups: dict[str, str] = field(default_factory=dict)
    ratio: float | None = None
    key: str | None = None


Fields = Callable[[str, type], Any]  # (name, type) -> the field of a line; raises InputError
Reader = Callable[[Fields, Path], Item | None]  # None: the line is not part of the task


def whole(sentence: str) -> Candidate:
    """A sentence that is its own completion."""
    return Candidate(sentence, 0, sentence)


def suffix(context: str, completion: str) -> Candidate:
    """A completion after its context, quoted alone."""
    return Candidate(context + completion, len(context), completion)


def after(context: str, completion: str) -> Candidate:
    """A completion after its context, quoted as the whole sentence."""
    return Candidate(context + completion, len(context), context + completion)


def blimp(line: Fields, path: Path) -> Item:
    pair = [whole(line("sentence_good", str)), whole(line("sentence_bad", str))]
    name = line("field", str)
    groups = {"field": FIELDS.get(name, name), "linguistics_term": line("linguistics_term", str)}
    return Item(line("UID", str), pair, groups)


def supplement(line: Fields, path: Path) -> Item:
    return Item(path.stem, [whole(line("sentence_good", str)), whole(line("sentence_bad", str))])


def ewok_contexts(line: Fields, path: Path) -> Item:
    """Two contexts of one target; rules of 2026."""
    target = " " + line("Target1", str)
    pair = [after(line(name, str), target) for name in ("Context1", "Context2")]
    return _ewok(line, pair)


def ewok_targets(line: Fields, path: Path) -> Item:
    """Two targets after one context; rules of 2025."""
    context = line("Context1", str)
    pair = [suffix(context, " " + line(name, str)) for name in ("Target1", "Target2")]
    return _ewok(line, pair)


def _ewok(line: Fields, pair: list[Candidate]) -> Item:
    groups = {name: line(name, str) for name in ("ContextType", "ContextDiff", "TargetDiff")}
    return Item(line("Domain", str), pair, groups)


def entity_tracking(line: Fields, path: Path) -> Item:
    prefix = line("input_prefix", str)
    options = [suffix(prefix, option) for option in line("options", list)]
    return Item(f"{path.stem}_{line('numops', int)}_ops", options)


def entity_tracking_without_nothing(line: Fields, path: Path) -> Item | None:
    """An item none of whose options says that a box has nothing in it; rules of 2026."""
    item = entity_tracking(line, path)
    return None if any("nothing" in each.answer for each in item.candidates) else item


def comps(line: Fields, path: Path) -> Item:
    phrase = line("property_phrase", str)
    pair = [
        after(line(name, str) + " ", phrase)
        for name in ("prefix_acceptable", "prefix_unacceptable")
    ]
    return Item(COMPS.get(path.stem, "wugs_dist_in_between"), pair)


def global_piqa(task: str, solutions: int) -> Reader:
    """The reader of a GlobalPIQA task, whose items form a single group with the task's name."""

    def read(line: Fields, path: Path) -> Item:
        prompt, label = line("prompt", str), line("label", int)
        options = [suffix(prompt, " " + line(f"solution{n}", str)) for n in range(solutions)]
        if label not in range(solutions):
            raise InputError(f"field 'label' is {label}, not the number of a solution")
        return Item(task, [options.pop(label), *options], key=line("example_id", str))

    return read


def wug(task: str) -> Reader:
    """The reader of a WUG task, whose items form a single group with the task's name."""

    def read(line: Fields, path: Path) -> Item:
        sentences = line("sentences", str).split("\t")
        if len(sentences) != 2:
            raise InputError(f"'sentences' has {len(sentences)} tab-separated fields, not 2")
        return Item(task, [whole(each) for each in sentences], ratio=float(line("ratio", float)))

    return read


def ids(items: Sequence[Item]) -> list[str]:
    """The official id of each item: its key, or its group, and its index among those."""
    seen: Counter[str] = Counter()
    names = []
    for item in items:
        key = item.key or item.uid
        names.append(f"{key}_{seen[key]}")
        seen[key] += 1
    return names


def read_items(path: Path, reader: Reader) -> list[Item]:
    """Reads all items of a JSON-lines file.

    Raises:
        InputError: a line is not valid JSON or lacks a field.
    """
    read = (_item(number, text, path, reader) for number, text in numbered_lines(path))
    return [item for item in read if item is not None]


def from_json(text: str) -> Any:
    """The value of a JSON text; ValueError also if half a surrogate pair in it is no character."""
    value = json.loads(text)
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError("half a surrogate pair, which no tokenizer reads") from error
    return value


def _item(number: int, text: str, path: Path, reader: Reader) -> Item | None:
    try:
        raw = from_json(text)
    except ValueError as error:
        raise InputError(f"{path}, line {number}: not valid JSON ({error})") from error

    def line(name: str, kind: type) -> Any:
        if not isinstance(raw, dict) or name not in raw:
            raise InputError(f"field {name!r} is missing")
        value = raw[name]
        fits = isinstance(value, (int, float) if kind is float else kind)
        if kind is list:
            fits = fits and len(value) > 1 and all(isinstance(each, str) for each in value)
        if kind in (int, float):
            fits = fits and not isinstance(value, bool) and isfinite(value)
        if not fits:
            raise InputError(f"field {name!r} is {value!r}, not {NAMES[kind]}")
        return value

    try:
        item = reader(line, path)
        candidates = [] if item is None else item.candidates
        for number_of, (sentence, start, _) in enumerate(candidates, start=1):
            if not sentence[start:].strip():  # its score would be the highest, 0
                raise InputError(
                    f"candidate {number_of} is empty, so that it cannot be scored: correct or "
                    "remove the line"
                )
        return item
    except InputError as error:
        raise InputError(f"{path}, line {number}: {error}") from error


NAMES = {str: "text", int: "an integer", float: "a number", list: "a list of two or more texts"}


def sample_items() -> list[Item]:
    """Minimal pairs of the built-in grammar, always the same ones."""
    from amlm.sample import minimal_pairs  # imported late: no other task needs the grammar

    phenomena = len({pair.phenomenon for pair in minimal_pairs(SAMPLE_SEED, SAMPLE_PAIRS)})
    pairs = minimal_pairs(SAMPLE_SEED, SAMPLE_PAIRS * phenomena)
    return [Item(pair.phenomenon, [whole(pair.good), whole(pair.bad)]) for pair in pairs]
