"""One pretraining run, from its configuration to an exported model.

| module | holds |
| --- | --- |
| `run`, `checks` | a run, and what can be wrong with it beforehand |
| `assemble`, `devices` | its parts, made from a configuration; what it computes on |
| `lightning_module`, `accumulators` | a training step; the sums behind its metrics |
| `callbacks` | one idea per file: update the table, record the drift, save ...; their order |
| `run_folder`, `record` | the run folder; its log and tables |
| `run_log`, `mirrors` | what writes them, as a Lightning logger; Lightning's loggers beside it |
| `summary`, `read_run`, `cards` | what a run is remembered by; a run folder read; model cards |
"""
