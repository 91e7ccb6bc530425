"""One pretraining run, from text to exported model. `amlm.train` is its command line."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch

from amlm.config.checks import check_division
from amlm.config.schema import Config, as_dict
from amlm.masking.signals import signal_name
from amlm.masking.units import unit_name
from amlm.models.build import save_hugging_face
from amlm.store.notices import notices, shares_line
from amlm.store.token_store import TokenStore, open_store
from amlm.tokenizers.bpe import save_tokenizer
from amlm.tokenizers.word_starts import boundary_warning
from amlm.training import run_description, run_folder
from amlm.training.assemble import Parts, make_callbacks, make_parts, make_trainer
from amlm.training.callbacks.checkpoints import Checkpoints
from amlm.training.callbacks.stop import Stop
from amlm.training.cards import write_cards
from amlm.training.checkpoint_files import has_checkpoint, newest
from amlm.training.datasheet import data_record, write_datasheet
from amlm.training.devices import (
    check_compiler,
    check_device,
    check_memory,
    fixed_order_of_sums,
    uses_cuda,
    world_size,
)
from amlm.training.launch import Ranks, joined, launched, share, start_ranks
from amlm.training.mirrors import check_logger, make_mirrors
from amlm.training.monitors import explained
from amlm.training.record import Record, read_log
from amlm.training.run_folder import RunFolder
from amlm.training.run_log import RunLog
from amlm.training.stopping import StopRequest
from amlm.training.summary import constant_guess, summarise, summary_text
from amlm.util import terminal
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError
from amlm.util.files import aside
from amlm.util.secrets import masked
from amlm.util.terminal import quiet_lightning


@dataclass(frozen=True)
class Result:
    """The folder of a run and the numbers of its summary; ranks other than the first have none."""

    folder: Path
    summary: dict[str, Any]


def say(text: str) -> None:
    """Prints a line, on the first rank only."""
    ranks = launched()
    if ranks is None or ranks.first:
        terminal.say(text)


def _announce(parts: Parts, names: dict[str, str], config: Config) -> None:
    model, update_every = config.model, config.masking.update_every
    store, plan, module = parts.store, parts.plan, parts.module
    parameters = sum(p.numel() for p in module.model.parameters())
    ratio = module.masking.ratio
    name, choices = names["name"], names["choices"]
    also = "" if choices in ("", name) else f" ({choices})"
    say(
        f"data     {store.words('train'):,} words, {store.tokens('train'):,} tokens, "
        f"{store.vocab_size:,} types"
    )
    say(f"words    {shares_line(store.meta['sources']['train'])}")
    for notice in notices(config.data, store):
        say(notice)
    say(
        f"model    {parameters:,} parameters: {model.layers} layers, {model.hidden_size} wide, "
        f"n-hot {model.nhot.fusion}"
    )
    unit, switch = unit_name(module.masking.unit), getattr(module.masking.unit, "switch", 1.0)
    first, last = f"{ratio(0):.2f}", f"{ratio(plan.total_steps):.2f}"
    say(
        f"masking  {unit}s{f' until {switch:.0%} of the run' if switch < 1 else ''}, "
        f"{signal_name(module.masking.signal)} signal, mask ratio "
        f"{first}{f' to {last}' if last != first else ''}, updated every {update_every} steps"
    )
    warning = boundary_warning(store.words("train"), store.tokens("train"))
    if parts.data.training.words and warning is not None:
        say(f"warning  {warning}")
    say(
        f"run      {name}{also}: {plan.total_steps:,} steps of {plan.tokens_per_step:,} tokens, "
        f"{plan.epoch(plan.total_steps):.1f} epochs"
    )


def run(config: Config) -> Result:
    """Runs one pretraining; see `amlm.train.train`. Starts its processes, if there are several."""
    check_logger(config.logger.name)
    ranks = launched()
    check_device(config.trainer, ranks)
    check_compiler(config.trainer)
    check_memory(config)
    size = ranks.size if ranks else world_size(config.trainer)
    check_division(config, size)
    if ranks is None and size > 1:
        result = start_ranks(run, config, size)
        assert isinstance(result, Result)
        return result
    return _run_rank(config, ranks or Ranks())


def _run_rank(config: Config, ranks: Ranks) -> Result:
    """Runs this process's share of a run."""
    quiet_lightning()
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    parts = make_parts(config, _open_store(config))
    run_folder.check_digests(config, parts.module.masking)
    with joined(ranks, config.trainer.rank_timeout, uses_cuda(config.trainer)):
        return _run_in_folder(config, parts, _claim(config, ranks), ranks)


def _claim(config: Config, ranks: Ranks) -> RunFolder:
    """The folder that the first rank claims, on every rank.

    Raises:
        InputError, OSError: it cannot, on every rank.
    """
    claimed, error = None, None
    if ranks.first:
        try:
            claimed = run_folder.claim(config)
        except (InputError, OSError) as refused:
            error = refused
    path, resumes, error = share((claimed and claimed.path, claimed and claimed.resumes, error))
    if error is not None:
        raise error
    return claimed or RunFolder(path, resumes, None)


def _run_in_folder(config: Config, parts: Parts, claimed: RunFolder, ranks: Ranks) -> Result:
    run_log, request = RunLog(claimed.path, enabled=ranks.first), StopRequest()
    failed, started, start = True, False, time.perf_counter()
    try:
        names = {"name": str(config.name), "choices": config.choices}
        _announce(parts, names, config)
        callbacks = make_callbacks(config, parts, run_log, request)
        if ranks.first and not claimed.resumes:
            if not claimed.empty:
                say(f"folder   {claimed.path} has no checkpoint: the run starts again")
            run_log.clear()
        if ranks.first and not (
            claimed.resumes and (claimed.path / run_description.RUN_FILE).exists()
        ):
            digests = run_folder.digests_of(parts.module.masking)
            content = parts.store.content
            run_description.describe(claimed.path, config, content, digests, ranks.size)
        if ranks.first and not claimed.resumes and config.data.track:
            run_log.write("data", data_record(config, parts.store, parts.plan))
            write_datasheet(claimed.path)
        (saves,) = (each for each in callbacks if isinstance(each, Checkpoints))
        (stop,) = (each for each in callbacks if isinstance(each, Stop))
        history = _history(claimed, run_log, saves, config)
        if ranks.first:
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
        trainer = make_trainer(config.trainer, parts.plan, claimed.path, callbacks, loggers, ranks)
        started = True
        known = explained(config.callbacks, trainer, claimed.path)
        with request, fixed_order_of_sums(config.trainer), known:
            _fit(saves, stop, parts, trainer, run_log)
        result = _export(claimed, parts, trainer.global_step, run_log, names, start)
        failed = False
        return result
    except (KeyboardInterrupt, SystemExit):
        if has_checkpoint(claimed.path):
            with suppress(OSError):  # the terminal is gone
                how = "" if config.sweep else f" with run_dir={claimed.path}"
                say(f"stopped; to resume: the same command{how}")
        raise
    except OSError as error:
        if error.errno not in ENVIRONMENT_ERRNOS:
            raise
        raise InputError(
            f"the run folder {claimed.path} can't be written to: {error.strerror}. Free up space "
            f"or grant access there, then give the same command with run_dir={claimed.path}: it "
            "resumes from the last checkpoint"
        ) from error
    finally:
        run_log.close(failed)
        if ranks.first and not started:
            claimed.abandon()
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


def _history(
    claimed: RunFolder, run_log: RunLog, saves: Checkpoints, config: Config
) -> list[Record]:
    """Finds the checkpoint to resume from; returns the records up to it.

    The first rank, which drops later records, does so for all.

    Raises:
        InputError, OSError: there is none, on every rank.
    """
    folder = claimed.path
    if not claimed.resumes:
        say(f"folder   {folder}")
        return []
    history: list[Record] = []
    error = None
    if run_log.enabled:
        try:
            saves.last, state = newest(
                folder, lambda s: run_log.fault(s) or saves.cursor.fault(s), say
            )
            run_log.rewind(state)
            run_description.note_resumed(folder, state["global_step"], config)
            say(f"folder   {folder}, resumes from step {state['global_step']:,}")
            history = read_log(folder)
        except (InputError, OSError) as refused:
            error = refused
    saves.last, history, error = share((saves.last, history, error))
    if error is not None:
        raise error
    run_log.recall(history)
    return history


def _fit(saves: Checkpoints, stop: Stop, parts: Parts, trainer: L.Trainer, run_log: RunLog) -> None:
    module, data = parts.module, parts.data
    if saves.last is None:
        trainer.validate(module, datamodule=data, verbose=False)
    trainer.fit(module, datamodule=data, ckpt_path=saves.last, weights_only=True)
    saves.save(trainer, module)
    stop.after_training(trainer)
    if run_log.latest.get("validation", {}).get("step") != trainer.global_step:
        trainer.validate(module, datamodule=data, verbose=False)


def _export(
    claimed: RunFolder,
    parts: Parts,
    steps: int,
    run_log: RunLog,
    names: dict[str, str],
    started: float,
) -> Result:
    """Writes the model and the summary, on the first rank."""
    folder, module, data = claimed.path, parts.module, parts.data
    if not run_log.enabled:
        return Result(folder, {})
    if steps < parts.plan.total_steps:
        say(f"stopped early, after {steps:,} of {parts.plan.total_steps:,} steps")
    with aside(folder / "hf") as hf:
        save_hugging_face(module.model, hf)
        save_tokenizer(parts.store.tokenizer, hf, module.model.config.max_position_embeddings)
    values = {
        **names,
        **summarise(read_log(folder)),
        "constant_guess": constant_guess(data, module.validation_masking),
        "seconds": time.perf_counter() - started,
    }
    run_log.write("summary", values)
    write_cards(folder)
    run_description.mark_finished(folder)
    say(summary_text(values, folder))
    return Result(folder, values)
