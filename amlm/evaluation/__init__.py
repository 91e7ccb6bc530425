"""The BabyLM 2025 evaluation, for any Hugging Face masked LM.

| module | holds |
| --- | --- |
| `options` | what the command is told |
| `tasks` | which tasks there are, where their files lie, what to do when they are missing |
| `items` | lines of those files as items: candidates of which the first is right |
| `models`, `predictors` | a folder or name to a model, and its logits at one position, fast |
| `scoring` | log-probabilities of masked tokens, each different input computed once |
| `figures` | scores with intervals and ties, the official figure beside our own |
| `ranking`, `reading`, `aoa` | the three kinds of task, from items to predictions and figures |
| `baselines` | what a score is worth: an untrained twin, word frequency |
| `zero_shot`, `results` | a task from files to report; the files of an evaluation and its table |
| `finetuning` | the fine-tuned part: (Super)GLUE |
| `official`, `sizes` | official files checked and scored; how many predictions there have to be |
| `submission` | all that as the leaderboard's one file |
"""
