"""Token ids in one memory-mapped array, and the batches made of them.

| module | holds |
| --- | --- |
| `encode`, `build_store` | lines to ids on disk; a store built from sources |
| `token_store` | a store opened: ids, words, counts |
| `order`, `plan`, `words_seen` | blocks in a computed order; the batches of a run; words by step |
| `datamodule` | the Lightning data module |
| `prepare`, `describe` | ``python -m amlm.data prepare`` and ``inspect``: a store as text tables |
"""
