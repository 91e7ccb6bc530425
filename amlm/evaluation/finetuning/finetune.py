"""Fine-tunes a model on several tasks and seeds, skipping those that are already finished.

Files in ``<out>/results/<model>/<revision>/finetune``: ``<task>/predictions.json``, the predictions
of the first seed in the official format; ``<task>/seed<n>.json``, the outcome of each seed; and
``scores.json``.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning.fine_tuning import best_epoch
from amlm.evaluation.finetuning.glue_tasks import TASKS, find_files, read_pairs
from amlm.evaluation.finetuning.outcome import format_scores, summarise
from amlm.evaluation.finetuning.train_task import Recipe, train_task
from amlm.evaluation.fingerprint import fingerprint
from amlm.evaluation.models import UNUSED, load_encoder, resolve_device
from amlm.evaluation.places import find_model
from amlm.evaluation.results import about, digest, read_if, results_folder, write_scores
from amlm.evaluation.rules import RULES
from amlm.util.files import write_json
from amlm.util.terminal import quiet_lightning, say

VERSION = 2  # part of the fingerprint: increment it when the computation changes


def recipe_of(options: Options, name: str) -> Recipe:
    """The training settings of a task."""
    return Recipe(
        options.epochs or TASKS[name].epochs,
        options.batch_size or TASKS[name].batch_size,
        options.lr,
        options.max_length,
        options.pooling or RULES[options.rules].pooling,
    )


def inputs_of(name: str, seed: int, recipe: Recipe, data: str, model: str) -> str:
    """All that the outcome of a seed depends on, as one hash.

    Args:
        data: the digest of the training and validation pairs.
        model: the fingerprint of the encoder.
    """
    return digest([VERSION, name, seed, recipe, TASKS[name], data, model])


def _write_predictions(path: Path, name: str, labels: list[int]) -> None:
    predictions = [{"id": f"{name}_{n}", "pred": label} for n, label in enumerate(labels)]
    write_json(path, {name: {"predictions": predictions}})


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
    files = find_files(options.data_dir, options.finetune)
    data = {
        name: tuple(read_pairs(paths[split], TASKS[name]) for split in ("train", "valid"))
        for name, paths in files.items()
    }
    source = find_model(options.model, options.revision, options.trust_remote_code)
    model, tokenizer = load_encoder(source, untrained)
    model_print = fingerprint(model, tokenizer, unused=UNUSED)
    revision = f"{options.revision}-untrained" if untrained else options.revision
    folder = results_folder(options.out, source.name, revision) / "finetune"
    scores: dict[str, Any] = {}
    for name, (train, valid) in data.items():
        task, data_print = TASKS[name], digest([train, valid])
        recipe = recipe_of(options, name)
        outcomes = {}
        for seed in options.seeds:
            path = folder / name / f"seed{seed}.json"
            inputs = inputs_of(name, seed, recipe, data_print, model_print)
            if not (found := read_if(path, "fingerprint", inputs)):
                module = train_task(
                    model,
                    tokenizer,
                    task,
                    (train, valid),
                    recipe,
                    seed=seed,
                    accelerator=accelerator,
                    title=f"{name}, seed {seed}",
                )
                best = best_epoch(module.history, task.metric)
                found = {
                    "fingerprint": inputs,
                    "epoch": best + 1,
                    "scores": module.history[best],
                    "predictions": module.predictions[best],
                    "history": module.history,
                }
                write_json(path, found)
            outcomes[seed] = found
        _write_predictions(
            folder / name / "predictions.json", name, outcomes[options.seeds[0]]["predictions"]
        )
        scores[name] = {**summarise(task, train, valid, outcomes), "recipe": asdict(recipe)}
        write_scores(folder, about(source, revision, model_print), scores)
    say(format_scores(scores))
    return scores
