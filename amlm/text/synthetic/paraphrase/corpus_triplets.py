"""Triplets of the sentences of a corpus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from amlm.sample import Triplet
from amlm.sample.words import Dice
from amlm.text.lines import normalised
from amlm.text.synthetic.paraphrase.contraction import contraction_edits
from amlm.text.synthetic.paraphrase.edits import Edit
from amlm.text.synthetic.paraphrase.exchange import ANTONYMS, SYNONYMS, Exchange, exchange_edits
from amlm.text.synthetic.paraphrase.negation import negation_edits
from amlm.text.synthetic.paraphrase.number import number_edits

MIN_WORDS, MAX_WORDS = 3, 30
# One sentence to its one mark; no quotation, bracket or speaker's code, apostrophes in words only.
SENTENCE = re.compile(r"[^\W\d_](?:[\w ,;–—-]|(?<=\w)['’](?=\w))*[.!?]")


def is_plain(text: str) -> bool:
    """Whether a line is one plain sentence of 3 to 30 words."""
    return bool(
        MIN_WORDS <= len(text.split()) <= MAX_WORDS
        and SENTENCE.fullmatch(text)
        and not re.search(r"\b[A-Z]{2,}\b.*\b[A-Z]{2,}\b|_|\bxxx\b", text)  # shouted
        and not re.search(r" [^\w]|[–—-](?!\w)", text)  # broken off, or marks apart
        and not re.search(r"\b(?:Mrs?|Ms|Dr|St|[A-Z])\.$", text)  # broken at an abbreviation
        and not re.search(r"(?i)\b([\w'’]+)[ ,-]+\1\b", text)  # stammered
    )


def corpus_triplets(
    sentences: Iterable[str],
    seed: int,
    synonyms: Exchange = SYNONYMS,
    antonyms: Exchange = ANTONYMS,
) -> Iterator[Triplet]:
    """At most one triplet of each sentence that has a change of both sorts.

    Which changes are made depends on the seed and the sentence alone, so that lines can be left
    out, put in or worked on in parts.

    Args:
        sentences: lines; those that are not one plain sentence of 3 to 30 words give nothing.
        seed: of the choices.
        synonyms: what a word may become so that the meaning stays.
        antonyms: what a word may become so that it does not.

    Yields:
        Triplets of three distinct texts with white space normalised.
    """
    for sentence in filter(is_plain, map(normalised, sentences)):
        dice = Dice(f"{seed} {sentence}")
        same = {
            "synonym": exchange_edits(sentence, synonyms),
            "contraction": contraction_edits(sentence),
        }
        different = {
            "antonym": exchange_edits(sentence, antonyms),
            "number": number_edits(sentence),
            "negation": negation_edits(sentence),
        }
        first, second = _draw(dice, sentence, same), _draw(dice, sentence, different)
        if first and second and first[1] != second[1]:
            yield Triplet(sentence, first[1], second[1], f"{first[0]}/{second[0]}")


def _draw(
    dice: Dice, sentence: str, changes: Mapping[str, Iterator[Edit]]
) -> tuple[str, str] | None:
    """The name and the result of one of the changes that apply; None where none does."""
    results = {}
    for name, edits in changes.items():
        if texts := sorted({edit.apply(sentence) for edit in edits} - {sentence}):
            results[name] = texts
    if not results:
        return None
    name = dice.one(list(results))
    return name, dice.one(results[name])
