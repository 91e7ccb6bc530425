"""Options of how a run is carried out: trainer, validation, checkpoints, logger, paths.

What is trained is in `amlm.config.schema`. `NOT_SCIENCE` lists the options that a resumed run may
change.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from amlm.config.options import option

COMPILE_MODES = ("default", "reduce-overhead")
ATTENTIONS = ("torch", "triton")


@dataclass
class TrainerConfig:
    max_steps: int | None = option(
        None, "optimizer steps; null: data.epochs passes", ge=1, le=10**9
    )
    accelerator: str = option("auto", "device type", choices=("auto", "cpu", "gpu"))
    devices: int = option(
        1,
        "number of devices, one process each; 0: all available; torchrun and srun start as many as "
        "they are told",
        ge=0,
    )
    precision: str = option(
        "auto",
        "auto: bf16-mixed on GPUs that support it, float32 elsewhere; bf16-true-autocast: bfloat16 "
        "weights and autocast in the forward pass, as in the authors' script",
        choices=("auto", "32", "bf16-mixed", "bf16-true", "bf16-true-autocast"),
    )
    compile: str = option(
        "auto",
        "mode of torch.compile; reduce-overhead captures CUDA graphs; auto: what amlm.bench has "
        "shown in whole runs to be fastest on this kind of device, so far none on CPUs and GPUs",
        choices=("auto", "none", *COMPILE_MODES),
    )
    attention: str = option(
        "auto",
        "torch: operators of torch; triton: fused kernels (a GPU and the extra triton); auto: what "
        "amlm.bench has shown to be faster on this kind of device, so far torch on CPUs and GPUs",
        choices=("auto", *ATTENTIONS),
    )
    accumulate: int = option(
        1, "micro-batches per optimizer step (gradient accumulation), to save memory", ge=1
    )
    log_every: int = option(20, "optimizer steps between training records", ge=1)
    validate_every: int = option(500, "optimizer steps between validations; 0: never", ge=0)
    overfit: bool = option(False, "train on the first batch only, as a check of the model")
    replay: bool = option(
        False, "repeat the steps in which the run in run_dir diverged (set by debug=replay)"
    )
    profile: bool = option(False, "profile a few steps into the run folder")
    threads: int = option(0, "CPU threads; 0: torch's default", ge=0, le=4_096)
    rank_timeout: float = option(
        600.0,
        "of several processes: seconds that one waits for another that hangs, before the run ends",
        gt=0,
        le=10**7,
    )


@dataclass
class ValidationConfig:
    ratio: float = option(0.15, "mask ratio of the plain masked-LM validation", gt=0, lt=1)
    batch_tokens: int = option(4_096, "tokens per validation batch", ge=64)
    seed: int = option(0, "seed of the validation masks", ge=0)
    protocol: str = option(
        "fixed",
        "fixed: the same masks at every validation, ordinary tokens, the shortest block length, "
        "mean over labels; authors: new masks each time, special tokens masked and drawn too, the "
        "current block length of training, mean of batch means",
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
        "zero-shot tasks scored while training; sample (minimal pairs of the built-in grammar) "
        "needs no data",
        choices=(
            *("sample", "blimp", "supplement", "ewok"),
            *("entity_tracking", "global_piqa_parallel", "global_piqa_nonparallel"),
            *("wug_adj", "wug_past"),
        ),
    )
    at: str = option(
        "checkpoints",
        "when: at each word checkpoint and at the end, or only at the end",
        choices=("checkpoints", "end"),
    )
    rules: str = option(
        "2026",
        "year of the BabyLM Challenge whose tasks and scoring apply",
        choices=("2026", "2025"),
    )
    data_dir: str | None = option(None, "folder of evaluation data, as in amlm.evaluate")
    items: int = option(40, "items per group (paradigm, domain ...); the first are used", ge=1)


@dataclass
class CheckpointConfig:
    every: int = option(200, "optimizer steps between checkpoints to resume from", ge=1)
    words_by: str = option(
        "words",
        "export chck_1M, chck_2M ... by words seen, or by fraction of steps as in the authors' "
        "script",
        choices=("words", "steps"),
    )


@dataclass
class LoggerConfig:
    name: str = option(
        "none",
        "logger that mirrors the run's record",
        choices=("none", "csv", "tensorboard", "wandb"),
    )
    project: str | None = option(None, "W&B project; null: WANDB_PROJECT, else amlm")
    entity: str | None = option(None, "W&B team or user; null: your default")
    mode: str | None = option(
        None,
        "W&B mode; offline needs no account; null: WANDB_MODE, else offline",
        choices=("offline", "online"),
    )


@dataclass
class SlurmConfig:
    submit: str = option(
        "none",
        "slurm: submit the run as a job and return (set by impl=slurm; in a job it just runs); "
        "local: the same with processes of this machine, as a rehearsal",
        choices=("none", "slurm", "local"),
    )
    nodes: int = option(1, "nodes, each with trainer.devices processes", ge=1)
    minutes: int = option(1_440, "time limit of the job; it is then requeued and resumes", ge=1)
    requeues: int = option(20, "how often a job whose time is up is requeued", ge=0)
    signal_seconds: int = option(
        120, "seconds before the time limit at which the run saves and is requeued", ge=1
    )
    partition: str | None = option(None, "partition; null: the default one")
    account: str | None = option(None, "account to charge; null: the default one")
    cpus: int = option(4, "CPUs of each process", ge=1)
    memory: int | None = option(None, "memory of each node in GB; null: the default", ge=1)
    options: dict[str, Any] = option(
        {}, "further options of sbatch as submitit names them: +slurm.options.qos=high"
    )


@dataclass
class PathsConfig:
    outputs: str = option("outputs", "root of run folders: <outputs>/<name>/<time>-seed<seed>")
    cache: str = option("~/.cache/amlm", "cache of tokenizers and tokenised text")


# What a run may change when it resumes, as patterns: everything else is science and must be what it
# was. Text and tokenizer (see `amlm.store.identity`) and what masking reads (see
# `amlm.training.run_folder.check_digests`) are compared by content, not by their paths.
NOT_SCIENCE = (
    # names, and what is done with the record
    *("name", "choices", "sweep", "objective", "components", "logger.*"),
    # what only refuses
    *("data.track", "data.languages*"),
    # places
    *("run_dir", "paths.*", "data.dir", "data.triplets", "data.sources.*.path"),
    *("data.sources.*.dev", "tokenizer.path", "evaluation.data_dir"),
    *("masking.signal.path", "masking.schedule.run"),
    # how often something is logged, saved or validated
    *("trainer.log_every", "trainer.validate_every", "checkpoints.every", "trainer.profile"),
    "evaluation.at",
    # the same results up to rounding; what trainer.precision=auto stands for is compared instead
    *("data.workers", "trainer.threads", "trainer.accelerator", "trainer.devices"),
    *("trainer.compile", "trainer.attention", "trainer.precision"),
    # where and under what watch a run is carried out
    *("slurm.*", "trainer.rank_timeout", "trainer.replay"),
)


def is_science(name: str) -> bool:
    """Whether an option, by its dotted name, decides what is trained (see `NOT_SCIENCE`)."""
    return not any(fnmatchcase(name, pattern) for pattern in NOT_SCIENCE)
