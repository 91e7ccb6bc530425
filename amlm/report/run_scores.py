"""Scores of runs: which results of `amlm.evaluate` are of a run's final model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlm.evaluation.results import SCORES_FILE
from amlm.evaluation.rules import DEFAULT
from amlm.publish.run_models import FINAL, RunRecord
from amlm.util.errors import InputError

UNTRAINED = f"{FINAL}-untrained"  # it with random weights, see `amlm.evaluation.results`


@dataclass(frozen=True)
class Evaluated:
    """A file of results: where it lies, and its content."""

    path: Path
    content: Mapping[str, Any]

    def is_of(self, run: Path) -> bool:
        """Whether it is of the final model of a run. A file in the folder of a run that was moved
        names the place where the model was."""
        model = Path(self.content["model"])
        if model.name != "hf" or self.content["revision"] not in (FINAL, UNTRAINED):
            return False
        inside = self.path.resolve().is_relative_to(run.resolve())
        return model.parent.resolve() == run.resolve() or (inside and not model.exists())

    def is_of_another_start(self, started: str) -> bool:
        """Whether the run was trained anew since."""
        return self.content.get("run") not in (None, started)


class Evaluations:
    """All results in some folders, and in run folders.

    Raises:
        InputError: one of them is not a folder, or has an invalid file.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self.given: dict[str, list[Evaluated]] = {}
        for each in folders:
            folder = Path(each).expanduser()
            if not folder.is_dir():
                raise InputError(f"results={each} is not a folder")
            self.given[each] = list(_below(folder))
        self.used: set[Path] = set()
        self.outdated: list[str] = []

    def of(self, record: RunRecord) -> list[Evaluated]:
        """Those of the final model of a run, its own folder's last."""
        every = [each for files in self.given.values() for each in files]
        found = [each for each in [*every, *_below(record.folder)] if each.is_of(record.folder)]
        self.used |= {each.path for each in found}
        valid = []
        for each in found:
            if each.is_of_another_start(record.run["started"]):
                self.outdated.append(
                    f"skipped {each.path}: {record.folder} was trained anew since; evaluate its "
                    "model again"
                )
            else:
                valid.append(each)
        return valid

    def notes(self) -> list[str]:
        """A line for each file that is outdated, and for each folder without anything of a run."""
        return self.outdated + [
            f"skipped results={folder}: "
            + (
                "none of its results is of the final model of one of these runs"
                if files
                else f"no {SCORES_FILE} in it"
            )
            for folder, files in self.given.items()
            if not self.used & {each.path for each in files}
        ]


def _below(folder: Path) -> Iterator[Evaluated]:
    for path in sorted(folder.rglob(SCORES_FILE)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            _ = content["model"], content["revision"], content["tasks"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} was not written by this version of amlm.evaluate ({error!r}): repeat its "
                "command, which reuses what is finished, or remove the file"
            ) from error
        yield Evaluated(path, content)


@dataclass
class RunScores:
    """The scores of a run; for the attributes see `amlm.report.runs.RunResult`."""

    metrics: dict[str, float] = field(default_factory=dict)
    untrained: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, list[float]] = field(default_factory=dict)
    ties: dict[str, float] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    hits: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, figure: Mapping[str, Any], hits: Any = None) -> None:
        """Adds a score, in place of an earlier one of that name; one that is undefined is none."""
        if figure["score"] is None:
            return
        for values in (self.intervals, self.ties, self.items, self.hits):
            values.pop(name, None)
        self.metrics[name] = figure["score"]
        if figure.get("low") is not None and figure.get("high") is not None:
            self.intervals[name] = [figure["low"], figure["high"]]
        if figure.get("ties") is not None:
            self.ties[name] = figure["ties"]
        if figure.get("items") is not None:
            self.items[name] = figure["items"]
        if hits:
            self.hits[name] = hits

    def add_results(self, file: Evaluated) -> None:
        """Adds all scores of a file."""
        for task, report in file.content["tasks"].items():
            for measure, figure in report["totals"].items():
                accuracy = measure == "accuracy"
                # Fine-tuning has no rules of its own.
                year = file.content.get("rules", DEFAULT)
                name = of_year(task if accuracy else f"{task} ({measure})", year)
                if file.content["revision"] == FINAL:
                    self.add(name, figure, report.get("hits") if accuracy else None)
                elif figure["score"] is not None:
                    self.untrained[name] = figure["score"]


def of_year(task: str, year: str) -> str:
    """The name of a score by the rules of a year: scores of two years do not compare."""
    return task if year == DEFAULT else f"{year}: {task}"
