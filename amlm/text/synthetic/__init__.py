"""Text that is made, not found: triplets, and sentences that a language model completes.

| module | holds |
| --- | --- |
| `triplets` | how a triplet becomes lines |
| `make_triplets`, `paraphrase` | the command; changes that keep or change a meaning |
| `synthesize` | the command: beginnings of sentences completed |
| `completers`, `local_model`, `chat_server` | what completes: the protocol, and two that do |
| `resumable` | a file of rows that is gone on with |
"""
