"""The tasks: where their files lie below the data folder, in the fast and in the full suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amlm.evaluation.zero_shot import items
from amlm.util.errors import InputError

SUITES = {"fast": "fast_eval", "full": "full_eval"}  # and the release's folder of each
PLACE = (
    "The BabyLM 2025 evaluation data are in the folder 'evaluation_data' of the OSF project ryjfm "
    "(https://osf.io/ryjfm); EWoK's sentences come from ewok-core/ewok-core-1.0 on the Hugging "
    "Face Hub, after its terms are accepted, and must not be passed on in plain text"
)


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        official: its name in the official pipeline and its result folders.
        paths: by suite, the files needed below the data folder; the first says where the task is.
        reader: of the lines of a ranking task.
        mean_of: prefixes of groups whose means are averaged; empty: the mean over groups counts.
    """

    official: str
    paths: dict[str, tuple[str, ...]]
    reader: items.Reader | None = None
    mean_of: tuple[str, ...] = ()


def _both(*paths: str) -> dict[str, tuple[str, ...]]:
    return {"fast": paths, "full": paths}


def _two(fast: str, full: str) -> dict[str, tuple[str, ...]]:
    return {"fast": (fast,), "full": (full,)}


TASKS = {
    "sample": Task("sample", _both()),
    "blimp": Task("blimp", _two("blimp_fast", "blimp_filtered"), items.blimp),
    "supplement": Task("blimp", _two("supplement_fast", "supplement_filtered"), items.supplement),
    "ewok": Task("ewok", _two("ewok_fast", "ewok_filtered"), items.ewok),
    "entity_tracking": Task(
        "entity_tracking",
        _two("entity_tracking_fast", "entity_tracking"),
        items.entity_tracking,
        mean_of=("regular", "ambiref", "move_contents"),
    ),
    "wug_adj": Task("wug_adj", _both("wug_adj_nominalization"), items.wug("wug_adj")),
    "wug_past": Task("wug_past", _both("wug_past_tense"), items.wug("wug_past")),
    "comps": Task("comps", {"full": ("comps",)}, items.comps),
    "reading": Task("reading", _both("reading/reading_data.csv")),
    "aoa": Task("AoA_word", {"full": ("cdi_childes/cdi_childes.json", "aoa/cdi_human.csv")}),
}


@dataclass(frozen=True)
class Found:
    """A task with its files."""

    name: str
    task: Task
    paths: tuple[Path, ...]

    @property
    def folder(self) -> str:
        """The name of the folder of a ranking task's items, of any other task its own name."""
        return self.paths[0].name if self.task.reader else self.name


def find(data_dir: str | None, names: Sequence[str], suite: str) -> tuple[list[Found], list[str]]:
    """The tasks to be run, and the names of those that were left out because they aren't there.

    Args:
        data_dir: holds the folders of the tasks, or ``fast_eval`` and ``full_eval`` with those.
        names: the tasks wanted; none: all of the suite that are there.
        suite: ``fast`` or ``full``.

    Raises:
        InputError: a task that was asked for has no data, or none has; says where to get them.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if suite not in TASKS[name].paths:
            raise InputError(f"tasks={name} is part of the full suite only: add suite=full")
    if data_dir is None and set(wanted) != {"sample"}:
        raise InputError(f"data_dir=<folder> is needed (without it: tasks=[sample]). {PLACE}.")
    wanted = wanted or [n for n, task in TASKS.items() if suite in task.paths and n != "sample"]
    root = Path(data_dir or ".").expanduser()
    found, missing = [], []
    for name in wanted:
        task = TASKS[name]
        paths = _below(root, task.paths[suite], suite)
        if paths is None:
            missing.append(name)
        else:
            found.append(Found(name, task, paths))
    if missing and (names or not found):
        layout = "\n".join(f"  {path}" for n in missing for path in _layout(n, suite))
        raise InputError(
            f"data_dir={data_dir} has no data of {', '.join(missing)}. Expected in it, or in "
            f"{SUITES[suite]} in it:\n{layout}\n{PLACE}."
        )
    return found, missing


def _layout(name: str, suite: str) -> list[str]:
    ranking = TASKS[name].reader is not None
    return [f"{path}/*.jsonl" if ranking else path for path in TASKS[name].paths[suite]]


def _below(root: Path, names: tuple[str, ...], suite: str) -> tuple[Path, ...] | None:
    for folder in (root, root / SUITES[suite]):
        paths = tuple(folder / name for name in names)
        if all(path.is_file() or any(path.glob("*.jsonl")) for path in paths):
            return paths
    return None
