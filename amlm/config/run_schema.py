"""The options of how a run is carried out: trainer, validation, checkpoints, logger, paths.

The first half of the schema, of what is trained, is `amlm.config.schema`.
"""

from __future__ import annotations

from dataclasses import dataclass

from amlm.config.options import option


@dataclass
class TrainerConfig:
    max_steps: int | None = option(
        None, "optimizer steps of the run; null is data.epochs passes", ge=1
    )
    accelerator: str = option("auto", "device kind", choices=("auto", "cpu", "gpu"))
    devices: int = option(
        1, "number of devices, each with a process of its own; 0 is all there are", ge=0
    )
    precision: str = option(
        "auto",
        "auto is bf16-mixed on GPUs that have it and float32 elsewhere; bf16-true-autocast is "
        "bfloat16 weights with autocast around the forward pass, as in the authors' script",
        choices=("auto", "32", "bf16-mixed", "bf16-true", "bf16-true-autocast"),
    )
    compile: bool = option(
        False, "torch.compile the model: for GPUs, where amlm.bench says that it wins"
    )
    accumulate: int = option(
        1, "micro-batches per optimizer step (gradient accumulation), to save memory", ge=1
    )
    log_every: int = option(20, "optimizer steps between two lines of training metrics", ge=1)
    validate_every: int = option(500, "optimizer steps between two validations; 0 is never", ge=0)
    overfit: bool = option(False, "train on the first batch again and again (a test of the model)")
    profile: bool = option(False, "profile a few steps into the run folder")
    threads: int = option(0, "CPU threads; 0 leaves the choice to torch", ge=0)


@dataclass
class ValidationConfig:
    ratio: float = option(0.15, "mask ratio of the plain masked-LM validation", gt=0, lt=1)
    batch_tokens: int = option(4_096, "tokens per validation batch", ge=64)
    seed: int = option(0, "seed of the masks, the same at every validation of every run", ge=0)
    protocol: str = option(
        "fixed",
        "fixed: the same masks at every validation, ordinary tokens, the shortest block length, "
        "the mean over labels; authors: new masks each time, special tokens masked and drawn too, "
        "the block length of training at that step, the mean of batch means",
        choices=("fixed", "authors"),
    )
    compare: str = option(
        "exact",
        "compare predicted ids as integers, or after a cast to bfloat16 as in the authors' script",
        choices=("exact", "bfloat16"),
    )


@dataclass
class EvaluationConfig:
    tasks: list[str] = option(
        [],
        "zero-shot tasks scored at each word checkpoint and at the end; sample is the built-in "
        "grammar's minimal pairs and needs no data",
        choices=(
            "sample",
            "blimp",
            "supplement",
            "ewok",
            "entity_tracking",
            "wug_adj",
            "wug_past",
        ),
    )
    data_dir: str | None = option(
        None, "folder with the tasks' folders (as data_dir of amlm.evaluate)"
    )
    items: int = option(
        40, "items of each group (paradigm, domain ...); the first ones are taken", ge=1
    )


@dataclass
class CheckpointConfig:
    every: int = option(200, "optimizer steps between two checkpoints to resume from", ge=1)
    words_by: str = option(
        "words",
        "when chck_1M, chck_2M ... are exported: by words really seen, or by share of the steps as "
        "in the authors' script",
        choices=("words", "steps"),
    )


@dataclass
class LoggerConfig:
    name: str = option(
        "none", "mirror of the run's own log", choices=("none", "csv", "tensorboard", "wandb")
    )
    project: str = option("amlm", "W&B project")
    entity: str | None = option(None, "W&B team or user; null is your default")
    mode: str = option("offline", "W&B: offline needs no account", choices=("offline", "online"))


@dataclass
class PathsConfig:
    outputs: str = option("outputs", "where run folders go: <outputs>/<name>/<time>-seed<seed>")
    cache: str = option(
        "~/.cache/amlm", "where tokenizers and tokenised text are kept between runs"
    )
