"""The tasks, and the locations of their files in the fast and the full suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amlm.evaluation.zero_shot import items
from amlm.util.errors import InputError
from amlm.util.look import is_visible

SUITES = {"fast": "fast_eval", "full": "full_eval"}  # and their folders in the release
DATA_SOURCE = (
    "The BabyLM 2025 evaluation data are in the folder 'evaluation_data' of the OSF project ryjfm "
    "(https://osf.io/ryjfm); EWoK's sentences come from ewok-core/ewok-core-1.0 on the Hugging "
    "Face Hub, after accepting its terms, and must not be redistributed in plain text"
)


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        official: its name in the official pipeline and in result folders.
        paths: by suite, the required files relative to the data folder; the first is the main one.
        reader: reads a line of a ranking task; None for other tasks.
        mean_of: prefixes of groups whose means are averaged; empty for the mean over all groups.
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
        """The name of the folder with a ranking task's items; for other tasks, the task's name."""
        return self.paths[0].name if self.task.reader else self.name


def find(data_dir: str | None, names: Sequence[str], suite: str) -> tuple[list[Found], list[str]]:
    """Finds the tasks to run, and the names of those skipped because their data is missing.

    Args:
        data_dir: contains the folders of the tasks, or ``fast_eval`` and ``full_eval`` with them.
        names: the requested tasks; none requests all tasks of the suite whose data is found.

    Raises:
        InputError: a requested task has no data, or no task has. Says where to get the data.
    """
    requested = list(dict.fromkeys(names))
    for name in requested:
        if suite not in TASKS[name].paths:
            raise InputError(f"tasks={name} is only in the full suite: add suite=full")
    if data_dir is None and set(requested) != {"sample"}:
        raise InputError(
            f"data_dir=<folder> is needed (only tasks=[sample] works without). {DATA_SOURCE}."
        )
    if not requested:
        requested = [n for n, task in TASKS.items() if suite in task.paths and n != "sample"]
    root = Path(data_dir or ".").expanduser()
    found, missing = [], []
    for name in requested:
        task = TASKS[name]
        paths = _below(root, task.paths[suite], suite)
        if paths is None:
            missing.append(name)
        else:
            found.append(Found(name, task, paths))
    if missing and (names or not found):
        layout = "\n".join(f"  {path}" for n in missing for path in _layout(n, suite))
        raise InputError(
            f"data_dir={data_dir} has no data for {', '.join(missing)}. Expected in it, or in its "
            f"folder {SUITES[suite]}:\n{layout}\n{DATA_SOURCE}."
        )
    return found, missing


def _layout(name: str, suite: str) -> list[str]:
    ranking = TASKS[name].reader is not None
    return [f"{path}/*.jsonl" if ranking else path for path in TASKS[name].paths[suite]]


def _below(root: Path, names: tuple[str, ...], suite: str) -> tuple[Path, ...] | None:
    for folder in (root, root / SUITES[suite]):
        paths = tuple(folder / name for name in names)
        if all(
            path.is_file() or any(is_visible(each.name) for each in path.glob("*.jsonl"))
            for path in paths
        ):
            return paths
    return None
