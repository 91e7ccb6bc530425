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
from amlm.config.schema import Config, ModelConfig, as_dict
from amlm.models.build import save_hugging_face
from amlm.store.token_store import TokenStore, open_store
from amlm.tokenizers.bpe import save_tokenizer
from amlm.training import run_folder
from amlm.training.assemble import Parts, make_callbacks, make_parts, make_trainer
from amlm.training.callbacks.checkpoints import read_checkpoint
from amlm.training.cards import write_cards
from amlm.training.devices import check_device, world_size
from amlm.training.mirrors import check_logger, make_mirrors
from amlm.training.record import Record, read_log
from amlm.training.run_folder import RunFolder
from amlm.training.run_log import RunLog
from amlm.training.summary import constant_guess, summarise, summary_text
from amlm.util import terminal
from amlm.util.errors import InputError
from amlm.util.secrets import masked
from amlm.util.terminal import quiet_lightning

RANK_FOLDER = "AMLM_RUN_DIR"  # passes the folder of the first rank to the others


@dataclass(frozen=True)
class Result:
    """The folder of a run and the numbers of its summary; ranks other than the first have none."""

    folder: Path
    summary: dict[str, Any]


def say(text: str) -> None:
    """Prints a line, on the first rank only."""
    if RANK_FOLDER not in os.environ:
        terminal.say(text)


def _announce(parts: Parts, names: dict[str, str], model: ModelConfig, update_every: int) -> None:
    store, plan, module = parts.store, parts.plan, parts.module
    parameters = sum(p.numel() for p in module.model.parameters())
    ratio = module.masking.ratio
    name, choices = names["name"], names["choices"]
    also = "" if choices in ("", name) else f" ({choices})"
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
        f"{ratio(0):.2f} to {ratio(plan.total_steps):.2f}, updated every {update_every} steps"
    )
    say(
        f"run      {name}{also}: {plan.total_steps:,} steps of {plan.tokens_per_step:,} tokens, "
        f"{plan.epoch(plan.total_steps):.1f} epochs"
    )


def run(config: Config) -> Result:
    """Runs one pretraining; see `amlm.train.train`."""
    check_logger(config.logger.name)
    check_device(config.trainer)
    check_division(config, world_size(config.trainer))
    if "LOCAL_RANK" in os.environ and RANK_FOLDER not in os.environ:
        raise InputError(
            "LOCAL_RANK is set: run the command once, without torchrun or srun; impl=ddp starts "
            "its own processes"
        )
    quiet_lightning()
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    parts = make_parts(config, _open_store(config))
    first = RANK_FOLDER not in os.environ
    claimed = run_folder.claim(config) if first else _claimed_by_first_rank()
    run_log, failed = RunLog(claimed.path, enabled=first), True
    try:
        names = {"name": str(config.name), "choices": config.choices}
        _announce(parts, names, config.model, config.masking.update_every)
        callbacks = make_callbacks(config, parts, run_log)
        if first and not claimed.resumes:
            run_log.clear()
            run_folder.describe(claimed.path, config, parts.store.content)
        history = _history(claimed, run_log, parts.store.vocab_size)
        if first:
            run_log.mirrors = make_mirrors(
                config.logger,
                run_log,
                history,
                name=f"{config.name}-seed{config.seed}",
                group=config.sweep,
                job_type=config.name,
                config=masked(as_dict(config)),
            )
        loggers = [run_log, *run_log.mirrors]
        trainer = make_trainer(config.trainer, parts.plan, claimed.path, callbacks, loggers)
        result = _train(claimed, parts, trainer, run_log, names)
        failed = False
        return result
    except (KeyboardInterrupt, SystemExit):
        if (claimed.path / run_folder.CHECKPOINT).is_file():
            say(f"stopped; to resume: the same command with run_dir={claimed.path}")
        raise
    finally:
        run_log.close(failed)
        claimed.release()


def _open_store(config: Config) -> TokenStore:
    """The store of a run: if the run resumes, only the one that it was started with."""
    recorded = run_folder.recorded_content(config)
    cache = Path(config.paths.cache).expanduser()
    try:
        return open_store(config.data, config.tokenizer, cache, say, recorded)
    except InputError as error:
        if recorded is None:
            raise
        raise InputError(f"run_dir={config.run_dir} can't be resumed: {error}") from error


def _claimed_by_first_rank() -> RunFolder:
    folder = Path(os.environ[RANK_FOLDER])
    return RunFolder(folder, (folder / run_folder.CHECKPOINT).is_file(), None)


def _history(claimed: RunFolder, run_log: RunLog, vocab_size: int) -> list[Record]:
    """The records up to the checkpoint that a run resumes from; the first rank drops later ones."""
    folder = claimed.path
    if not claimed.resumes:
        say(f"folder   {folder}")
        return []
    if run_log.enabled:
        step = int(read_checkpoint(folder / run_folder.CHECKPOINT)["global_step"])
        run_log.rewind(step, vocab_size)
        run_folder.note_resumed(folder, step)
        say(f"folder   {folder}, resumes from step {step:,}")
    history = read_log(folder)
    run_log.recall(history)
    return history


def _train(
    claimed: RunFolder, parts: Parts, trainer: L.Trainer, run_log: RunLog, names: dict[str, str]
) -> Result:
    started = time.perf_counter()
    folder, module, data = claimed.path, parts.module, parts.data
    os.environ[RANK_FOLDER] = str(folder)
    try:
        if not claimed.resumes:
            trainer.validate(module, datamodule=data, verbose=False)
        checkpoint = folder / run_folder.CHECKPOINT if claimed.resumes else None
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        steps = trainer.global_step
        if run_log.latest.get("validation", {}).get("step") != steps:
            trainer.validate(module, datamodule=data, verbose=False)
    finally:
        if run_log.enabled:
            del os.environ[RANK_FOLDER]
    if not run_log.enabled:
        return Result(folder, {})
    if steps < parts.plan.total_steps:
        say(f"stopped early, after {steps:,} of {parts.plan.total_steps:,} steps")
    save_hugging_face(module.model, folder / "hf")
    save_tokenizer(
        parts.store.tokenizer, folder / "hf", module.model.config.max_position_embeddings
    )
    values = {
        **names,
        **summarise(read_log(folder)),
        "constant_guess": constant_guess(data, module.validation_masking),
        "seconds": time.perf_counter() - started,
    }
    run_log.write("summary", values)
    write_cards(folder)
    run_folder.mark_finished(folder)
    say(summary_text(values, folder))
    return Result(folder, values)
