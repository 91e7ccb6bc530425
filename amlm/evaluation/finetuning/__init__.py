"""The fine-tuned part of the BabyLM 2025 evaluation: seven (Super)GLUE tasks, for any encoder.

| module | holds |
| --- | --- |
| `tasks` | the tasks with their official settings; their files as pairs of texts |
| `batches` | pairs to batches of ids |
| `classifier` | an encoder and the official head |
| `metrics` | accuracy, F1, MCC, and the interval over items |
| `source` | the place of a model to an encoder with its tokenizer |
| `module`, `train` | the LightningModule; one training of one task |
| `report` | scores over seeds, as numbers and as a table |
| `run` | tasks and seeds one after another, going on where it stopped |
"""
