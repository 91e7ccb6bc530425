"""The options of `amlm.evaluate`. Nothing heavy is imported here: ``--help`` must be quick."""

from __future__ import annotations

from dataclasses import dataclass

from amlm.config.options import NEEDED, option
from amlm.evaluation.finetuning import glue_tasks as glue
from amlm.evaluation.zero_shot.tasks import TASKS

CHECKPOINTS = "checkpoints"  # the revision that stands for all of them


@dataclass
class Options:
    model: str = option(
        NEEDED, "a run folder, a folder in Hugging Face format, or a name on its Hub"
    )
    out: str = option(NEEDED, "folder for results/<model>/<revision>/...")
    data_dir: str | None = option(None, "folder with the tasks' folders (evaluation_data)")
    tasks: list[str] = option(
        [],
        "zero-shot tasks; none given: all that are there, or none where finetune says some",
        choices=tuple(TASKS),
    )
    suite: str = option("fast", "the official selection of items", choices=("fast", "full"))
    revision: str = option(
        "main",
        f"main, a checkpoint of the model, e.g. chck_10M, or {CHECKPOINTS}: each chck_<n>M in turn",
    )
    baselines: list[str] = option(
        [],
        "also the same model with random weights; token frequency in frequency_text (zero-shot)",
        choices=("untrained", "frequency"),
    )
    frequency_text: str | None = option(None, "text file that the frequency baseline counts")
    device: str = option("auto", "auto is a GPU if there is one", choices=("auto", "cpu", "cuda"))
    threads: int = option(0, "CPU threads; 0 leaves the choice to torch", ge=0)
    batch_tokens: int = option(4_096, "zero-shot: tokens of a batch; memory grows with it", ge=1)
    finetune: list[str] = option(
        [],
        "(Super)GLUE tasks to fine-tune the model on, after the zero-shot tasks",
        choices=tuple(glue.TASKS),
    )
    seeds: list[int] = option(
        [42], "fine-tuning: seeds; the first one's predictions are submitted", ge=0, lt=2**31
    )
    epochs: int | None = option(
        None, "fine-tuning: passes over the data; null is the task's own", ge=1
    )
    batch_size: int | None = option(
        None, "fine-tuning: items of a batch; null is the task's own", ge=1
    )
    lr: float = option(3e-5, "fine-tuning: peak learning rate", gt=0)
    max_length: int = option(512, "fine-tuning: tokens of an item; longer ones are cut", ge=8)
    submission: str | None = option(
        None,
        "evaluate nothing, collate what is in out into this file for the leaderboard, or say what "
        "is missing and which commands make it",
    )
    track: str = option(
        "strict-small",
        "of the submission: 100 million words seen and 19 checkpoints, or a billion and 28",
        choices=("strict-small", "strict"),
    )
