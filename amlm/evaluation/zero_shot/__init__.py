"""Zero-shot tasks: items scored by pseudo-log-likelihood.

| module | holds |
| --- | --- |
| `tasks` | which tasks there are, where their files lie, what to do when they are missing |
| `items`, `columns` | lines of those files as items: candidates of which the first is right |
| `predictors`, `scoring` | logits at one position; log-probabilities of masked tokens |
| `ranking`, `reading`, `aoa` | the three kinds of task, from items to predictions and figures |
| `baselines` | an untrained model of the same shape; token frequency |
| `run_tasks` | a task from files to report |
"""
