"""Finds the files of the zero-shot tasks in a data folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amlm.evaluation.rules import RULES, Rules, Task
from amlm.util.errors import InputError
from amlm.util.look import is_visible

SUITES = {"fast": "fast_eval", "full": "full_eval"}  # and their folders in the release
OTHER = {"fast": "full", "full": "fast"}


@dataclass(frozen=True)
class Found:
    """A task with its files."""

    name: str
    task: Task
    paths: tuple[Path, ...]

    @property
    def folder(self) -> str:
        """The name of the folder with a ranking task's items; for other tasks, the task's name."""
        return self.paths[0].name if self.task.reader else self.name

    @property
    def files(self) -> list[Path]:
        """All its files, those of a folder in order."""
        return [
            file
            for path in self.paths
            for file in ([path] if path.is_file() else sorted(path.glob("*.jsonl")))
            if is_visible(file.name)
        ]


def find(
    rules: Rules, data_dir: str | None, names: Sequence[str], suite: str
) -> tuple[list[Found], list[str]]:
    """Finds the tasks to run, and the names of those skipped because their data is missing.

    Args:
        rules: of the year whose tasks are meant.
        data_dir: contains the folders of the tasks, or ``fast_eval`` and ``full_eval`` with them.
        names: the requested tasks; none requests all tasks of the suite whose data is found.

    Raises:
        InputError: a requested task has no data or is not a task of that year, no task has data, or
            the data is that of the other suite. Says where to get the data, or what to change.
    """
    requested = list(dict.fromkeys(names))
    for name in requested:
        if name not in rules.tasks:
            (other,) = (each for each, it in RULES.items() if name in it.tasks)
            raise InputError(f"tasks={name} is not a task of rules={rules.year}: add rules={other}")
        if suite not in rules.tasks[name].paths:
            raise InputError(f"tasks={name} is only in the full suite: add suite=full")
    if data_dir is None and set(requested) != {"sample"}:
        raise InputError(
            f"data_dir=<folder> is needed (only tasks=[sample] works without). {rules.data}."
        )
    if not requested:
        requested = [n for n, task in rules.tasks.items() if suite in task.paths and n != "sample"]
    root = Path(data_dir or ".").expanduser()
    found, missing = [], []
    for name in requested:
        task = rules.tasks[name]
        paths = _below(root, task.paths[suite], suite)
        if paths is None:
            missing.append(name)
        else:
            found.append(Found(name, task, paths))
    other = OTHER[suite]
    elsewhere = [
        name
        for name in missing
        if other in (places := rules.tasks[name].paths) and _below(root, places[other], other)
    ]
    # Some tasks have the same files in both suites.
    of_suite = [each for each in found if each.task.paths[suite] != each.task.paths.get(other)]
    if elsewhere and (names or not of_suite):
        raise InputError(
            f"data_dir={data_dir} has the {other} sets of {', '.join(elsewhere)}, not the {suite} "
            f"ones: add suite={other}, or give the folder with {SUITES[suite]}"
        )
    if missing and (names or not found):
        absent = "" if root.is_dir() else ": there is no such folder"
        layout = "\n".join(f"  {path}" for n in missing for path in _layout(rules.tasks[n], suite))
        raise InputError(
            f"data_dir={data_dir} has no data for {', '.join(missing)}{absent}. Expected in it, or "
            f"in its folder {SUITES[suite]}:\n{layout}\n{rules.data}."
        )
    return found, missing


def _layout(task: Task, suite: str) -> list[str]:
    return [f"{path}/*.jsonl" if task.reader else path for path in task.paths[suite]]


def _below(root: Path, names: tuple[str, ...], suite: str) -> tuple[Path, ...] | None:
    for folder in (root, root / SUITES[suite]):
        paths = tuple(folder / name for name in names)
        if all(
            path.is_file() or any(is_visible(each.name) for each in path.glob("*.jsonl"))
            for path in paths
        ):
            return paths
    return None
