"""The BabyLM evaluation, for any Hugging Face masked LM.

| module | contents |
| --- | --- |
| `evaluate_options`, `check_options` | options of the command; their checks before it starts |
| `rules` | what differs between the years of the challenge |
| `places`, `models` | locates a model; loads it and computes logits at masked positions |
| `fingerprint` | what its scores depend on, as a hash |
| `own_code` | loads models that bring Python code of their own |
| `zero_shot` | the zero-shot tasks, from files to reports |
| `finetuning` | the fine-tuning tasks: (Super)GLUE |
| `figures`, `results` | scores with intervals and ties; the files of an evaluation |
| `leaderboard` | the columns and means of the leaderboard |
| `submission` | the submission file for the leaderboard |
"""
