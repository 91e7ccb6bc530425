"""Fine-tunes a model on tasks with seeds, going on where an earlier command stopped.

Under ``<out>/results/<model>/<revision>/finetune``: ``<task>/predictions.json``, those of the first
seed, as the official pipeline writes them; ``<task>/seed<n>.json``, the outcome of each seed; and
``scores.json``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from amlm.commands import NEEDED
from amlm.config import option
from amlm.errors import InputError
from amlm.evaluation.finetuning.report import Outcome, summarise, table
from amlm.evaluation.finetuning.source import find_model, fingerprint, load_encoder
from amlm.evaluation.finetuning.tasks import TASKS, Pair, Task, find_files, read_pairs
from amlm.evaluation.finetuning.train import Recipe, train_task

VERSION = 1  # part of the fingerprint: raise it when what is computed changes
SCORES_FILE = "scores.json"


@dataclass
class FinetuneOptions:
    model: str = option(
        NEEDED, "run folder, export, folder in Hugging Face format, or name on its Hub"
    )
    data_dir: str = option(NEEDED, "folder with glue_filtered, or with full_eval that holds it")
    out: str = option(NEEDED, "folder for results/<model>/<revision>/finetune")
    revision: str = option("main", "main, or a word checkpoint such as chck_10M")
    tasks: list[str] = option([], "tasks; empty is all that have data", choices=tuple(TASKS))
    seeds: list[int] = option(
        [42], "seeds; the first one's predictions are those to submit", ge=0, lt=2**31
    )
    epochs: int | None = option(None, "passes over the data; null is the task's own", ge=1)
    batch_size: int | None = option(None, "items of a batch; null is the task's own", ge=1)
    lr: float = option(3e-5, "peak learning rate", gt=0)
    max_length: int = option(512, "tokens of an item; longer ones are cut", ge=8)
    device: str = option("auto", "where to compute", choices=("auto", "cpu", "cuda"))
    threads: int = option(0, "CPU threads; 0 leaves the choice to torch", ge=0)


@dataclass(frozen=True)
class Data:
    """The items of a task and a hash of its files."""

    train: list[Pair]
    valid: list[Pair]
    digest: str


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def recipe_of(task: Task, options: FinetuneOptions) -> Recipe:
    """The task's own settings where the options leave them to it."""
    return Recipe(
        options.epochs or task.epochs,
        options.batch_size or task.batch_size,
        options.lr,
        options.max_length,
    )


def read_data(paths: dict[str, Path], task: Task) -> Data:
    """Reads a task's files."""
    digest = hashlib.blake2b(digest_size=16)
    for split in ("train", "valid"):
        digest.update(paths[split].read_bytes())
    return Data(
        read_pairs(paths["train"], task), read_pairs(paths["valid"], task), digest.hexdigest()
    )


def _accelerator(device: str) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: torch finds no GPU; leave the choice to device=auto")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _write_json(path: Path, content: Any) -> None:
    # Renamed into place, so that a file that is there is whole.
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.aside")
    aside.write_text(json.dumps(content) + "\n", encoding="utf-8")
    aside.replace(path)


def _finished(path: Path, wanted: str) -> Outcome | None:
    if not path.is_file():
        return None
    found = Outcome(**json.loads(path.read_text(encoding="utf-8")))
    return found if found.fingerprint == wanted else None


def finetune(options: FinetuneOptions) -> dict[str, Any]:
    """Fine-tunes and scores a model; what is there already from the same inputs is taken over.

    Returns: by task what `summarise` says; ``scores.json`` holds the same.

    Raises:
        InputError: no such model or data, broken data, or options that don't go together.
    """
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    if options.threads:
        torch.set_num_threads(options.threads)
    accelerator = _accelerator(options.device)
    files = find_files(Path(options.data_dir).expanduser(), options.tasks)
    data = {name: read_data(paths, TASKS[name]) for name, paths in files.items()}
    source = find_model(options.model, options.revision)
    model, tokenizer = load_encoder(source)
    model_print = fingerprint(model, tokenizer)
    folder = Path(options.out).expanduser() / "results" / source.name / options.revision
    scores: dict[str, Any] = {}
    for name, task_data in data.items():
        task, outcomes = TASKS[name], dict[int, Outcome]()
        recipe = recipe_of(task, options)
        for seed in options.seeds:
            parts = [VERSION, name, seed, asdict(recipe), asdict(task), task_data.digest]
            text = json.dumps([*parts, model_print])
            wanted = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            path = folder / "finetune" / name / f"seed{seed}.json"
            outcome = _finished(path, wanted)
            if outcome is None:
                epochs = train_task(
                    model,
                    tokenizer,
                    task,
                    (task_data.train, task_data.valid),
                    recipe,
                    seed=seed,
                    accelerator=accelerator,
                    title=f"{name}, seed {seed}",
                ).epochs
                best = epochs.scores[epochs.best - 1]
                outcome = Outcome(
                    wanted, epochs.best, best, epochs.predictions_N.tolist(), epochs.scores
                )
                _write_json(path, asdict(outcome))
            outcomes[seed] = outcome
        first = outcomes[options.seeds[0]].predictions
        predictions = [{"id": f"{name}_{n}", "pred": label} for n, label in enumerate(first)]
        _write_json(
            folder / "finetune" / name / "predictions.json", {name: {"predictions": predictions}}
        )
        scores[name] = summarise(task, task_data.train, task_data.valid, outcomes)
    _write_json(folder / "finetune" / SCORES_FILE, scores)
    say(table(scores))
    return scores
