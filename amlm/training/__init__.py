"""One pretraining run, from its configuration to an exported model.

| module | holds |
| --- | --- |
| `run`, `check_run` | a run, and its checks before it starts |
| `assemble`, `devices` | its parts, built from a configuration; devices and precision |
| `launch`, `slurm`, `stopping` | its processes and their ranks; as a job; signals that stop it |
| `health`, `divergence`, `replay` | what goes wrong, what a run leaves then, its replay |
| `lightning_module`, `accumulators` | a training step; the sums behind its metrics |
| `callbacks` | one idea per file: update the table, record the drift, save ...; their order |
| `run_folder`, `record` | the run folder; its log and tables |
| `run_log`, `mirrors` | their writer, a Lightning logger; mirrors in Lightning's other loggers |
| `summary`, `objective`, `read_run`, `cards` | what is read from a record; model cards |
"""
