"""Assembles a run from its configuration; no other module uses all of it.

Shapes: V token types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.loggers.logger import Logger
from torch import nn

from amlm.config.components import build_callbacks, build_masking
from amlm.config.run_schema import TrainerConfig, ValidationConfig
from amlm.config.schema import Config
from amlm.masking.exclusions import excluded_ids
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Bernoulli, Systematic
from amlm.masking.schedule import Constant
from amlm.masking.signals import Context
from amlm.masking.signals.authors import authors_counters
from amlm.masking.signals.uniform import Uniform
from amlm.masking.units.token import Token
from amlm.models.build import build_model
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.models.substrings import cached_substring_index
from amlm.models.tied import FusedEmbedding
from amlm.store.budget import check_budget
from amlm.store.datamodule import TextDataModule
from amlm.store.plan import BatchPlan, make_plan
from amlm.store.token_store import TokenStore
from amlm.store.words_seen import WordCounter
from amlm.tokenizers.parts_of_speech import parts_of_speech
from amlm.tokenizers.surfaces import surfaces_of
from amlm.training import devices
from amlm.training.accumulators import Validation
from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.callbacks.evaluation import Evaluation
from amlm.training.callbacks.live_view import LiveView, live_console
from amlm.training.callbacks.mask_drift import MaskDrift
from amlm.training.callbacks.mask_update import MaskUpdate
from amlm.training.callbacks.metrics import Metrics
from amlm.training.callbacks.order import check_order, in_order
from amlm.training.callbacks.profile import Profile
from amlm.training.callbacks.progress import ProgressLines
from amlm.training.callbacks.stop import Stop
from amlm.training.callbacks.watch import Watch
from amlm.training.callbacks.word_checkpoints import WordCheckpoints
from amlm.training.checkpoint_files import DurableCheckpointIO
from amlm.training.launch import Ranks
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.resume_state import Cursor
from amlm.training.run_log import RunLog
from amlm.training.stopping import StopRequest
from amlm.training.word_sample import sample_of

ALONE = Ranks()


@dataclass(frozen=True)
class Parts:
    """Module, data and plan of a run."""

    store: TokenStore
    plan: BatchPlan
    module: AdaptiveMaskedLM
    data: TextDataModule


def make_parts(config: Config, store: TokenStore) -> Parts:
    """Batch plan, module and data module of a configuration, for a store.

    Raises:
        InputError: the text is too short for a step, or beyond the budget of its track.
    """
    plan = make_plan(
        store.tokens("train"),
        sequence_length=config.data.sequence_length,
        tokens_per_step=config.data.tokens_per_step,
        epochs=config.data.epochs,
        max_steps=config.trainer.max_steps,
        seed=config.seed,
    )
    sources, epochs = store.meta["sources"]["train"], plan.epoch(plan.total_steps)
    check_budget(config.data.track, sources, epochs, config.data.languages)
    module = make_module(config, store, plan.total_steps)
    authors = config.validation.protocol == "authors"
    data = TextDataModule(
        store,
        plan,
        config.data,
        not_maskable=(~module.masking.maskable_V).nonzero().flatten().tolist(),
        validation_not_maskable=store.special.not_maskable(authors),
        validation_as_training=authors,
        batch_tokens=config.validation.batch_tokens,
        accumulate=config.trainer.accumulate,
        overfit=config.trainer.overfit,
        words=not isinstance(module.masking.unit, Token),
    )
    return Parts(store, plan, module, data)


def make_context(
    config: Config, store: TokenStore, total_steps: int, model: DebertaV2MaskedLM
) -> Context:
    """What a masking signal can know of a run."""
    rows = model.deberta.embeddings.word_embeddings  # their weight is without n-hot
    assert isinstance(rows, nn.Embedding | FusedEmbedding)
    return Context(
        counts_V=torch.from_numpy(store.type_counts("train")),
        surfaces=surfaces_of(store.tokenizer),
        total_steps=total_steps,
        seed=config.seed,
        embed=lambda ids: F.embedding(ids, rows.weight),
        width=config.model.hidden_size,
    )


def make_policy(
    config: Config, store: TokenStore, total_steps: int, context: Context
) -> MaskingPolicy:
    """The masking policy of training."""
    masking, parts = config.masking, build_masking(config)
    if masking.counters == "bfloat16":
        parts["signal"] = authors_counters(parts["signal"])
    return MaskingPolicy(
        store.vocab_size,
        total_steps,
        **parts,
        special=store.special,
        exclude=excluded_ids(masking.exclude, surfaces_of(store.tokenizer)),
        smoothing=masking.smoothing,
        floor=masking.floor,
        normalization=masking.normalization,
        mask_special_tokens=masking.mask_special_tokens,
        control=masking.control,
        context=context,
        seed=config.seed,
    )


def validation_policy(config: ValidationConfig, store: TokenStore) -> MaskingPolicy:
    """Plain masked language modeling with 80/10/10 and masks of its own seed."""
    authors = config.protocol == "authors"
    return MaskingPolicy(
        store.vocab_size,
        total_steps=1,
        signal=Uniform(),
        schedule=Constant(config.ratio),
        sampler=Bernoulli() if authors else Systematic(),
        replacement=Replacement(random_ids="any" if authors else "ordinary"),
        special=store.special,
        normalization="clipped" if authors else "exact",
        mask_special_tokens=authors,
        seed=config.seed,
    )


def make_module(config: Config, store: TokenStore, total_steps: int) -> AdaptiveMaskedLM:
    """Model, masking policy and optimizer, with weights drawn from the seed."""
    substrings = None
    if config.model.nhot.fusion != "none":
        substrings = cached_substring_index(
            surfaces_of(store.tokenizer),
            config.model.nhot.include_self,
            store.folder / "tokenizer",
        )
    model = build_model(
        config.model,
        store.vocab_size,
        substrings,
        config.seed,
        store.special,
        store.type_counts("train"),
    )
    context = make_context(config, store, total_steps, model)
    parts = parts_of_speech(context.surfaces)
    module = AdaptiveMaskedLM(
        model,
        make_policy(config, store, total_steps, context),
        validation_policy(config.validation, store),
        Validation(context.counts_V, parts, config.validation.protocol == "authors"),
        config.optimizer,
        total_steps=total_steps,
        seed=config.seed,
        accumulate=config.trainer.accumulate,
        compare=config.validation.compare,
        protocol=config.validation.protocol,
        autocast=config.trainer.precision == devices.BF16_AUTOCAST,
    )
    if config.trainer.attention == "triton":
        model.fuse_attention()
    mode = devices.compile_mode(config.trainer)
    if mode is not None:
        module.compile_model(mode)
    return module


def make_cursor(config: Config, parts: Parts, words: WordCounter) -> Cursor:
    """What the batches, masks and dropout of a step are drawn from."""
    module = parts.module
    return Cursor(parts.plan, words, module.masking, module.seed, config.trainer.accumulate)


def make_callbacks(
    config: Config, parts: Parts, run_log: RunLog, request: StopRequest
) -> list[L.Callback]:
    """The callbacks of a run, including the user's, in order.

    Raises:
        InputError: an evaluation task has no data.
    """
    store, plan, folder, trainer = parts.store, parts.plan, run_log.folder, config.trainer
    words = WordCounter(store, plan, trainer.overfit)
    longest, masking = config.model.max_positions, config.masking
    exports = WordCheckpoints(
        folder, run_log, store.tokenizer, plan, words, config.checkpoints.words_by, longest
    )
    checkpoints = Checkpoints(
        folder, run_log, make_cursor(config, parts, words), config.checkpoints.every
    )
    callbacks: list[L.Callback] = [
        MaskUpdate(masking.update_every, masking.first_update, masking.update_offset),
        MaskDrift(
            run_log,
            store.tokenizer,
            store.type_counts("train"),
            words=sample_of(store, plan, parts.data.not_maskable) if parts.data.words else None,
            exclude=parts.data.not_maskable,
        ),
        Metrics(run_log, plan, words, trainer.log_every),
        Watch(run_log),
        exports,
        checkpoints,
        Stop(request, checkpoints, trainer.rank_timeout),
        *build_callbacks(config),
    ]
    if config.evaluation.tasks:
        callbacks.append(
            Evaluation(config.evaluation, run_log, store.tokenizer, plan.total_steps, longest)
        )
    if trainer.profile:
        callbacks.append(Profile(folder))
    console, title = live_console(), f"{config.name}-seed{config.seed}"
    if console is None:
        callbacks.append(ProgressLines(run_log, plan.total_steps))
    elif not any(isinstance(each, ProgressBar) for each in callbacks):
        callbacks.append(LiveView(run_log, plan.total_steps, title, exports, request, console))
    return in_order(callbacks)


def make_trainer(
    options: TrainerConfig,
    plan: BatchPlan,
    folder: Path,
    callbacks: Sequence[L.Callback] = (),
    loggers: Sequence[Logger] = (),
    ranks: Ranks = ALONE,
) -> L.Trainer:
    """The Lightning trainer."""
    micro_batches = plan.total_steps * options.accumulate
    trainer = L.Trainer(
        accelerator=devices.accelerator(options),
        devices=ranks.per_node,
        num_nodes=ranks.nodes,
        strategy=devices.strategy(options, ranks),
        plugins=[devices.environment(ranks), DurableCheckpointIO()],
        precision=devices.precision(options),
        max_steps=plan.total_steps,
        max_epochs=-1,
        accumulate_grad_batches=options.accumulate,
        # One "epoch" is the whole run; an interval beyond its end means never.
        val_check_interval=options.validate_every * options.accumulate or micro_batches + 1,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        # Validation runs first, and training uses what the encoder caches in it.
        inference_mode=False,
        logger=list(loggers),
        log_every_n_steps=options.log_every,
        # Otherwise Lightning would add its own.
        enable_checkpointing=any(isinstance(each, Checkpoint) for each in callbacks),
        enable_progress_bar=any(isinstance(each, ProgressBar) for each in callbacks),
        enable_model_summary=False,
        callbacks=list(callbacks),
        default_root_dir=folder,
    )
    # Before each step Lightning asks all ranks whether one got SIGTERM: a host-device
    # synchronisation, which hides a rank that hangs. Our `Stop` asks without waiting.
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
    check_order(trainer)
    return trainer
