"""Triplets of the sentences of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from amlm.sample.sample_triplets import Triplet
from amlm.sample.words import Dice, Pool
from amlm.text.lines import normalised
from amlm.text.synthetic.paraphrase.contraction import contraction
from amlm.text.synthetic.paraphrase.exchange import ANTONYMS, SYNONYMS, Exchange, exchanged
from amlm.text.synthetic.paraphrase.negation import negation
from amlm.text.synthetic.paraphrase.number import number
from amlm.text.synthetic.paraphrase.order import order
from amlm.text.synthetic.paraphrase.passive import passive, roles
from amlm.text.synthetic.paraphrase.sentences import Change, takes

# Nearly every line has something to contract or to negate, and few anything else.
RARITY = {
    "voice": 16.0,
    "order": 16.0,
    "synonym": 4.0,
    "roles": 16.0,
    "antonym": 4.0,
    "number": 4.0,
}


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
    same: dict[str, Change] = {
        "passive": passive,
        "order": order,
        "synonym": lambda dice, text: exchanged(dice, text, synonyms),
        "contraction": contraction,
    }
    different: dict[str, Change] = {
        "roles": roles,
        "antonym": lambda dice, text: exchanged(dice, text, antonyms),
        "number": number,
        "negation": negation,
    }
    for sentence in map(normalised, sentences):
        if not takes(sentence):
            continue
        dice = Dice(f"{seed} {sentence}")
        first = _draw(dice, sentence, same)
        second = first and _draw(dice, sentence, different)
        if first and second and first[1] != second[1]:
            yield Triplet(sentence, first[1], second[1], f"{first[0]}/{second[0]}")


def _draw(dice: Dice, sentence: str, changes: dict[str, Change]) -> tuple[str, str] | None:
    """The name and the result of a change that applies; of several the rare ones more often."""
    left = list(changes)
    while left:
        name = dice.draw(Pool(left, [RARITY.get(each, 1.0) for each in left]))
        text = changes[name](dice, sentence)
        if text and text != sentence:
            return name, text
        left.remove(name)
    return None
