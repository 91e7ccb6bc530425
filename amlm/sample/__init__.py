"""The built-in sample corpus: text of our own, from a seeded grammar of simple English.

A small world with people, animals, things and places; statements, questions and answers, stories,
and invented words with regular derivations. The same machinery yields triplets and minimal pairs.

| module | holds |
| --- | --- |
| `lexicon` | the words, as tables |
| `morphology`, `words` | spelling and derivation; nouns, verbs, dice and pools |
| `structures`, `syntax` | phrases and clauses as data, and how they are said |
| `phrases`, `clauses` | random structures whose words fit each other |
| `statements`, `remarks`, `dialogues`, `stories`, `nonce` | families of lines |
| `corpus` | the families mixed: `sample_lines` |
| `triplets`, `pairs`, `pairs_agreement` | one structure and the same with one thing changed |
"""

from amlm.sample.minimal_pairs import MinimalPair, minimal_pairs
from amlm.sample.sample_text import sample_lines
from amlm.sample.sample_triplets import Triplet, triplets

__all__ = ["MinimalPair", "Triplet", "minimal_pairs", "sample_lines", "triplets"]
