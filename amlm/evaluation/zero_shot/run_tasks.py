"""A model, and the baselines asked for, on the tasks that are there: scores, files, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from amlm.evaluation import results
from amlm.evaluation.figures import Report
from amlm.evaluation.zero_shot import aoa, ranking, reading
from amlm.evaluation.zero_shot.items import Candidate, Item, read_items, sample_items
from amlm.evaluation.zero_shot.scoring import Scorer, score
from amlm.evaluation.zero_shot.tasks import Found
from amlm.util.errors import InputError
from amlm.util.files import write_json
from amlm.util.progress_bar import progress_bar

Progress = Callable[[int], object]
Checkpoint = tuple[str, Callable[[], Scorer]]  # its name, and what loads it


def scored(
    scorer: Scorer, asked: Sequence[Sequence[Candidate]], path: Path, progress: Progress
) -> list[list[float]]:
    """The scores of groups of candidates, from the file `path` if they are there."""

    def compute() -> list[list[float]]:
        flat = iter(score(scorer, [each for some in asked for each in some], progress).tolist())
        return [list(islice(flat, len(some))) for some in asked]

    found, was_there = results.remembered(path, [scorer.fingerprint, asked], compute)
    if was_there:
        progress(sum(map(len, asked)))
    return found


def items_of(found: Found) -> dict[str, list[Item]]:
    """The items of a ranking task by file."""
    reader = found.task.reader
    if reader is None:
        return {"sample": sample_items()}
    files = sorted(found.paths[0].glob("*.jsonl"))
    by_file = {path.stem: read_items(path, reader) for path in files}
    if not any(by_file.values()):
        raise InputError(f"{found.paths[0]} has no items")
    return by_file


def run_ranking(found: Found, scorer: Scorer, folder: Path) -> Report:
    """Scores, predictions and figures of a task that ranks candidates."""
    by_file = items_of(found)
    total = sum(len(item.candidates) for items in by_file.values() for item in items)
    items: list[Item] = []
    scores: list[list[float]] = []
    with progress_bar(total=total, desc=found.folder, unit=" sentences") as bar:
        for file, some in by_file.items():
            bar.set_postfix_str(file)
            path = folder / "scores" / found.folder / f"{file}.json"
            scores += scored(scorer, [item.candidates for item in some], path, bar.update)
            items += some
    arrays = [np.array(each) for each in scores]
    place = results.predictions_folder(folder, found.task.official, found.folder)
    write_json(place / "predictions.json", ranking.predictions(items, arrays))
    return ranking.report(found.task, items, arrays)


def run_reading(found: Found, scorer: Scorer, folder: Path) -> Report:
    """Surprisals, predictions and figures of the reading times."""
    table = reading.Table(found.paths[0])
    questions = list(table.questions())

    def compute() -> list[list[float]]:
        with progress_bar(total=len(questions), desc="reading", unit=" words") as bar:
            found: list[list[float]] = reading.surprisals(scorer, table, bar.update).tolist()
        return found

    path = folder / "scores" / "reading" / "reading_data.json"
    rows, _ = results.remembered(path, [scorer.fingerprint, questions], compute)
    pred_N2 = np.array(rows)
    place = results.predictions_folder(folder, "reading")
    write_json(place / "predictions.json", reading.predictions(pred_N2))
    return reading.report(table, pred_N2)


def run_aoa(found: Found, model: str, checkpoints: Sequence[Checkpoint], folder: Path) -> Report:
    """Surprisals at every checkpoint and the correlation with children's ages."""
    contexts, children = aoa.read_contexts(found.paths[0]), aoa.read_children(found.paths[1])
    asked = [[each] for each in aoa.candidates(contexts)]
    lines: list[dict[str, Any]] = []
    total = len(asked) * len(checkpoints)
    with progress_bar(total=total, desc="aoa", unit=" contexts") as bar:
        for name, load in checkpoints:
            bar.set_postfix_str(name)
            path = folder / "scores" / "aoa" / f"{name}.json"
            scores = scored(load(), asked, path, bar.update)
            lines += aoa.results(name, contexts, [each for (each,) in scores])
    about = {
        "model_name": model,
        "use_bos_only": False,
        "total_steps": len(checkpoints),
        "completed_steps": len(checkpoints),
    }
    place = results.predictions_folder(folder, found.task.official)
    write_json(place / "surprisal.json", {"metadata": about, "results": lines})
    return aoa.report(lines, children)
