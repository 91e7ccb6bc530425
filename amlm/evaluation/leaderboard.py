"""The leaderboard's columns and their means, from the scores of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from amlm.evaluation.anchors import Anchor
from amlm.evaluation.finetuning.glue_tasks import TASKS as GLUE
from amlm.evaluation.finetuning.outcome import differences
from amlm.evaluation.finetuning.train_task import Recipe
from amlm.evaluation.results import CORRELATIONS, SCORES_FILE, read_json
from amlm.evaluation.rules import Columns, Rules
from amlm.evaluation.submission import sizes
from amlm.evaluation.submission.official import NotSubmittable, check_counts
from amlm.util.text_table import aligned

MEANS = ("NLP", "human", "Overall")


def columns(rules: Rules, zero_shot: Mapping[str, Any], glue: Mapping[str, Any]) -> Columns:
    """The value of each column in per cent; None if a task of it is missing.

    Args:
        zero_shot, glue: the ``tasks`` of the two ``scores.json`` of a model.
    """
    official: dict[str, list[float | None]] = {"glue": [_of_glue(glue.get(name)) for name in GLUE]}
    for name, task in rules.tasks.items():
        if "full" in task.paths and name != "sample":
            official[name] = _of_report(zero_shot.get(_folder(rules, name)))
    found: dict[str, float | None] = {}
    for column, names in rules.columns.items():
        values = [value for name in names for value in official[name]]
        found[column] = _mean(values)
    return found


def _folder(rules: Rules, name: str) -> str:
    """The key of a task of the full suite in ``scores.json``."""
    task = rules.tasks[name]
    return task.paths["full"][0] if task.reader else name


def _counts(made: Mapping[str, Any], required: Mapping[str, int]) -> dict[str, int]:
    """The number of items of each group of a task in ``scores.json``."""
    if by_uid := made.get("groups", {}).get("uid"):
        return {uid.lower(): each["items"] for uid, each in by_uid.items()}
    (group,) = required
    of_whole = made if "items" in made else next(iter(made["totals"].values()))
    return {group: of_whole["items"]}


def _of_report(report: Mapping[str, Any] | None) -> list[float | None]:
    if report is None:
        return [None]
    return [
        100 * figure["official"]
        if figure["official"] is not None and metric in CORRELATIONS
        else figure["official"]
        for metric, figure in report["totals"].items()
    ]


def _of_glue(task: Mapping[str, Any] | None) -> float | None:
    if task is None:
        return None
    submitted = next(iter(task["seeds"].values()))  # predictions of the first seed
    return float(submitted[task["metric"]])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def means(rules: Rules, found: Columns) -> Columns:
    """The means of columns; None if one is missing, where the leaderboard counts each missing task,
    also one of several in a column, as 0.
    """
    nlp, human = ([found[name] for name in names] for names in (rules.nlp, rules.human))
    overall = [*nlp, *human] if human else []
    return dict(zip(MEANS, map(_mean, (nlp, human, overall)), strict=True))


def read_columns(
    folder: Path,
    rules: Rules,
    fingerprint: Callable[[bool], str],
    recipes: Mapping[str, Recipe],
    seed: int,
) -> tuple[Columns, list[str]]:
    """The columns from the results of a model at a revision, and what was left out of them: results
    of another model, by other rules, of fine-tuning with other settings, or on other numbers of
    items.

    Args:
        fingerprint: that of the model there is now, as it is scored, or with True of its encoder as
            it is fine-tuned; called only if there are results.
        recipes, seed: by task the settings of fine-tuning, and its first seed.
    """
    left_out: list[str] = []

    def tasks(place: Path, encoder: bool) -> dict[str, Any]:
        content = read_json(place / SCORES_FILE)
        if content and content.get("fingerprint") != fingerprint(encoder):
            left_out.append(f"{place / SCORES_FILE}: results of another model or backend")
        elif not encoder and content.get("rules", rules.year) != rules.year:
            left_out.append(f"{place / SCORES_FILE}: results by the rules of {content['rules']}")
        else:
            return dict(content.get("tasks", {}))
        return {}

    zero_shot, glue = tasks(folder, False), tasks(folder / "finetune", True)
    for name, made in list(glue.items()):
        if unlike := differences(made, recipes[name], seed):
            left_out.append(f"{name} (fine-tuning): {', '.join(unlike)}")
            del glue[name]
    groups = {_folder(rules, n): each for n, each in sizes.SIZES[rules.year]["full"].items()}
    parts = [(zero_shot, groups), (glue, {name: {name: n} for name, n in sizes.GLUE.items()})]
    for part, required in parts:
        for name in [each for each in required if each in part]:
            try:
                check_counts(_counts(part[name], required[name]), required[name], "items")
            except NotSubmittable as wrong:
                left_out.append(f"{name}: {wrong}")
                del part[name]
    return columns(rules, zero_shot, glue), left_out


def format_leaderboard(
    rules: Rules,
    model: Columns,
    anchors: Sequence[Anchor] = (),
    left_out: Sequence[str] = (),
) -> str:
    """A text table of the columns and means of a model, and of public systems below it; then what
    is missing, and what was left out, see `read_columns`.
    """
    names = [*rules.columns, *MEANS]
    rows = [[f"leaderboard of {rules.year}", *names]]
    systems = {"this model": model, **{each.name: each.columns for each in anchors}}
    for name, found in systems.items():
        values = {**found, **means(rules, found)}
        rows.append([name, *(_format(values[each]) for each in names)])
    lines = aligned(rows)
    if missing := [column for column, value in model.items() if value is None]:
        lines.append(
            f"missing, at least in part: {', '.join(missing)} (each missing task counts as 0 on "
            "the leaderboard)"
        )
    lines += [f"left out: {each}" for each in left_out]
    for source in dict.fromkeys(each.source for each in anchors):
        of = ", ".join(each.name for each in anchors if each.source == source)
        lines.append(f"{of}: {source}")
    return "\n".join(lines)


def _format(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
