"""The options of `amlm.evaluate`. Nothing heavy is imported here: ``--help`` must be quick."""

from __future__ import annotations

from dataclasses import dataclass

from amlm.config.options import NEEDED, option
from amlm.evaluation.finetuning import glue_tasks as glue
from amlm.evaluation.rules import DEFAULT, RULES, TASK_NAMES

CHECKPOINTS = "checkpoints"  # the revision that means all checkpoints


@dataclass
class Options:
    model: str = option(NEEDED, "a run folder, a folder in Hugging Face format, or hub:owner/name")
    out: str = option(NEEDED, "folder for results/<model>/<revision>/...")
    data_dir: str | None = option(None, "folder with the data of the tasks (evaluation_data)")
    tasks: list[str] = option(
        [],
        "zero-shot tasks; default: all whose data is found, or none if finetune is given",
        choices=TASK_NAMES,
    )
    rules: str = option(
        DEFAULT,
        "year of the BabyLM Challenge whose tasks, scoring and submission apply",
        choices=tuple(RULES),
    )
    suite: str = option("fast", "official selection of items", choices=("fast", "full"))
    revision: str = option(
        "main",
        f"main, a checkpoint of the model, e.g. chck_10M, or {CHECKPOINTS} for all chck_<n>M",
    )
    trust_remote_code: bool = option(
        False, "run Python code that comes with the model (read it first)"
    )
    baselines: list[str] = option(
        [],
        "baselines: the model with random weights; token frequency in frequency_text (zero-shot)",
        choices=("untrained", "frequency"),
    )
    frequency_text: str | None = option(None, "text file for the frequency baseline")
    backend: str = option(
        "mlm",
        "where the prediction of a masked token is read: at its position, or with mntp at the one "
        "before, where models like GPT-BERT make it",
        choices=("mlm", "mntp"),
    )
    device: str = option("auto", "auto: a GPU if there is one", choices=("auto", "cpu", "cuda"))
    threads: int = option(0, "CPU threads; 0: torch's default", ge=0)
    tie_seed: int = option(
        0, "zero-shot: seed of the draws among candidates with equal scores", ge=0, lt=2**31
    )
    batch_tokens: int = option(4_096, "zero-shot: tokens per batch; determines memory use", ge=1)
    finetune: list[str] = option(
        [],
        "(Super)GLUE tasks to fine-tune the model on, after the zero-shot tasks",
        choices=tuple(glue.TASKS),
    )
    seeds: list[int] = option(
        [42], "fine-tuning: seeds; predictions of the first are submitted", ge=0, lt=2**31
    )
    epochs: int | None = option(None, "fine-tuning: epochs; null: the task's default", ge=1)
    batch_size: int | None = option(
        None, "fine-tuning: items per batch; null: the task's default", ge=1
    )
    lr: float = option(3e-5, "fine-tuning: peak learning rate", gt=0)
    max_length: int = option(512, "fine-tuning: tokens per item; longer ones are truncated", ge=8)
    pooling: str | None = option(
        None,
        "fine-tuning: token that is classified, the first, or the last with padding on the left; "
        "null: the last in 2026, the first in 2025",
        choices=("first", "last"),
    )
    anchors: str | None = option(
        None,
        "print public results of this year beside the leaderboard's columns",
        choices=("2026",),
    )
    submission: str | None = option(
        None,
        "file to write a complete submission to: forecasts the time, evaluates what the results in "
        "out lack or have by other rules (every checkpoint, full suite, fine-tuning), checks it",
    )
    allow_missing: bool = option(
        False,
        "submission: write null, which counts as 0, where data or checkpoints are missing",
    )
    track: str = option(
        "strict-small",
        "track of the submission: 100 million words seen and 19 checkpoints, or 1 billion and 28",
        choices=("strict-small", "strict"),
    )
