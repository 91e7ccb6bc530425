"""Text on its way into batches.

| module | holds |
| --- | --- |
| `sources`, `corpora`, `readers` | which text, how it is read, from any kind of file |
| `lines`, `cleaning`, `spool` | what a line is, what is taken out of it, cleaned text on disk |
| `mix` | how much of each source, and which lines |
| `tokenizers`, `encode` | tokenizers; lines to ids on disk |
| `build`, `store` | a store built, a store read |
| `order`, `plan`, `words`, `module` | blocks in a computed order, batches, words seen, Lightning |
| `commands`, `table` | ``python -m amlm.data prepare`` and ``inspect`` |
| `synthetic`, `grammar`, `downloads` | text made or fetched |
"""
