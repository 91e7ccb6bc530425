"""The built-in sample corpus: text of our own, from a seeded grammar of simple English.

A small world with people, animals, things and places; statements, questions and answers, stories,
and invented words with regular derivations. The same machinery yields triplets and minimal pairs.

| module | holds |
| --- | --- |
| `lexicon` | the words, as tables |
| `words` | nouns, verbs, inflection, derivation; dice and pools |
| `syntax` | noun phrases and clauses as structures, and how they are said |
| `scene` | random structures whose words fit each other |
| `lines`, `dialogues`, `stories`, `nonce` | families of lines |
| `corpus`, `triplets`, `pairs` | what this package is for |
"""

from amlm.data.grammar.corpus import sample_lines
from amlm.data.grammar.pairs import MinimalPair, minimal_pairs
from amlm.data.grammar.triplets import Triplet, triplets

__all__ = ["MinimalPair", "Triplet", "minimal_pairs", "sample_lines", "triplets"]
