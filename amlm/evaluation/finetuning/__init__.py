"""The fine-tuning tasks of the BabyLM evaluation: seven (Super)GLUE tasks, for any encoder.

| module | contents |
| --- | --- |
| `glue_tasks` | the tasks with their official settings; their files as text pairs |
| `batches` | text pairs to batches of ids |
| `classifier` | an encoder with the official head |
| `glue_metrics` | accuracy, F1, MCC, and confidence intervals over items |
| `fine_tuning`, `train_task` | the LightningModule; one fine-tuning run of one task |
| `outcome` | scores over seeds, as numbers and as a text table |
| `finetune` | all tasks and seeds; finished ones are skipped |
"""
