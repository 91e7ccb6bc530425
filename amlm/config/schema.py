"""Every option of a run: its type, its range and one line of meaning.

The dataclasses below are the schema that Hydra composes into (``conf/config.yaml`` starts from
them), so a wrong type or an unknown key fails while the configuration is put together.
`amlm.config.checks` adds ranges and the rules between options. Nothing heavy is imported here:
``--help`` must be quick.

The masking policy's choices (signal, schedule, sampler, replacement) and the callbacks are
*components*: nodes with a ``_target_`` that names one of our dataclasses, which carries its own
typed and documented options (see `amlm.config.components`). Everything else is a plain section.
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
    TrainerConfig,
    ValidationConfig,
)


@dataclass
class SourceConfig:
    """One entry of ``data.sources``."""

    path: str | None = option(
        None,
        "a folder of <source>.train and <source>.dev files, a file or glob of text, JSONL, CSV, "
        "TSV or Parquet (compressed or not), hub:owner/name, or sample: for the built-in text",
    )
    dev: str | None = option(
        None, "held-out text in the same forms; null is what lies beside it, or data.holdout"
    )
    format: str = option(
        "auto",
        "format of files; auto goes by their names",
        choices=("auto", "text", "jsonl", "csv", "tsv", "parquet"),
    )
    column: str = option("text", "column of the text, where there are columns")
    render: str | None = option(
        None,
        "the records are triplets, each sentence a line, anchor and positive a line, or all three "
        "with [SEP] between them",
        choices=("separate", "pair", "joined"),
    )
    exclude: list[str] = option([], "sources of a folder to leave out, e.g. [childes]")
    columns: list[str] = option(
        ["anchor", "positive", "negative"], "columns of a triplet, in this order"
    )


@dataclass
class DataConfig:
    sources: dict[str, Any] = option({}, "where the text comes from: a name and a path for each")
    dir: str | None = option(None, "folder with <source>.train and <source>.dev files (babylm)")
    triplets: str | None = option(None, "file of triplets for data=paper")
    sample_words: int = option(300_000, "words of the built-in sample corpus", ge=1_000)
    cleaning: dict[str, dict[str, bool]] = option(
        {}, "cleaning rules by source, on or off (config group data/cleaning)"
    )
    words: int | None = option(
        None, "words to train on, sampled from the sources; null is all that the shares allow", ge=1
    )
    shares: dict[str, float] = option(
        {},
        "share of the words by source, adding up to 1; rest is all sources not named; empty takes "
        "the sources as they are",
    )
    allow_repeat: bool = option(
        False, "whether a source with too few words for its share is repeated"
    )
    holdout: float = option(
        0.0, "share of a source without held-out text that is held out instead", ge=0, le=0.5
    )
    seed: int = option(0, "seed of what is sampled and held out", ge=0, lt=2**31)
    sequence_length: dict[int, int] = option(
        {0: 64}, "tokens per block from an epoch on, e.g. {0: 64, 5: 256}"
    )
    tokens_per_step: int = option(2_048, "tokens of one optimizer step, whatever the length", ge=8)
    epochs: int = option(10, "passes over the text when trainer.max_steps is not given", ge=1)
    validation_tokens: int = option(
        65_536, "tokens of held-out text per validation, spread evenly over the dev files", ge=64
    )
    workers: int = option(0, "processes that load batches; 0 loads them in the main one", ge=0)


@dataclass
class TokenizerConfig:
    path: str | None = option(
        None,
        "an existing tokenizer.json, a folder with one, or a SentencePiece .model; null trains one",
    )
    vocab_size: int = option(
        8_192, "token types of the BPE, special and byte tokens included", ge=300
    )


@dataclass
class NHotConfig:
    fusion: str = option(
        "none",
        "how substrings join a token's embedding: not at all, or added",
        choices=("none", "add"),
    )
    dim: int | None = option(
        None, "width d' of a substring vector; null is the model's width", ge=1
    )
    include_self: bool = option(True, "whether a token counts among its own substrings")


@dataclass
class ModelConfig:
    hidden_size: int = option(128, "width of the encoder", ge=1)
    layers: int = option(4, "transformer layers", ge=1)
    heads: int = option(4, "attention heads; must divide hidden_size", ge=1)
    intermediate_size: int = option(512, "width of the feed-forward layer", ge=1)
    dropout: float = option(0.1, "dropout of hidden states and attention", ge=0, lt=1)
    position_buckets: int = option(256, "log buckets of relative positions", ge=2)
    max_positions: int = option(1_024, "longest sequence the model is declared for", ge=2)
    layer_norm_eps: float = option(1e-7, "epsilon of every layer norm", gt=0)
    initializer_range: float = option(0.02, "standard deviation of initial weights", gt=0)
    nhot: NHotConfig = field(default_factory=NHotConfig)


@dataclass
class MaskingConfig:
    signal: Any = option(None, "what a type's score is made of (config group masking/signal)")
    schedule: Any = option(None, "mask ratio by step (config group masking/schedule)")
    sampler: Any = option(None, "how positions are drawn (config group masking/sampler)")
    replacement: Any = option(
        None, "what a selected token becomes (config group masking/replacement)"
    )
    smoothing: float = option(0.2, "λ, the weight of the old table at an update", ge=0, lt=1)
    floor: float = option(
        0.005, "lower bound of a masking probability before rescaling", gt=0, lt=1
    )
    update_every: int = option(200, "optimizer steps between two updates of the table", ge=1)
    first_update: int = option(0, "no update before this many optimizer steps", ge=0)
    update_offset: int = option(
        0, "optimizer steps by which every update comes later; 1 in the authors' script", ge=0
    )
    normalization: str = option(
        "exact",
        "probabilities above 1: redistributed, or clipped to 1",
        choices=("exact", "clipped"),
    )
    mask_special_tokens: bool = option(False, "whether [CLS], [SEP] and [MASK] may be selected")
    counters: str = option(
        "exact",
        "statistics in exact integers and float64, or in bfloat16 as in the authors' script",
        choices=("exact", "bfloat16"),
    )


@dataclass
class OptimizerConfig:
    name: str = option(
        "lamb",
        "optimizer: LAMB as published, as bitsandbytes computes it (the authors' script), or AdamW",
        choices=("lamb", "lamb_bnb", "adamw"),
    )
    lr: float = option(7e-3, "peak learning rate", gt=0)
    beta1: float = option(0.9, "decay of the first moment", ge=0, lt=1)
    beta2: float = option(0.98, "decay of the second moment", ge=0, lt=1)
    eps: float = option(1e-8, "added to the root of the second moment", ge=1e-30)
    weight_decay: float = option(
        0.1, "decoupled weight decay of matrices; lamb_bnb decays biases and norms too", ge=0
    )
    adapt_vectors: bool = option(
        True,
        "lamb: whether biases and norms are scaled by the trust ratio, as Algorithm 2 of the LAMB "
        "paper has it, or exempt, as in BERT's LAMB",
    )
    warmup: float = option(
        0.01, "fraction of all steps in which the learning rate rises", ge=0, lt=1
    )
    warmup_from: str = option(
        "positive",
        "learning rate of the first step: one warm-up step's worth, or zero (and warm-up steps "
        "rounded down), as in the authors' script",
        choices=("positive", "zero"),
    )
    clip: float = option(1.0, "largest gradient norm; 0 switches clipping off", ge=0)


@dataclass
class Config:
    name: str | None = option(
        None, "name of the run; run folders are grouped under it. null makes it from the choices"
    )
    choices: str = option(
        "", "what the run is: its name made from the choices, whatever name= says; set for you"
    )
    seed: int = option(0, "seed of weights, masks, dropout and data order", ge=0, lt=2**31)
    run_dir: str | None = option(
        None, "this run's folder; null makes a new one under paths.outputs"
    )
    sweep: str | None = option(None, "name shared by the runs of a sweep; --multirun sets it")
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
        {}, "further Lightning callbacks by name, each with a _target_"
    )
    components: list[str] = option(
        [],
        "packages of yours whose classes a _target_ may name, e.g. [mylab]; those with an entry "
        "point in the group amlm.components need not be named",
    )
    objective: str = option(
        "validation/loss",
        "the number that a run returns, for sweepers that optimise: of the last record of a kind, "
        "e.g. validation/accuracy, evaluation/blimp/score, summary/loss_after",
    )
    paths: PathsConfig = field(default_factory=PathsConfig)


def as_dict(config: Config) -> dict[str, Any]:
    """A configuration as plain nested dictionaries."""
    return dataclasses.asdict(config)


def flat(container: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one with dotted keys."""
    if isinstance(container, Mapping) and container:
        return {k: v for key, x in container.items() for k, v in flat(x, f"{prefix}.{key}").items()}
    return {prefix.lstrip("."): container}
