"""Lines of text: where they come from, how they are read, cleaned and mixed.

| module | holds |
| --- | --- |
| `sources`, `corpora`, `readers` | which text, and how it is read from any kind of file |
| `lines`, `cleaning`, `spool` | what a line is, what is removed from it, cleaned text on disk |
| `mix` | how much of each source, and which lines |
| `synthetic`, `downloads` | text that is made or fetched |
"""
