"""Device, precision and strategy, from the ``trainer`` section of a configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy

from amlm.config.run_schema import TrainerConfig
from amlm.config.schema import Config
from amlm.training.launch import Ranks
from amlm.util.errors import InputError
from amlm.util.memory import physical

BF16_AUTOCAST = "bf16-true-autocast"


def check_device(options: TrainerConfig, ranks: Ranks | None = None) -> None:
    """Raises InputError if there is no GPU for each process of this machine, or if a launcher
    started another number of processes than ``trainer.devices``."""
    if options.accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError(
            "trainer.accelerator=gpu, which impl=gpu sets too, needs a GPU, and torch finds none: "
            "use trainer.accelerator=cpu"
        )
    if options.attention == "triton":
        _check_triton(options)
    here = ranks.per_node if ranks else world_size(options)
    if uses_cuda(options) and here > torch.cuda.device_count():
        raise InputError(
            f"{here} processes on this machine need a GPU each, and torch finds "
            f"{torch.cuda.device_count()}: start fewer (trainer.devices), or let every process see "
            "all GPUs of its machine (srun: --gpus-per-node, not --gpus-per-task)"
        )
    if ranks and options.devices not in (0, 1, here):
        raise InputError(
            f"trainer.devices={options.devices}, but the launcher started {here} processes on this "
            "machine: leave trainer.devices out, or start as many"
        )


def check_memory(config: Config) -> None:
    """Raises InputError if the model has no room in the memory of this machine."""
    model, trainer = config.model, config.trainer
    width, layers = model.hidden_size, model.layers
    per_layer = 4 * width + 2 * model.intermediate_size  # attention, feed-forward
    parameters = width * (layers * per_layer + 2 * model.position_buckets)
    # On a GPU and in bfloat16 the float32 weights are on the host for a moment only.
    there = uses_cuda(trainer) or "bf16-true" in trainer.precision
    needs, has = parameters * 4 * (1 if there else 4), physical()
    if needs > has:
        what = (
            "its weights need" if there else "training it (weights, gradients, two moments) needs"
        )
        raise InputError(
            f"a model with model.hidden_size={width}, model.layers={layers}, "
            f"model.intermediate_size={model.intermediate_size} and "
            f"model.position_buckets={model.position_buckets} has more than {parameters:,} "
            f"parameters: {what} {needs / 1e9:,.0f} GB of memory, and this machine has "
            f"{has / 1e9:,.0f} GB. Make it smaller"
        )


def _check_triton(options: TrainerConfig) -> None:
    if find_spec("triton") is None:
        raise InputError(
            "trainer.attention=triton needs the package triton, which is not installed: "
            "pip install 'amlm[triton]', or use trainer.attention=torch"
        )
    if not uses_cuda(options) and os.environ.get("TRITON_INTERPRET") != "1":
        raise InputError(
            "trainer.attention=triton needs a GPU, and this run is on a CPU: use "
            "trainer.attention=torch (TRITON_INTERPRET=1 interprets the kernels, to check them)"
        )


def accelerator(options: TrainerConfig) -> str:
    """The device type. Lightning's own choice may lack float64, which masking needs."""
    choice = {"gpu": "cuda", "auto": "cuda" if torch.cuda.is_available() else "cpu"}
    return choice.get(options.accelerator, options.accelerator)


def uses_cuda(options: TrainerConfig) -> bool:
    return accelerator(options) == "cuda"


def world_size(options: TrainerConfig) -> int:
    """Number of processes, one for each device, that a command starts on its machine."""
    available = torch.cuda.device_count() if uses_cuda(options) else 1
    return options.devices or max(available, 1)


def precision(options: TrainerConfig) -> Any:
    """The precision as Lightning names it."""
    if options.precision != "auto":
        names = {"32": "32-true", BF16_AUTOCAST: "bf16-true"}
        return names.get(options.precision, options.precision)
    supported = uses_cuda(options) and torch.cuda.is_bf16_supported(False)
    return "bf16-mixed" if supported else "32-true"


def compile_mode(options: TrainerConfig) -> str | None:
    """The mode of `torch.compile`, None without it."""
    # Auto: dropout makes it slower on CPUs; on GPUs no whole run has been compiled yet, only steps.
    return None if options.compile in ("auto", "none") else options.compile


def compiles_runs() -> bool:
    """Whether this version of torch is known to compile whole runs for a GPU, not just steps."""
    return torch.__version__ >= "2.13.0a0"


def check_compiler(options: TrainerConfig) -> None:
    """Raises InputError for a compiled run on a GPU with a torch that does not do it."""
    if uses_cuda(options) and compile_mode(options) and not compiles_runs():
        raise InputError(
            f"trainer.compile={options.compile} needs torch 2.13 or later on a GPU, and this is "
            f"{torch.__version__}: 2.11 cannot trace attention once the number of sequences "
            "changes, as it does from validation to training; use trainer.compile=none"
        )


@contextmanager
def fixed_order_of_sums(options: TrainerConfig) -> Iterator[None]:
    """On a GPU, torch adds in the same order every time, so that a run repeats to the bit.

    Not in compiled code, which it would change too. torch warns of an operation that cannot.
    """
    if not uses_cuda(options) or compile_mode(options):
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    memory: Any = torch.utils.deterministic
    mode, fill = torch.get_deterministic_debug_mode(), memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        memory.fill_uninitialized_memory = fill


def strategy(options: TrainerConfig, ranks: Ranks) -> Any:
    """The strategy for several processes."""
    if ranks.size == 1:
        return "auto"
    # By default DDP copies the first rank's buffers to all others at every step: they would lose
    # the statistics of their own rows.
    return DDPStrategy(broadcast_buffers=False, timeout=timedelta(seconds=options.rank_timeout))


def environment(ranks: Ranks) -> ClusterEnvironment:
    """Where Lightning reads the ranks; named, since it would look for SLURM and others itself."""
    return LightningEnvironment() if ranks.size == 1 else TorchElasticEnvironment()
