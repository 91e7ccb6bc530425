"""The BabyLM 2025 evaluation, for any Hugging Face masked LM.

| module | holds |
| --- | --- |
| `options` | what the command is told |
| `tasks` | which tasks there are, where their files lie, what to do when they are missing |
| `items` | lines of those files as items: candidates of which the first is right |
| `models` | a folder or name to a model that gives logits at one position of each input |
| `scoring` | log-probabilities of masked tokens, each different input computed once |
| `figures` | scores with intervals and ties, the official figure beside our own |
| `ranking`, `reading`, `aoa` | the three kinds of task, from items to predictions and figures |
| `baselines` | what a score is worth: an untrained twin, word frequency |
| `results` | the files of an evaluation and the table at its end |
| `finetuning` | the fine-tuned part: (Super)GLUE |
| `submission`, `sizes` | all that as the leaderboard's one file; how many items it has to have |
"""
