"""Token ids in one memory-mapped array, and the batches built from them.

| module | contents |
| --- | --- |
| `encode`, `build_store` | tokenises lines to ids on disk; builds a store from sources |
| `token_store` | opens a store: ids, words, counts |
| `permutation`, `plan`, `words_seen` | shuffled order; batches of a run; words by step |
| `datamodule` | the Lightning data module |
| `prepare`, `describe` | ``python -m amlm.data prepare`` and ``inspect``: a store as text tables |
"""
