"""Puts a run's parts together from its configuration. Each function makes one part.

Shapes: V token types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import DDPStrategy

from amlm.config.components import build_masking
from amlm.config.schema import Config
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Fixed
from amlm.masking.schedule import Constant
from amlm.masking.signals.uniform import Uniform
from amlm.models.build import build_model
from amlm.models.substrings import cached_substring_table
from amlm.store.datamodule import TextDataModule
from amlm.store.plan import BatchPlan, make_plan
from amlm.store.token_store import TokenStore
from amlm.tokenizers.surfaces import surfaces_of
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.util.errors import InputError


def make_policy(config: Config, store: TokenStore, total_steps: int) -> MaskingPolicy:
    """The masking policy of a configuration."""
    masking = config.masking
    return MaskingPolicy(
        store.vocab_size,
        total_steps,
        **build_masking(config),
        special=store.special,
        smoothing=masking.smoothing,
        floor=masking.floor,
        normalization=masking.normalization,
        mask_special_tokens=masking.mask_special_tokens,
        counters=masking.counters,
        seed=config.seed,
    )


def validation_policy(config: Config, store: TokenStore) -> MaskingPolicy:
    """Plain masked language modeling with 80/10/10 and masks of its own seed."""
    return MaskingPolicy(
        store.vocab_size,
        total_steps=1,
        signal=Uniform(),
        schedule=Constant(config.validation.ratio),
        sampler=Fixed(),
        replacement=Replacement(),
        special=store.special,
        seed=config.validation.seed,
    )


def make_module(config: Config, store: TokenStore, total_steps: int) -> AdaptiveMaskedLM:
    """Model, masking policy and optimizer of a configuration, with weights drawn from its seed."""
    substrings = None
    if config.model.nhot.fusion != "none":
        substrings = cached_substring_table(
            surfaces_of(store.tokenizer),
            config.model.nhot.include_self,
            store.folder / "tokenizer",
        )
    module = AdaptiveMaskedLM(
        build_model(config.model, store.vocab_size, substrings, config.seed, store.special),
        make_policy(config, store, total_steps),
        validation_policy(config, store),
        config.optimizer,
        total_steps=total_steps,
        seed=config.seed,
        accumulate=config.trainer.accumulate,
        compare=config.validation.compare,
    )
    if config.trainer.compile:
        module.compile_model()
    return module


def make_data(config: Config, store: TokenStore, plan: BatchPlan) -> TextDataModule:
    """Batches of a configuration over a store."""
    special = store.special
    return TextDataModule(
        store,
        plan,
        config.data,
        not_maskable=special.not_maskable(config.masking.mask_special_tokens),
        validation_not_maskable=special.not_maskable(False),
        batch_tokens=config.validation.batch_tokens,
        accumulate=config.trainer.accumulate,
        overfit=config.trainer.overfit,
    )


def make_plan_of(config: Config, store: TokenStore) -> BatchPlan:
    """The batch plan of a configuration over a store."""
    return make_plan(
        store.tokens("train"),
        sequence_length=config.data.sequence_length,
        tokens_per_step=config.data.tokens_per_step,
        epochs=config.data.epochs,
        max_steps=config.trainer.max_steps,
        seed=config.seed,
    )


def check_device(config: Config) -> None:
    """Raises InputError if the configuration asks for a GPU and there is none."""
    if config.trainer.accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("impl=gpu asks for a GPU and torch sees none: use impl=cpu")


def _accelerator(config: Config) -> str:
    # Lightning's own choice can be one without float64, which the masking arithmetic needs.
    choice = {"gpu": "cuda", "auto": "cuda" if torch.cuda.is_available() else "cpu"}
    return choice.get(config.trainer.accelerator, config.trainer.accelerator)


def world_size(config: Config) -> int:
    """Number of processes that a configuration trains with."""
    everything = torch.cuda.device_count() if _accelerator(config) == "cuda" else 1
    return config.trainer.devices or max(everything, 1)


def _precision(config: Config) -> Any:
    choice = config.trainer.precision
    if choice != "auto":
        return {"32": "32-true"}.get(choice, choice)
    able = _accelerator(config) == "cuda" and torch.cuda.is_bf16_supported(False)
    return "bf16-mixed" if able else "32-true"


def _strategy(config: Config) -> Any:
    if world_size(config) == 1:
        return "auto"
    # Left to itself, data-parallel training copies the first rank's buffers to all others at every
    # step: each would lose the statistics of its own share.
    return DDPStrategy(broadcast_buffers=False)


def make_trainer(
    config: Config, plan: BatchPlan, folder: Path, callbacks: list[L.Callback]
) -> L.Trainer:
    """The Lightning trainer of a configuration."""
    options = config.trainer
    micro_steps = plan.total_steps * options.accumulate
    return L.Trainer(
        accelerator=_accelerator(config),
        devices=world_size(config),
        strategy=_strategy(config),
        precision=_precision(config),
        max_steps=plan.total_steps,
        max_epochs=-1,
        accumulate_grad_batches=options.accumulate,
        # One "epoch" is the whole run; past its end means never.
        val_check_interval=options.validate_every * options.accumulate or micro_steps + 1,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        # Validation comes first, and what the encoder caches in it is used in training.
        inference_mode=False,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=callbacks,
        default_root_dir=folder,
    )
