"""One pretraining run, from text to exported model. `amlm.train` is its command line."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch

from amlm.config.checks import check_division
from amlm.config.components import build_callbacks
from amlm.config.schema import Config
from amlm.models.build import save_hugging_face
from amlm.store.plan import BatchPlan
from amlm.store.token_store import TokenStore, open_store
from amlm.store.words_seen import WordCounter
from amlm.tokenizers.bpe import save_tokenizer
from amlm.training import run_folder
from amlm.training.assemble import (
    check_device,
    make_data,
    make_module,
    make_plan_of,
    make_trainer,
    world_size,
)
from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.callbacks.evaluation import Evaluation
from amlm.training.callbacks.mask_drift import MaskDrift
from amlm.training.callbacks.mask_update import MaskUpdate
from amlm.training.callbacks.metrics import Metrics
from amlm.training.callbacks.profile import Profile
from amlm.training.callbacks.progress import Progress
from amlm.training.callbacks.word_checkpoints import WordCheckpoints
from amlm.training.cards import write_cards
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.mirrors import check_logger, make_mirrors
from amlm.training.record import RunLog, read_log
from amlm.training.run_folder import RunFolder
from amlm.training.summary import constant_guess, summarise, summary_text
from amlm.util import terminal
from amlm.util.errors import InputError
from amlm.util.terminal import quiet_lightning

RANK_FOLDER = "AMLM_RUN_DIR"  # tells the processes of other ranks which folder the first claimed


@dataclass(frozen=True)
class Result:
    """What a run leaves behind: its folder and the numbers of its summary."""

    folder: Path
    summary: dict[str, Any]


def say(text: str) -> None:
    """Tells the person who waits; the first process of several speaks for all."""
    if RANK_FOLDER not in os.environ:
        terminal.say(text)


def _announce(config: Config, store: TokenStore, plan: BatchPlan, module: AdaptiveMaskedLM) -> None:
    parameters = sum(p.numel() for p in module.model.parameters())
    ratio, model = module.masking.ratio, config.model
    say(
        f"data     {store.words('train'):,} words, {store.tokens('train'):,} tokens, "
        f"{store.vocab_size:,} types"
    )
    say(
        f"model    {parameters:,} parameters: {model.layers} layers, {model.hidden_size} wide, "
        f"n-hot {model.nhot.fusion}"
    )
    say(
        f"masking  {type(module.masking.signal).__name__.lower()} signal, mask ratio "
        f"{ratio(0):.2f} to {ratio(plan.total_steps):.2f}, "
        f"updated every {config.masking.update_every} steps"
    )
    say(
        f"run      {plan.total_steps:,} steps of {config.data.tokens_per_step:,} tokens, "
        f"{plan.epoch(plan.total_steps):.1f} epochs"
    )


def _callbacks(
    config: Config, folder: Path, run_log: RunLog, store: TokenStore, plan: BatchPlan
) -> list[L.Callback]:
    words = WordCounter(store, plan, config.trainer.overfit)
    longest = config.model.max_positions
    scored = config.evaluation
    return [
        MaskUpdate(config.masking.update_every, config.masking.first_update),
        MaskDrift(run_log, store.tokenizer, store.type_counts("train")),
        Metrics(run_log, plan, words, config.trainer.log_every),
        WordCheckpoints(
            folder,
            run_log,
            store.tokenizer,
            plan,
            words,
            config.checkpoints.words_by,
            longest,
        ),
        *(
            [Evaluation(scored, run_log, store.tokenizer, plan.total_steps, longest)]
            if scored.tasks
            else []
        ),
        Checkpoints(folder, config.checkpoints.every, config.trainer.validate_every),
        *([Profile(folder)] if config.trainer.profile else []),
        Progress(
            run_log,
            total=plan.total_steps * config.trainer.accumulate,
            refresh=config.trainer.log_every,
        ),
        *build_callbacks(config),
    ]


def run(config: Config) -> Result:
    """Runs one pretraining; see `amlm.train.train`."""
    check_logger(config)
    check_device(config)
    check_division(config, world_size(config))
    if "LOCAL_RANK" in os.environ and RANK_FOLDER not in os.environ:
        raise InputError(
            "LOCAL_RANK is set: give the command once, without torchrun or srun; the processes of "
            "impl=ddp are started by it"
        )
    quiet_lightning()
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    cache = Path(config.paths.cache).expanduser()
    store = open_store(config.data, config.tokenizer, cache, say)
    plan = make_plan_of(config, store)
    module = make_module(config, store, plan.total_steps)
    if RANK_FOLDER in os.environ:
        folder = Path(os.environ[RANK_FOLDER])
        resumes = (folder / run_folder.CHECKPOINT).is_file()
        return _train(RunFolder(folder, resumes, None), config, store, plan, module)
    claimed = run_folder.claim(config)
    try:
        _announce(config, store, plan, module)
        return _train(claimed, config, store, plan, module)
    except (KeyboardInterrupt, SystemExit):
        if (claimed.path / run_folder.CHECKPOINT).is_file():
            say(f"stopped; to go on: the same command with run_dir={claimed.path}")
        raise
    finally:
        claimed.release()


def _open_record(claimed: RunFolder, config: Config, store: TokenStore, run_log: RunLog) -> None:
    """Readies the record of a new run, or that of an old one at its checkpoint."""
    folder = claimed.path
    if claimed.resumes:
        checkpoint = torch.load(
            folder / run_folder.CHECKPOINT, map_location="cpu", mmap=True, weights_only=False
        )
        step = int(checkpoint["global_step"])
        run_log.rewind(step, store.vocab_size)
        run_folder.note_resumed(folder, step)
        say(f"folder   {folder}, going on from step {step:,}")
    else:
        run_log.clear()
        run_folder.describe(folder, config)
        say(f"folder   {folder}")
    history = read_log(folder) if claimed.resumes else []
    run_log.mirrors = make_mirrors(config, folder, history)


def _train(
    claimed: RunFolder, config: Config, store: TokenStore, plan: BatchPlan, module: AdaptiveMaskedLM
) -> Result:
    started = time.perf_counter()
    folder, first = claimed.path, RANK_FOLDER not in os.environ
    run_log = RunLog(folder, enabled=first)
    trainer = make_trainer(config, plan, folder, _callbacks(config, folder, run_log, store, plan))
    data = make_data(config, store, plan)
    if first:
        _open_record(claimed, config, store, run_log)
    elif claimed.resumes:
        run_log.recall(read_log(folder))
    os.environ[RANK_FOLDER] = str(folder)
    failed = True
    try:
        if not claimed.resumes:
            trainer.validate(module, datamodule=data, verbose=False)
        checkpoint = folder / run_folder.CHECKPOINT if claimed.resumes else None
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=False)
        if run_log.latest.get("validation", {}).get("step") != plan.total_steps:
            trainer.validate(module, datamodule=data, verbose=False)
        if not first:
            return Result(folder, {})
        del os.environ[RANK_FOLDER]
        save_hugging_face(module.model, folder / "hf")
        save_tokenizer(store.tokenizer, folder / "hf", config.model.max_positions)
        values = {
            **summarise(read_log(folder)),
            "constant_guess": constant_guess(data, module.validation_masking),
            "seconds": time.perf_counter() - started,
        }
        run_log.write("summary", values)
        write_cards(folder)
        run_folder.mark_finished(folder)
        say(summary_text(values, folder))
        failed = False
        return Result(folder, values)
    finally:
        if first:
            os.environ.pop(RANK_FOLDER, None)
            run_log.close(failed)
