"""Sentences of a corpus said again: with the same meaning, or with another one.

Every change is a function of dice and a sentence to the changed sentence, or to None where it does
not surely apply: there is no parser, so patterns are narrow, and most sentences are left alone.

| module | holds |
| --- | --- |
| `sentences` | which lines are taken, closed classes of words, edits |
| `contraction`, `order` | "don't" and "do not"; the order of clauses |
| `frames`, `exchange` | where a word is surely of its class; synonyms and antonyms by a list |
| `verbs`, `phrases`, `clauses` | simple clauses recognised; their passive and their roles |
| `negation`, `number` | what their names say |
| `corpus` | the changes drawn for a text: `corpus_triplets` |
"""

from amlm.text.synthetic.paraphrase.corpus_triplets import corpus_triplets
from amlm.text.synthetic.paraphrase.exchange import ANTONYMS, SYNONYMS, Exchange, read_exchange

__all__ = ["ANTONYMS", "SYNONYMS", "Exchange", "corpus_triplets", "read_exchange"]
