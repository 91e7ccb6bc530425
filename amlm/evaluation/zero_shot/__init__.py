"""Zero-shot tasks: items scored by pseudo-log-likelihood.

| module | contents |
| --- | --- |
| `tasks` | finds the files of the tasks |
| `items`, `columns` | reads those files: items whose first candidate is the correct one |
| `predictors`, `scoring` | logits at one position; log-probabilities of masked tokens |
| `choices` | the candidate that the official pipeline chooses |
| `ranking`, `reading`, `aoa` | the three kinds of task, from items to predictions and scores |
| `baselines` | token frequency |
| `run_tasks` | runs a task, from files to report |
"""
