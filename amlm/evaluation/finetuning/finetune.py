"""Fine-tunes a model on several tasks and seeds, skipping those that are already finished.

Files in ``<out>/results/<model>/<revision>/finetune``: ``<task>/predictions.json``, the predictions
of the first seed in the official format; ``<task>/seed<n>.json``, the outcome of each seed; and
``scores.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning.fine_tuning import FineTuning
from amlm.evaluation.finetuning.glue_tasks import TASKS, Pair, Task, find_files, read_pairs
from amlm.evaluation.finetuning.load_encoder import UNUSED, load_encoder
from amlm.evaluation.finetuning.outcome import Outcome, format_scores, summarise
from amlm.evaluation.finetuning.train_task import Recipe, train_task
from amlm.evaluation.models import fingerprint, resolve_device
from amlm.evaluation.places import find_model
from amlm.evaluation.results import SCORES_FILE, results_folder
from amlm.util.errors import InputError
from amlm.util.files import write_json
from amlm.util.terminal import quiet_lightning, say

VERSION = 1  # part of the fingerprint: increment it when the computation changes


def data_files(options: Options) -> dict[str, dict[str, Path]]:
    """The files of the tasks; see `amlm.evaluation.finetuning.glue_tasks.find_files`."""
    if options.data_dir is None:
        raise InputError("finetune=[...] needs data_dir=<folder with glue_filtered>")
    return find_files(Path(options.data_dir).expanduser(), options.finetune)


def recipe_of(task: Task, options: Options) -> Recipe:
    """The settings from the options, with the task's defaults."""
    return Recipe(
        options.epochs or task.epochs,
        options.batch_size or task.batch_size,
        options.lr,
        options.max_length,
    )


def read_data(paths: dict[str, Path], task: Task) -> tuple[tuple[list[Pair], list[Pair]], str]:
    """The training and validation items, and a hash of their files."""
    digest = hashlib.blake2b(digest_size=16)
    for split in ("train", "valid"):
        digest.update(paths[split].read_bytes())
    splits = read_pairs(paths["train"], task), read_pairs(paths["valid"], task)
    return splits, digest.hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # no file, or not a valid one


def _load_or_train(path: Path, inputs: Any, train: Callable[[], FineTuning]) -> Outcome:
    """Reads a cached outcome if its inputs match, else trains and caches it."""
    digest = hashlib.blake2b(json.dumps(inputs).encode(), digest_size=16).hexdigest()
    found = _read_json(path)
    if found.get("fingerprint") == digest:
        return Outcome(**found)
    epochs = train().epochs
    scores = epochs.scores[epochs.best - 1]
    outcome = Outcome(digest, epochs.best, scores, epochs.predictions_N.tolist(), epochs.scores)
    write_json(path, asdict(outcome))
    return outcome


def _write_predictions(path: Path, name: str, labels: list[int]) -> None:
    predictions = [{"id": f"{name}_{n}", "pred": label} for n, label in enumerate(labels)]
    write_json(path, {name: {"predictions": predictions}})


def _write_scores(path: Path, model_print: str, scores: dict[str, Any]) -> None:
    before = _read_json(path)
    tasks = before["tasks"] if before.get("fingerprint") == model_print else {}
    write_json(path, {"fingerprint": model_print, "tasks": tasks | scores})


def finetune(options: Options, untrained: bool = False) -> dict[str, Any]:
    """Fine-tunes and scores a model; outcomes cached for the same inputs are reused.

    Args:
        options: the options of the command.
        untrained: start from random weights; the results go to ``<revision>-untrained``.

    Returns: by task, the result of `summarise` and the recipe. ``scores.json`` has the same
        content, and keeps the tasks of earlier commands with the same model.

    Raises:
        InputError: no such model or data, invalid data, or options that don't go together.
    """
    quiet_lightning()
    accelerator = resolve_device(options.device)
    files = data_files(options)
    data = {name: read_data(paths, TASKS[name]) for name, paths in files.items()}
    source = find_model(options.model, options.revision)
    model, tokenizer = load_encoder(source, untrained)
    model_print = fingerprint(model, tokenizer, unused=UNUSED)
    revision = f"{options.revision}-untrained" if untrained else options.revision
    folder = results_folder(options.out, source.name, revision) / "finetune"
    scores: dict[str, Any] = {}
    for name, (splits, digest) in data.items():
        task = TASKS[name]
        recipe = recipe_of(task, options)
        outcomes = {}
        for seed in options.seeds:
            inputs = [VERSION, name, seed, asdict(recipe), asdict(task), digest, model_print]
            train = partial(
                train_task,
                model,
                tokenizer,
                task,
                splits,
                recipe,
                seed=seed,
                accelerator=accelerator,
                title=f"{name}, seed {seed}",
            )
            outcomes[seed] = _load_or_train(folder / name / f"seed{seed}.json", inputs, train)
        _write_predictions(
            folder / name / "predictions.json", name, outcomes[options.seeds[0]].predictions
        )
        scores[name] = {**summarise(task, *splits, outcomes), "recipe": asdict(recipe)}
        _write_scores(folder / SCORES_FILE, model_print, scores)
    say(format_scores(scores))
    return scores
