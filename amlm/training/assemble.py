"""Assembles a run from its configuration; no other module uses all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.loggers.logger import Logger

from amlm.config.components import build_callbacks
from amlm.config.run_schema import TrainerConfig
from amlm.config.schema import Config
from amlm.masking.units.token import Token
from amlm.store.budget import check_budget
from amlm.store.datamodule import StepDataset, TextDataModule
from amlm.store.plan import BatchPlan, make_plan
from amlm.store.token_store import TokenStore
from amlm.store.words_seen import WordCounter
from amlm.training import devices
from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.callbacks.evaluation import Evaluation
from amlm.training.callbacks.live_view import LiveView, live_console
from amlm.training.callbacks.mask_drift import MaskDrift
from amlm.training.callbacks.mask_update import MaskUpdate
from amlm.training.callbacks.metrics import Metrics
from amlm.training.callbacks.profile import Profile
from amlm.training.callbacks.progress import ProgressLines
from amlm.training.callbacks.stop import Stop
from amlm.training.callbacks.watch import Watch
from amlm.training.callbacks.word_checkpoints import WordCheckpoints
from amlm.training.checkpoint_files import DurableCheckpointIO
from amlm.training.launch import Ranks
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.make_module import make_module
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
    plan = make_plan(store.tokens("train"), config.data, config.trainer.max_steps, config.seed)
    sources, epochs = store.meta["sources"]["train"], plan.epoch(plan.total_steps)
    check_budget(config.data.track, sources, epochs, config.data.languages)
    module = make_module(config, store, plan.total_steps)
    authors = config.validation.protocol == "authors"
    training = StepDataset(
        store,
        plan,
        not_maskable=(~module.masking.maskable_V).nonzero().flatten().tolist(),
        accumulate=config.trainer.accumulate,
        overfit=config.trainer.overfit,
        words=not isinstance(module.masking.unit, Token),
    )
    data = TextDataModule(
        training,
        config.data,
        validation_not_maskable=store.special.not_maskable(authors),
        validation_as_training=authors,
        batch_tokens=config.validation.batch_tokens,
    )
    return Parts(store, plan, module, data)


def make_cursor(config: Config, parts: Parts, words: WordCounter) -> Cursor:
    """What the batches, masks and dropout of a step are drawn from."""
    module = parts.module
    return Cursor(parts.plan, words, module.masking, module.seed, config.trainer.accumulate)


def make_callbacks(
    config: Config, parts: Parts, run_log: RunLog, request: StopRequest
) -> list[L.Callback]:
    """The callbacks of a run, including the user's, in the order in which they act at every hook.

    Raises:
        InputError: an evaluation task has no data.
    """
    store, plan, folder, trainer = parts.store, parts.plan, run_log.folder, config.trainer
    words = WordCounter(store, plan, trainer.overfit)
    longest, masking, training = config.model.max_positions, config.masking, parts.data.training
    exports = WordCheckpoints(
        folder, run_log, store.tokenizer, plan, words, config.checkpoints.words_by, longest
    )
    checkpoints = Checkpoints(
        folder, run_log, make_cursor(config, parts, words), config.checkpoints.every
    )
    others = build_callbacks(config)
    callbacks: list[L.Callback] = [
        checkpoints,  # saves a step when the next one starts, before others log for that
        Stop(request, checkpoints, trainer.rank_timeout),  # ends the run there, saved
        # notifies MaskDrift, whose record is the first of a step
        MaskUpdate(masking.update_every, masking.first_update, masking.update_offset),
        MaskDrift(
            run_log,
            store,
            words=sample_of(store, plan, training.not_maskable) if training.words else None,
            exclude=training.not_maskable,
        ),
        Metrics(run_log, plan, words, trainer.log_every),  # sets the step of all records
        Watch(run_log),  # stops a diverged run, before the model is saved
        exports,
    ]
    if config.evaluation.tasks:  # scored at the steps of word checkpoints
        callbacks.append(
            Evaluation(config.evaluation, run_log, store.tokenizer, plan.total_steps, longest)
        )
    if trainer.profile:
        callbacks.append(Profile(folder))
    console, title = live_console(), f"{config.name}-seed{config.seed}"
    if console is None:
        callbacks.append(ProgressLines(run_log, plan.total_steps))
    elif not any(isinstance(each, ProgressBar) for each in others):
        callbacks.append(LiveView(run_log, plan.total_steps, title, exports, request, console))
    return [*callbacks, *others]  # these can read the records and metrics of the step


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
    kept = [each for each in trainer.callbacks if each in callbacks]  # type: ignore[attr-defined]
    assert kept == sorted(callbacks, key=lambda each: isinstance(each, Checkpoint)), kept
    return trainer
