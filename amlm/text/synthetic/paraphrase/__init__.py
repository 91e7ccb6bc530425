"""Sentences of a corpus said again: with the same meaning, or with another one.

Every change is a function of a sentence to the edits that surely make it: there is no parser, so
patterns are narrow, and most sentences are left alone. Which kinds hold on real text, and which
went because they did not, is in ``amlm/text/notes.md``.
"""

from amlm.text.synthetic.paraphrase.corpus_triplets import corpus_triplets
from amlm.text.synthetic.paraphrase.exchange import ANTONYMS, SYNONYMS, Exchange, read_exchange

__all__ = ["ANTONYMS", "SYNONYMS", "Exchange", "corpus_triplets", "read_exchange"]
