"""Makes triplets from the sentences of a corpus."""

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
# One sentence with one final mark; no quotations, brackets or speaker codes, no apostrophes
# except within words.
SENTENCE = re.compile(r"[^\W\d_](?:[\w ,;–—-]|(?<=\w)['’](?=\w))*[.!?]")


def is_plain(text: str) -> bool:
    """Whether a line is one plain sentence of 3 to 30 words."""
    return bool(
        MIN_WORDS <= len(text.split()) <= MAX_WORDS
        and SENTENCE.fullmatch(text)
        and not re.search(r"\b[A-Z]{2,}\b.*\b[A-Z]{2,}\b|_|\bxxx\b", text)  # in capitals
        and not re.search(r" [^\w]|[–—-](?!\w)", text)  # an unfinished word, or spaced marks
        and not re.search(r"\b(?:Mrs?|Ms|Dr|St|[A-Z])\.$", text)  # cut at an abbreviation
        and not re.search(r"(?i)\b([\w'’]+)[ ,-]+\1\b", text)  # repeated words
    )


def corpus_triplets(
    sentences: Iterable[str],
    seed: int,
    synonyms: Exchange = SYNONYMS,
    antonyms: Exchange = ANTONYMS,
) -> Iterator[Triplet]:
    """Yields at most one triplet of distinct, normalised texts per sentence.

    The choices depend only on the seed and the sentence, not on other lines. Lines that are not one
    plain sentence of 3 to 30 words are skipped.
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
    """The name and the result of a random change; None if none applies."""
    results = {}
    for name, edits in changes.items():
        if texts := sorted({edit.apply(sentence) for edit in edits} - {sentence}):
            results[name] = texts
    if not results:
        return None
    name = dice.one(list(results))
    return name, dice.one(results[name])
