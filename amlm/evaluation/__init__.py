"""The BabyLM 2025 evaluation, for any Hugging Face masked LM.

| module | contents |
| --- | --- |
| `evaluate_options` | options of the command |
| `places`, `models` | locates a model; loads it and computes logits at masked positions |
| `zero_shot` | the zero-shot tasks, from files to reports |
| `finetuning` | the fine-tuning tasks: (Super)GLUE |
| `figures`, `results` | scores with intervals and ties; the files of an evaluation |
| `submission` | the submission file for the leaderboard |
"""
