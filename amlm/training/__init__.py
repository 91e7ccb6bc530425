"""One pretraining run, from its configuration to an exported model.

| module | holds |
| --- | --- |
| `run`, `assemble`, `checks` | a run; its parts made from a configuration; checks beforehand |
| `lightning_module`, `accumulators` | a training step; the sums behind its metrics |
| `callbacks` | one idea per file: update the table, record the drift, save ... |
| `run_folder`, `record`, `mirrors` | the run folder; its log and tables; the log shown elsewhere |
| `summary`, `read_run`, `cards` | what a run is remembered by; a run folder read; model cards |
"""
