"""The BabyLM 2025 evaluation, for any Hugging Face masked LM.

| module | holds |
| --- | --- |
| `evaluate_options` | options of the command |
| `places`, `models` | where a model lies; a model loaded, its logits at one position, fast |
| `zero_shot` | the zero-shot tasks, from files to reports |
| `finetuning` | the fine-tuned tasks: (Super)GLUE |
| `figures`, `results` | scores with intervals and ties; the files of an evaluation |
| `submission` | all that as the leaderboard's one file |
"""
