"""Every option of a run, with its type, range and one line of help.

The dataclasses are the schema that Hydra composes into (``conf/config.yaml``), so a wrong type or
an unknown key is found while the configuration is composed; `amlm.config.checks` adds ranges and
the rules between options. Nothing heavy is imported here: ``--help`` must be fast.

The parts of the masking policy (unit, signal, schedule, sampler, replacement) and the callbacks are
*components*: nodes with a ``_target_`` that names a class with options of its own (see
`amlm.config.components`). Everything else is a plain section.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amlm.config.options import option
from amlm.config.run_schema import (
    CheckpointConfig,
    EvaluationConfig,
    LoggerConfig,
    PathsConfig,
    SlurmConfig,
    TrainerConfig,
    ValidationConfig,
)


@dataclass
class SourceConfig:
    """One entry of ``data.sources``."""

    path: str | None = option(
        None,
        "folder of <source>.train and <source>.dev files; file or glob of text, JSONL, CSV, TSV or "
        "Parquet, optionally compressed; hub:owner/name; or sample: for the built-in corpus",
    )
    dev: str | None = option(
        None, "held-out text, same forms as path; null: the dev files beside it, or data.holdout"
    )
    format: str = option(
        "auto",
        "file format; auto: from the file name",
        choices=("auto", "text", "jsonl", "csv", "tsv", "parquet"),
    )
    column: str = option("text", "column that holds the text")
    render: str | None = option(
        None,
        "for triplets: one sentence per line, anchor and positive on one line, or all three on one "
        "line joined by [SEP]",
        choices=("separate", "pair", "joined"),
    )
    exclude: list[str] = option([], "sources of a folder to exclude, e.g. [childes]")
    columns: list[str] = option(
        ["anchor", "positive", "negative"], "columns of a triplet, in this order"
    )


@dataclass
class DataConfig:
    sources: dict[str, Any] = option({}, "text sources: a path for each name")
    dir: str | None = option(None, "for data=babylm: folder of <source>.train and <source>.dev")
    triplets: str | None = option(None, "for data=paper: file of triplets")
    sample_words: int = option(300_000, "words in the built-in sample corpus", ge=1_000, le=10**9)
    cleaning: dict[str, dict[str, bool]] = option(
        {}, "cleaning rules per source, on or off (config group data/cleaning)"
    )
    words: int | None = option(
        None, "training words sampled from the sources; null: as many as the shares allow", ge=1
    )
    shares: dict[str, float] = option(
        {},
        "fraction of words per source, summing to 1; rest stands for all other sources; empty: "
        "use the sources as they are",
    )
    allow_repeat: bool = option(False, "repeat a source that has too few words for its share")
    track: str | None = option(
        None,
        "BabyLM track: a run above its words, ten passes or words seen is refused, and a "
        "datasheet written; null: any text",
        choices=("strict_small", "strict", "multilingual"),
    )
    languages: dict[str, str] = option(
        {}, "for data.track=multilingual: eng, nld or zho for each source, by its name"
    )
    holdout: float = option(
        0.0, "fraction to hold out of a source that has no held-out text", ge=0, le=0.5
    )
    seed: int = option(0, "seed for sampling and holding out text", ge=0, lt=2**31)
    sequence_length: dict[int, int] = option(
        {0: 64}, "tokens per block from each epoch on, e.g. {0: 64, 5: 256}"
    )
    tokens_per_step: int = option(2_048, "tokens per optimizer step, at any sequence length", ge=8)
    epochs: int = option(
        10, "passes over the text, unless trainer.max_steps is set", ge=1, le=10**6
    )
    validation_tokens: int = option(
        65_536, "held-out tokens per validation, spread evenly over the dev files", ge=64
    )
    workers: int = option(0, "data-loading processes; 0: load in the main process", ge=0, le=1_024)


@dataclass
class TokenizerConfig:
    path: str | None = option(
        None,
        "existing tokenizer: tokenizer.json, a folder with one, or a SentencePiece .model; null: "
        "train a BPE",
    )
    vocab_size: int = option(
        8_192, "vocabulary size of the BPE, including special and byte tokens", ge=300, le=10**7
    )


@dataclass
class NHotConfig:
    fusion: str = option(
        "none",
        "how substring embeddings are fused with the token's",
        choices=("none", "add", "gate", "attention", "frequency"),
    )
    dim: int | None = option(
        None, "width of substring embeddings; null: hidden_size", ge=1, le=65_536
    )
    include_self: bool = option(True, "count a token as one of its own substrings")


@dataclass
class ModelConfig:
    hidden_size: int = option(128, "hidden size of the encoder", ge=1)
    layers: int = option(4, "transformer layers", ge=1)
    heads: int = option(4, "attention heads; must divide hidden_size", ge=1)
    intermediate_size: int = option(512, "feed-forward size", ge=1)
    dropout: float = option(0.1, "dropout on hidden states and attention", ge=0, lt=1)
    position_buckets: int = option(256, "log buckets of relative positions", ge=2)
    max_positions: int = option(1_024, "maximum sequence length of the model", ge=2, le=10**6)
    layer_norm_eps: float = option(1e-7, "epsilon of the layer norms", gt=0, le=1)
    initializer_range: float = option(
        0.02, "standard deviation of the initial weights", gt=0, le=10
    )
    nhot: NHotConfig = field(default_factory=NHotConfig)


@dataclass
class MaskingConfig:
    unit: Any = option(None, "what is selected together (config group masking/unit)")
    signal: Any = option(None, "how types are scored (config group masking/signal)")
    schedule: Any = option(None, "mask ratio by step (config group masking/schedule)")
    sampler: Any = option(None, "how units are drawn (config group masking/sampler)")
    replacement: Any = option(
        None, "what replaces a selected token (config group masking/replacement)"
    )
    smoothing: float = option(0.2, "λ, weight of the old table in an update", ge=0, lt=1)
    floor: float = option(
        0.005, "lower bound of masking probabilities, applied before rescaling", gt=0, lt=1
    )
    update_every: int = option(200, "optimizer steps between table updates", ge=1)
    first_update: int = option(0, "earliest optimizer step of a table update", ge=0)
    update_offset: int = option(
        0, "optimizer steps by which each update is delayed; 1 in the authors' script", ge=0
    )
    control: str = option(
        "none",
        "what takes away an adaptive table's knowledge of single types: shuffle it among types of "
        "similar frequency at each update, give each type the mean of those, or mask uniformly and "
        "weight each label's loss by the table",
        choices=("none", "shuffled", "frequency_matched", "loss_weighting"),
    )
    normalization: str = option(
        "exact",
        "probabilities above 1: redistribute the excess, or clip",
        choices=("exact", "clipped"),
    )
    mask_special_tokens: bool = option(False, "allow masking of [CLS], [SEP] and [MASK]")
    exclude: list[str] = option(
        [],
        "types never masked and never adapted: surface forms, or regular expressions between "
        "slashes, e.g. [MOT, '/[<>].*/']",
    )
    counters: str = option(
        "exact",
        "precision of the statistics: exact integers and float64, or bfloat16 as in the authors' "
        "script",
        choices=("exact", "bfloat16"),
    )


@dataclass
class OptimizerConfig:
    name: str = option(
        "lamb",
        "LAMB as published, LAMB as in bitsandbytes (the authors' script), or AdamW",
        choices=("lamb", "lamb_bnb", "adamw"),
    )
    lr: float = option(7e-3, "peak learning rate", gt=0, le=1e30)
    beta1: float = option(0.9, "decay rate of the first moment", ge=0, lt=1)
    beta2: float = option(0.98, "decay rate of the second moment", ge=0, lt=1)
    eps: float = option(1e-8, "added to the square root of the second moment", ge=1e-30, le=1)
    weight_decay: float = option(
        0.1,
        "decoupled weight decay of matrices; with lamb_bnb of biases and norms too",
        ge=0,
        le=1_000,
    )
    adapt_vectors: bool = option(
        True,
        "for lamb: apply the trust ratio to biases and norms (Algorithm 2 of the LAMB paper); "
        "false: exempt them, as BERT's LAMB does",
    )
    warmup: float = option(0.01, "fraction of steps with a rising learning rate", ge=0, lt=1)
    warmup_from: str = option(
        "positive",
        "learning rate of the first step: one warm-up increment, or zero (with the warm-up steps "
        "rounded down), as in the authors' script",
        choices=("positive", "zero"),
    )
    clip: float = option(1.0, "maximum gradient norm; 0: no clipping", ge=0, le=10**9)


@dataclass
class Config:
    name: str | None = option(
        None, "name of the run, the folder of its run folders; null: derived from its choices"
    )
    choices: str = option("", "name derived from the run's choices, whatever name= is; set for you")
    seed: int = option(0, "seed of weights, masks, dropout and data order", ge=0, lt=2**31)
    run_dir: str | None = option(
        None, "folder of this run, also to resume it; null: a new one under paths.outputs"
    )
    sweep: str | None = option(
        None, "name that the runs of a sweep share: a file in conf/sweep, or yours with --multirun"
    )
    data: DataConfig = field(default_factory=DataConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    callbacks: dict[str, Any] = option(
        {}, "additional Lightning callbacks by name, each with a _target_"
    )
    components: list[str] = option(
        [],
        "your packages whose classes a _target_ may name, e.g. [mylab]; not needed for packages "
        "with an entry point in the group amlm.components",
    )
    objective: str = option(
        "validation/loss",
        "metric that a run returns to a sweeper, from the last record of its kind, e.g. "
        "validation/accuracy, evaluation/blimp/score, summary/loss_after",
    )
    paths: PathsConfig = field(default_factory=PathsConfig)
    slurm: SlurmConfig = field(default_factory=SlurmConfig)


def as_dict(config: Config) -> dict[str, Any]:
    """A configuration as plain nested dictionaries."""
    return dataclasses.asdict(config)


def flat(container: Any, prefix: str = "") -> dict[str, Any]:
    """Flattens nested dictionaries into one with dotted keys."""
    if isinstance(container, Mapping) and container:
        return {k: v for key, x in container.items() for k, v in flat(x, f"{prefix}.{key}").items()}
    return {prefix.lstrip("."): container}
