"""What comparisons and figures need of finished runs, read from their folders.

`read_runs` reads run folders; `write_runs` and `load_runs` keep the same in one small JSON file, so
that a comparison can be published and repeated without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from glob import glob
from pathlib import Path
from statistics import fmean
from typing import Any

from amlm.config.run_schema import is_science
from amlm.config.schema import flat
from amlm.evaluation.results import CORRELATIONS
from amlm.evaluation.rules import DEFAULT
from amlm.publish.run_models import RunRecord
from amlm.report.run_scores import Evaluated, Evaluations, RunScores, of_year
from amlm.training.read_run import read_run
from amlm.training.record import LOG_FILE
from amlm.util.errors import InputError
from amlm.util.files import write_json

VERSION = 1
RANKED = ("wug_adj", "wug_past")  # tasks whose score while training is a correlation of ranks


@dataclass(frozen=True)
class RunResult:
    """The results of a finished run.

    Attributes:
        run: its folder's name.
        group: what it is a run of: its choices, e.g. ``hard_decay``.
        metrics: final value by name. Accuracies are in per cent. ``loss`` and ``accuracy...`` are
            of masked tokens of held-out text, ``accuracy/noun`` of one class of them; other names
            are tasks.
        untrained: the same before training or of a model with random weights, as far as known.
        intervals: low and high end over items of each task's score, as far as known.
        ties: items of each task whose correct candidate shares the highest score, in per cent.
        items: number of items of each task.
        hits: for each task, by group of items, one character per item: 1 if it is correct.
        ratio: mean realised mask ratio.
        words_seen: words it was trained on, counting repetitions.
        options: the options that decide what is trained, under dotted names, and ``text``, the
            digest of the store.
    """

    run: str
    group: str
    seed: int
    ratio: float
    words_seen: int
    metrics: dict[str, float]
    untrained: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, list[float]] = field(default_factory=dict)
    ties: dict[str, float] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    hits: dict[str, dict[str, str]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def find_folders(patterns: Iterable[str]) -> list[Path]:
    """The run folders that match glob patterns, or lie below a folder that matches.

    Raises:
        InputError: a pattern matches no run.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        matches = [
            log.parent
            for path in sorted(glob(str(Path(pattern).expanduser()), recursive=True))  # noqa: PTH207
            for log in sorted(Path(path).rglob(LOG_FILE))
        ]
        if not matches:
            raise InputError(
                f"runs={pattern} matches no run of amlm.train (a folder with {LOG_FILE})"
            )
        found |= dict.fromkeys(matches)
    return list(found)


def read_runs(
    patterns: Sequence[str], results: Sequence[str] = ()
) -> tuple[list[RunResult], list[str]]:
    """Reads finished runs, or files that `write_runs` wrote.

    Args:
        patterns: glob patterns of run folders, of folders above them, or of such files.
        results: folders with results of ``amlm.evaluate model=<run folder>``. Those inside a run
            folder are always read.

    Returns: the results, and a line for each run, and results of `amlm.evaluate`, skipped.

    Raises:
        InputError: a pattern matches nothing, or a file is invalid.
    """
    files = [each for each in patterns if each.endswith(".json")]
    found = [run for each in files for run in load_runs(Path(each).expanduser())]
    skipped: list[str] = []
    evaluations = Evaluations(results)
    for folder in find_folders([each for each in patterns if each not in files]):
        record = read_run(folder)
        if not record.of_kind("summary"):
            steps = max((line.get("step", 0) for line in record.records), default=0)
            skipped.append(f"skipped {folder}: not finished (step {steps:,})")
            continue
        found.append(run_result(record, evaluations.of(record)))
    return found, [*skipped, *evaluations.notes()]


def run_result(record: RunRecord, evaluated: Iterable[Evaluated]) -> RunResult:
    """The results of a run that has trained: its last ones, if it has not finished.

    Args:
        record: the run.
        evaluated: results of `amlm.evaluate` of its model.
    """
    validations, evaluations = record.of_kind("validation"), record.of_kind("evaluation")
    metrics = dict(held_out_metrics(validations[-1]))
    untrained = dict(held_out_metrics(validations[0])) if validations[0]["step"] == 0 else {}
    scores = RunScores()
    year = str(flat(record.config).get("evaluation.rules", DEFAULT))
    for task, figure in (evaluations[-1] if evaluations else {}).items():
        if isinstance(figure, dict):
            scores.add(of_year(task, year), figure)
    for each in evaluated:
        scores.add_results(each)
    return RunResult(
        run=record.folder.name,
        group=str(record.config.get("choices") or record.config["name"]),
        seed=int(record.config["seed"]),
        ratio=fmean(line["realised_ratio"] for line in record.of_kind("train")),
        words_seen=record.of_kind("train")[-1]["words_seen"],
        metrics=metrics | scores.metrics,
        untrained=untrained | scores.untrained,
        intervals=scores.intervals,
        ties=scores.ties,
        items=scores.items,
        hits=scores.hits,
        options={
            **compared_options(flat(record.config)),
            "text": record.run["content"]["digest"],
        },
    )


def compared_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that decide what is trained."""
    return {name: value for name, value in options.items() if is_science(name)}


def held_out_metrics(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The metrics of a ``validation`` record by name; accuracies in per cent."""
    for name, value in record.items():
        if name == "loss":
            yield name, value
        elif name.startswith("accuracy") and value is not None:
            yield name, 100 * value
        elif isinstance(value, dict):  # by frequency and part of speech
            yield from ((f"accuracy/{each}", 100 * share) for each, share in value.items())


def write_runs(path: Path, runs: Sequence[RunResult]) -> None:
    """Writes results of runs to one JSON file; options that they share stand there once."""
    first = runs[0].options if runs else {}
    shared = {
        name: value
        for name, value in first.items()
        if all(name in run.options and run.options[name] == value for run in runs)
    }
    lines = [
        asdict(run) | {"options": {k: v for k, v in run.options.items() if k not in shared}}
        for run in runs
    ]
    write_json(path, {"version": VERSION, "options": shared, "runs": lines}, indent=1)


def load_runs(path: Path) -> list[RunResult]:
    """Reads a file that `write_runs` wrote.

    Raises:
        InputError: the file is missing, or another kind of file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["version"] == VERSION
        shared = content["options"]
        return [
            RunResult(**{**each, "options": shared | each["options"]}) for each in content["runs"]
        ]
    except FileNotFoundError:
        raise InputError(f"runs={path}: no such file") from None
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise InputError(
            f"runs={path} was not written by this version of amlm.compare: {error!r}"
        ) from error


def is_correlation(metric: str) -> bool:
    """Whether a metric is a correlation, not in per cent."""
    of_rank = metric.rpartition(": ")[2] in RANKED
    return of_rank or metric.endswith(tuple(f"({name})" for name in CORRELATIONS))
