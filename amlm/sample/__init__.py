"""The built-in sample corpus: our own text, from a seeded grammar of simple English.

It describes a small world of people, animals, things and places, with statements, questions and
answers, stories, and nonce words with regular derivations. The same grammar generates triplets and
minimal pairs.

| module | contents |
| --- | --- |
| `lexicon`, `verb_lexicon` | the words, as lists |
| `morphology`, `words` | spelling and derivation; nouns, verbs, random choices |
| `structures`, `syntax` | phrases and clauses as data, and their realisation as text |
| `phrases`, `clauses` | random structures with compatible words |
| `statements`, `remarks`, `dialogues`, `stories`, `nonce` | families of lines |
| `sample_text` | the mixture of all families: `sample_lines` |
| `sample_triplets`, `minimal_pairs`, `agreement_pairs` | pairs of structures with one change |
"""

from amlm.sample.minimal_pairs import MinimalPair, minimal_pairs
from amlm.sample.sample_text import sample_lines
from amlm.sample.sample_triplets import Triplet, triplets

__all__ = ["MinimalPair", "Triplet", "minimal_pairs", "sample_lines", "triplets"]
