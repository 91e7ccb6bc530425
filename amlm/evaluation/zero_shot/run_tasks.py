"""Runs a model or a baseline on a task: scores, files, reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from amlm.evaluation import results
from amlm.evaluation.figures import Report
from amlm.evaluation.rules import Rules
from amlm.evaluation.zero_shot import aoa, ranking, reading
from amlm.evaluation.zero_shot.choices import choose
from amlm.evaluation.zero_shot.items import Candidate, Item, read_items, sample_items
from amlm.evaluation.zero_shot.scoring import Scorer, score
from amlm.evaluation.zero_shot.tasks import Found
from amlm.util.errors import InputError
from amlm.util.files import sha256, write_json
from amlm.util.progress_bar import progress_bar

Progress = Callable[[int], object]
CACHED = 1_000  # items whose scores are written together: at most these are lost if a run is killed
Checkpoint = tuple[str, Callable[[], Scorer]]  # its name, and a function that loads it


def score_items(
    scorer: Scorer,
    items: Sequence[Sequence[Candidate]],
    path: Path,
    progress: Progress,
    per_token: bool = False,
) -> list[list[float]]:
    """Scores the candidates of each item; scores are cached in the file `path`, of many items in
    several files ``<name>-<first item>.json``.
    """
    scores = []
    for start in range(0, len(items), CACHED):
        part = items[start : start + CACHED]

        def compute(part: Sequence[Sequence[Candidate]] = part) -> list[list[float]]:
            candidates = [each for item in part for each in item]
            flat = iter(score(scorer, candidates, progress, per_token).tolist())
            return [list(islice(flat, len(item))) for item in part]

        key = [scorer.fingerprint, part, *(["per token"] if per_token else [])]
        place = path.with_stem(f"{path.stem}-{start}") if start else path
        found, cached = results.load_or_compute(place, key, compute)
        if cached:
            progress(sum(map(len, part)))
        scores += found
    return scores


def items_of(found: Found) -> dict[str, list[Item]]:
    """Reads the items of a ranking task, by file."""
    reader = found.task.reader
    if reader is None:
        return {"sample": sample_items()}
    by_file = {path.stem: read_items(path, reader) for path in found.files}
    for path in found.files:
        if not by_file[path.stem]:
            raise InputError(f"{path} has no items: copy it again, or remove it")
    return by_file


def count_items(found: Found) -> dict[str, int]:
    """The number of items of a task by group, as in `amlm.evaluation.submission.sizes`.

    Raises:
        InputError: a file of the task is not what it should be; all are read.
    """
    if found.name == "aoa":
        aoa.read_children(found.paths[1])
        return {"aoa": len(aoa.read_contexts(found.paths[0]))}
    if found.name == "reading":
        return {"reading": len(reading.ReadingTimes(found.paths[0]).texts["word"])}
    items = [item for of_file in items_of(found).values() for item in of_file]
    return Counter(item.uid.lower() for item in items)


def made_from(found: Found, rules: Rules, tie_seed: int) -> str:
    """A hash of what predictions of a task depend on besides the model and the rules: its files,
    and where ties are drawn the seed.
    """
    files = [(path.name, sha256(path)) for path in found.files]
    return results.digest(
        [files, tie_seed if rules.ties == "drawn" and found.task.reader else None]
    )


def run_ranking(
    found: Found, scorer: Scorer, folder: Path, rules: Rules, tie_seed: int = 0
) -> Report:
    """Runs a task that ranks candidates: writes scores and predictions, returns the report."""
    by_file = items_of(found)
    total = sum(len(item.candidates) for items in by_file.values() for item in items)
    items: list[Item] = []
    scores: list[list[float]] = []
    with progress_bar(total=total, desc=found.folder, unit=" sentences") as bar:
        for file, of_file in by_file.items():
            bar.set_postfix_str(file)
            path = folder / "scores" / found.folder / f"{file}.json"
            candidates = [item.candidates for item in of_file]
            scores += score_items(scorer, candidates, path, bar.update, found.task.per_token)
            items += of_file
    arrays = [np.array(each) for each in scores]
    choices = choose(rules, items, arrays, tie_seed)
    official = results.predictions_folder(folder, scorer.backend, found.task.official, found.folder)
    write_json(official / "predictions.json", ranking.predictions(items, arrays, choices))
    return ranking.report(found.task, items, arrays, choices)


def run_reading(found: Found, scorer: Scorer, folder: Path) -> Report:
    """Runs the reading-time task: writes surprisals and predictions, returns the report."""
    data = reading.ReadingTimes(found.paths[0])
    questions = list(data.questions())

    def compute() -> list[list[float]]:
        with progress_bar(total=len(questions), desc="reading", unit=" words") as bar:
            found: list[list[float]] = reading.surprisals(scorer, data, bar.update).tolist()
        return found

    path = folder / "scores" / "reading" / "reading_data.json"
    rows, _ = results.load_or_compute(path, [scorer.fingerprint, questions], compute)
    pred_N2 = np.array(rows)
    official = results.predictions_folder(folder, scorer.backend, "reading")
    write_json(official / "predictions.json", reading.predictions(pred_N2))
    return reading.report(data, pred_N2)


def run_aoa(
    found: Found,
    model: str,
    scorer: Scorer,
    checkpoints: Sequence[Checkpoint],
    folder: Path,
    rules: Rules,
) -> Report:
    """Runs the age-of-acquisition task: surprisals at every checkpoint, and the report.

    Of the scorer of the final model, only the tokenizer is used.
    """
    contexts, children = aoa.read_contexts(found.paths[0]), aoa.read_children(found.paths[1])
    items = [[each] for each in aoa.candidates(contexts)]
    lines: list[dict[str, Any]] = []
    fingerprints: dict[str, str] = {}
    total = len(items) * len(checkpoints)
    with progress_bar(total=total, desc="aoa", unit=" contexts") as bar:
        for name, load in checkpoints:
            bar.set_postfix_str(name)
            path = folder / "scores" / "aoa" / f"{name}.json"
            checkpoint = load()
            fingerprints[name] = checkpoint.fingerprint
            scores = score_items(checkpoint, items, path, bar.update)
            lines += aoa.results(name, contexts, [each for (each,) in scores])
    about = {
        "model_name": model,
        "use_bos_only": False,
        "total_steps": len(checkpoints),
        "completed_steps": len(checkpoints),
    }
    official = results.predictions_folder(folder, scorer.backend, found.task.official)
    write_json(official / "surprisal.json", {"metadata": about, "results": lines})
    write_json(folder / results.AOA_MODELS, fingerprints)
    report = aoa.report(lines, children, rules.acquisition, partial(aoa.chance, scorer.tokenizer))
    if rules.aoa_by_client:
        write_json(official / "aoa_score.json", {"aoa": report.totals["Pearson"].official})
    return report
