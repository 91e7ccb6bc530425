"""Rule-based paraphrases of sentences, and changes of their meaning.

Each rule maps a sentence to the edits that are certainly correct. There is no parser, so patterns
are narrow and most sentences are left unchanged. ``amlm/text/notes.md`` has the accuracy of each
rule on real text, including rules that were dropped.
"""

from amlm.text.synthetic.paraphrase.corpus_triplets import corpus_triplets
from amlm.text.synthetic.paraphrase.exchange import ANTONYMS, SYNONYMS, Exchange, read_exchange

__all__ = ["ANTONYMS", "SYNONYMS", "Exchange", "corpus_triplets", "read_exchange"]
