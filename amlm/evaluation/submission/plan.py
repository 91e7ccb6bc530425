"""What is to be evaluated for a submission, and what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning.glue_tasks import TASKS, find_files, read_pairs
from amlm.evaluation.places import checkpoints
from amlm.evaluation.rules import RULES
from amlm.evaluation.submission import sizes
from amlm.evaluation.submission.collate import FAST, FINETUNE, FULL, Gap, checkpoint_names
from amlm.evaluation.submission.official import NotSubmittable, check_counts
from amlm.evaluation.zero_shot.run_tasks import count_items
from amlm.evaluation.zero_shot.tasks import SUITES as FOLDERS
from amlm.evaluation.zero_shot.tasks import Found, find
from amlm.util.errors import InputError

SUITES = {FULL: "full", FAST: "fast"}


def steps(options: Options, gaps: Sequence[Gap]) -> list[Options]:
    """The evaluations that fill the gaps: the fast suite at every checkpoint, the full suite, and
    fine-tuning. Each is given by the options of `amlm.evaluate`.
    """

    def tasks(produced_by: str, revision: str) -> list[str]:
        key = produced_by, revision
        return [gap.task for gap in gaps if (gap.produced_by, gap.revision) == key]

    base = replace(options, submission=None, anchors=None, tasks=[], finetune=[])
    fast = [
        replace(base, suite="fast", revision=revision, tasks=tasks(FAST, revision))
        for revision in checkpoint_names(options.track)
    ]
    full = replace(base, suite="full", tasks=tasks(FULL, "main"))
    tuned = replace(base, finetune=tasks(FINETUNE, "main"))
    return [each for each in (*fast, full, tuned) if each.tasks or each.finetune]


def blocked(options: Options, gaps: Sequence[Gap]) -> tuple[list[Gap], list[str]]:
    """The gaps that cannot be filled, and why: checkpoints or data that are not there."""
    required = checkpoint_names(options.track)
    # A model in the Hub's cache needs no connection where nothing is evaluated at checkpoints.
    at_checkpoints = any(gap.revision != "main" or gap.task == "aoa" for gap in gaps)
    existing = checkpoints(options.model) if at_checkpoints else required
    problems = {key: _problem(options, *key) for key in dict.fromkeys(gap[:2] for gap in gaps)}
    without_data = [gap for gap in gaps if problems[gap[:2]]]
    without_model = [
        gap
        for gap in gaps
        if gap.revision not in ("main", *existing) or (gap.task == "aoa" and existing != required)
    ]
    reasons = list(dict.fromkeys(filter(None, problems.values())))
    if reasons:
        reasons.append(f"{RULES[options.rules].data}.")
    absent = [name for name in required if name not in existing]
    if without_model and absent:
        words = required[-1].removeprefix("chck_").removesuffix("M")
        reasons.append(
            f"model={options.model} lacks {abbreviate(absent, required)}: train it on {words} "
            "million words"
        )
    elif without_model:
        more = [name for name in existing if name not in required]
        reasons.append(
            f"age of acquisition is submitted at the checkpoints of track={options.track}, but "
            f"model={options.model} also has {', '.join(more)}: move them elsewhere"
        )
    return [gap for gap in gaps if gap in without_data or gap in without_model], reasons


def _problem(options: Options, produced_by: str, task: str) -> str | None:
    """What is wrong with the data of a task: it is missing, or has other numbers of items."""
    rules, place = RULES[options.rules], f"data_dir={options.data_dir}"
    if options.data_dir is not None and not Path(options.data_dir).expanduser().is_dir():
        return f"{place}: there is no such folder"
    tuned = produced_by == FINETUNE
    suite = "full" if tuned else SUITES[produced_by]
    name = f"glue_filtered/{task}.*.jsonl" if tuned else rules.tasks[task].paths[suite][0]
    try:
        found = (
            find_files(options.data_dir, [task])[task]["valid"]
            if tuned
            else find(rules, options.data_dir, [task], suite)[0][0]
        )
    except InputError as error:
        missing = f"{place} has no {name}, in it or in its folder {FOLDERS[suite]}"
        return str(error) if options.data_dir is None else missing
    try:
        if isinstance(found, Found):
            wanted = {"aoa": {"aoa": sizes.CONTEXTS}, **sizes.SIZES[rules.year][suite]}[task]
            check_counts(count_items(found), wanted, "items")
        else:
            count = {task: len(read_pairs(found, TASKS[task]))}
            check_counts(count, {task: sizes.GLUE[task]}, "items")
    except InputError as error:
        return str(error)
    except NotSubmittable as wrong:
        return f"{place} is incomplete, {task} ({produced_by}): {wrong}"
    return None


def abbreviate(names: Sequence[str], of: Sequence[str]) -> str:
    """Lists checkpoints; three or more consecutive ones become ``first to last``."""
    if list(names) == list(of):
        return f"all {len(of)} checkpoints"
    rows: list[list[str]] = []
    for name in names:
        before = of[of.index(name) - 1] if name in of[1:] else None
        if rows and rows[-1][-1] == before:
            rows[-1].append(name)
        else:
            rows.append([name])
    return ", ".join(f"{row[0]} to {row[-1]}" if len(row) > 2 else ", ".join(row) for row in rows)
