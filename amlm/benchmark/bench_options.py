"""Options of the benchmark, and the shapes that they define.

Nothing heavy is imported here: ``--help`` must be quick.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from amlm.config.options import option
from amlm.config.run_schema import ATTENTIONS, COMPILE_MODES
from amlm.config.schema import Config, ModelConfig
from amlm.util.errors import InputError

if TYPE_CHECKING:
    import torch

SHORT, LONG = 64, 256  # sequence lengths in the two halves of the paper's run
CPU_TOKENS = 2_048  # the paper's 16,384 would take minutes per round


@dataclass
class Options:
    suite: str = option(
        "none",
        "none: the shape given by the options below; cpu: the paper's shape at 64 and 256 tokens "
        "and the small one; gpu: all there is to learn of a GPU, in parts with time limits (on a "
        "CPU, with device=cpu, the same at toy sizes); evaluation: zero-shot scoring of a model",
        choices=("none", "cpu", "gpu", "evaluation"),
    )
    scale: str = option(
        "paper", "model sizes; the next five options override them", choices=("small", "paper")
    )
    layers: int | None = option(None, "transformer layers", ge=1)
    hidden_size: int | None = option(None, "width of the encoder", ge=1)
    heads: int | None = option(None, "attention heads", ge=1)
    intermediate_size: int | None = option(None, "width of the feed-forward layer", ge=1)
    vocab_size: int | None = option(None, "token types", ge=300)
    length: int = option(64, "tokens per sequence", ge=4)
    tokens: int | None = option(
        None, "tokens per step; null: 2048 on a CPU, the run's own number on a GPU", ge=8
    )
    ratio: float = option(0.275, "mask ratio", gt=0, lt=1)
    dropout: float = option(0.1, "dropout of both models", ge=0, lt=1)
    device: str = option("auto", "device", choices=("auto", "cpu", "gpu"))
    precision: str = option(
        "auto",
        "auto: bf16-mixed on GPUs that support it, float32 elsewhere",
        choices=("auto", "32", "bf16-mixed"),
    )
    compile: str = option(
        "none", "mode of torch.compile, for both encoders", choices=("none", *COMPILE_MODES)
    )
    attention: str = option("torch", "attention of our encoder", choices=ATTENTIONS)
    rounds: int = option(3, "rounds; each takes one step of both implementations", ge=1)
    threads: int = option(0, "CPU threads; 0: torch's default", ge=0)
    memory: bool = option(True, "measure peak memory, in a separate process for each model")
    data_dir: str | None = option(
        None,
        "suite=gpu: text of the training run; null: synthetic text. suite=evaluation: folder with "
        "BLiMP or entity tracking; null: minimal pairs of the sample",
    )
    model: str | None = option(
        None, "suite=evaluation: a run folder or a folder in Hugging Face format"
    )
    items: int = option(128, "suite=evaluation or gpu: items per round of zero-shot scoring", ge=1)
    steps: int = option(300, "suite=gpu: steps of the training run, at each length", ge=20)
    minutes: float = option(12.0, "suite=gpu: time for all parts together", gt=0)
    parts: list[str] = option([], "suite=gpu: the parts to do, in their usual order; []: all")
    cache: str = option("~/.cache/amlm", "folder where the synthetic text is cached")
    json: str | None = option(
        None, "file to write all numbers to; suite=gpu adds a line to it for each result"
    )

    @property
    def on_gpu(self) -> bool:
        import torch

        device = self.suite if self.suite in ("cpu", "gpu") else "auto"
        device = device if self.device == "auto" else self.device
        return device == "gpu" or (device == "auto" and torch.cuda.is_available())

    @property
    def torch_device(self) -> torch.device:
        import torch

        return torch.device("cuda" if self.on_gpu else "cpu")

    @property
    def bfloat16(self) -> bool:
        if self.suite == "evaluation":
            return False  # `amlm.evaluate` scores in float32
        import torch

        supported = self.on_gpu and torch.cuda.is_bf16_supported(False)
        return self.precision == "bf16-mixed" or (self.precision == "auto" and supported)

    @property
    def name(self) -> str:
        compiled = "" if self.compile == "none" else f", compiled ({self.compile})"
        compiled += "" if self.attention == "torch" else f", {self.attention}"
        return f"{self.scale}, {self.length} tokens a sequence{compiled}"


SIZES = ("layers", "hidden_size", "heads", "intermediate_size")
SHAPE = ("scale", *SIZES, "vocab_size", "length")
STEP = ("compile", "attention")
KIT = ("steps", "minutes", "parts")
UNUSED = {  # options that have no effect in a suite
    "none": ("data_dir", "model", "items", *KIT),
    "cpu": (*SHAPE, *STEP, "data_dir", "model", "items", *KIT),
    "gpu": (*SHAPE, *STEP, "model", "memory"),
    "evaluation": (
        *(*SHAPE, *STEP, "tokens", "ratio", "dropout"),
        *("precision", "memory", "cache", *KIT),
    ),
}


def cases(options: Options) -> list[Options]:
    """The shapes to measure; none where a suite has parts of its own.

    Raises:
        InputError: a GPU is requested but there is none, or an option has no effect in the suite.
    """
    import torch

    if options.on_gpu and not torch.cuda.is_available():
        given = "suite=gpu" if options.device == "auto" else "device=gpu"
        raise InputError(
            f"{given} needs a GPU, but torch finds none: use suite=cpu, or, to try the code at toy "
            "sizes, suite=gpu device=cpu rounds=1"
        )
    suite, default = options.suite, Options()
    for name in UNUSED[suite]:
        if getattr(options, name) != getattr(default, name):
            raise InputError(f"{name} has no effect with suite={suite}: remove one of the two")
    if suite == "cpu" and options.device == "gpu":
        raise InputError(f"device has no effect with suite={suite}: remove one of the two")
    if suite == "none":
        return [options]
    if suite == "cpu":
        return [
            dataclasses.replace(options, scale="small", rounds=5 * options.rounds),
            dataclasses.replace(options, length=SHORT),
            dataclasses.replace(options, length=LONG),
        ]
    return []


def configuration(options: Options, *more: str) -> Config:
    """The configuration of a training run with this shape and further overrides."""
    from amlm.config.checks import check

    config = copy.deepcopy(_composed(f"scale={options.scale}", *more))
    for name in SIZES:
        if getattr(options, name) is not None:
            setattr(config.model, name, getattr(options, name))
    if options.vocab_size is not None:
        config.tokenizer.vocab_size = options.vocab_size
    if options.tokens is not None or not options.on_gpu:
        config.data.tokens_per_step = options.tokens or CPU_TOKENS
    config.model.dropout = options.dropout
    config.model.max_positions = max(ModelConfig.max_positions, options.length)
    config.data.sequence_length = {0: options.length}
    config.trainer.accelerator = "gpu" if options.on_gpu else "cpu"
    config.trainer.compile = options.compile
    config.trainer.attention = options.attention
    config.trainer.precision = "bf16-mixed" if options.bfloat16 else "32"
    config.paths.cache = str(Path(options.cache).expanduser())
    check(config)
    return config


@lru_cache
def _composed(*overrides: str) -> Config:
    from amlm.config.composition import parse

    return parse(Config, overrides)
