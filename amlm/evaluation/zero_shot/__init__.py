"""Zero-shot tasks: items scored by pseudo-log-likelihood.

| module | contents |
| --- | --- |
| `tasks` | the tasks and the locations of their files |
| `items`, `columns` | reads those files: items whose first candidate is the correct one |
| `predictors`, `scoring` | logits at one position; log-probabilities of masked tokens |
| `ranking`, `reading`, `aoa` | the three kinds of task, from items to predictions and scores |
| `baselines` | token frequency |
| `run_tasks` | runs a task, from files to report |
"""
