"""Collates all results of a model into the leaderboard's submission file, or lists what is missing.

| key | contents |
| --- | --- |
| ``blimp``, ``blimp_supplement`` ... ``reading`` | predictions of the final model, full suite |
| ``aoa_surprisals`` | surprisals of words at all checkpoints of the track |
| ``aoa`` | their score; by the rules of 2025 the surprisals themselves |
| ``glue`` | predictions of the fine-tuning tasks, merged |
| ``fast_eval_results`` | by task, a list of ``{group: score}``, one entry per checkpoint |

A part without results is null, if the user asks for that. No model is run here: the scores of the
fast suite are computed from its predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from amlm.evaluation.evaluate_options import CHECKPOINTS, Options
from amlm.evaluation.places import checkpoints, find_model
from amlm.evaluation.results import results_folder
from amlm.evaluation.rules import DEFAULT, RULES, Rules
from amlm.evaluation.submission import official, sizes
from amlm.evaluation.submission.validity import aoa_keys, violations
from amlm.evaluation.zero_shot import reading
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.tasks import find
from amlm.util.errors import InputError
from amlm.util.files import write_json
from amlm.util.terminal import say

# Options of `amlm.evaluate` that produce results, to be followed by a list of tasks.
FULL, FINETUNE, FAST = "suite=full tasks", "finetune", f"revision={CHECKPOINTS} tasks"
Scores = Callable[[official.Predictions], dict[str, float]]


class Gap(NamedTuple):
    """A missing result: what was found at a revision, and the options that produce it."""

    produced_by: str
    task: str
    found: str
    revision: str


def submit(options: Options) -> Path:
    """Writes the file ``submission`` from the results in ``out``, and returns its path.

    Raises:
        InputError: results are missing or have the wrong size, or the leaderboard would refuse the
            file. The message lists all of them and the commands that produce them.
    """
    given = ("tasks", "finetune", "baselines")
    if any(getattr(options, name) for name in given) or options.revision != "main":
        raise InputError(
            f"submission={options.submission} evaluates nothing: remove {', '.join(given)} and "
            "revision, and use them in a separate command"
        )
    path = Path(str(options.submission)).expanduser()
    if path.is_dir():
        raise InputError(f"submission={path} is a folder: give a file, e.g. {path}/submission.json")
    rules = RULES[options.rules]
    folder = results_folder(options.out, find_model(options.model, "main").name, "main").parent
    content, gaps = collate(folder, rules, options.backend, options.data_dir, options.track)
    if gaps and not options.allow_missing:
        raise InputError(_refusal(options, gaps))
    if problems := violations(content, rules, options.track):
        lines = "\n".join(f"  {each}" for each in problems)
        raise InputError(
            f"submission={options.submission} would be refused by the leaderboard:\n{lines}\n"
            f"Remove the files of these tasks in {folder} and evaluate them again"
        )
    if gaps:
        lines = "\n".join(_listed(gaps, checkpoint_names(options.track)))
        say(f"written as null, which counts as 0:\n{lines}")
    write_json(path, content)
    return path


def collate(
    folder: Path, rules: Rules, backend: str, data_dir: str | None, track: str
) -> tuple[dict[str, Any], list[Gap]]:
    """The content of the submission file from a folder ``results/<model>``, and what is missing and
    therefore null.

    The correct answers are from the data of the fast suite, ``data_dir``.
    """
    gaps: list[Gap] = []

    def read_or_note(
        produced_by: str, task: str, read: Callable[[], Any], revision: str = "main"
    ) -> Any:
        try:
            return read()
        except official.NotSubmittable as reason:
            gaps.append(Gap(produced_by, task, str(reason), revision))
            return None

    main, steps = folder / "main", checkpoint_names(track)
    content: dict[str, Any] = {
        rules.tasks[name].key or name: read_or_note(
            FULL, name, partial(official.zero_shot, main, rules, backend, name, "full")
        )
        for name in sizes.SIZES[rules.year]["full"]
    }
    age = partial(official.age_of_acquisition, main, rules, backend, steps)
    content |= read_or_note(FULL, "aoa", age) or dict.fromkeys(aoa_keys(rules))
    glue: dict[str, Any] = {}
    for name in sizes.GLUE:
        read = partial(official.fine_tuned, main, name)
        glue |= read_or_note(FINETUNE, name, read) or {name: None}
    content["glue"] = glue if any(glue.values()) else None
    content["fast_eval_results"] = {}
    for name in sizes.SIZES[rules.year]["fast"]:
        scorer = cache(partial(_fast_scorer, rules, data_dir, name))
        content["fast_eval_results"][rules.tasks[name].key or name] = [
            read_or_note(
                FAST, name, partial(_fast_scores, folder / step, rules, backend, name, scorer), step
            )
            for step in steps
        ]
    return content, gaps


def checkpoint_names(track: str) -> list[str]:
    """The checkpoints of a track in order."""
    return [f"chck_{millions}M" for millions in sizes.MILLIONS[track]]


def _fast_scores(
    folder: Path, rules: Rules, backend: str, name: str, scorer: Callable[[], Scores]
) -> dict[str, float]:
    predictions = official.zero_shot(folder, rules, backend, name, "fast")
    return scorer()(predictions)


def _fast_scorer(rules: Rules, data_dir: str | None, name: str) -> Scores:
    """The function that scores predictions of a task of the fast suite against its items."""
    try:
        (found,), _ = find(rules, data_dir, [name], "fast")
    except InputError:
        raise official.NotSubmittable(f"no items in data_dir={data_dir} to score with") from None
    if name == "reading":
        return partial(official.reading_scores, data=reading.ReadingTimes(found.paths[0]))
    items = [item for of_file in items_of(found).values() for item in of_file]
    return partial(official.group_scores, items=items)


def _listed(gaps: Sequence[Gap], steps: Sequence[str]) -> list[str]:
    revisions: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        revisions.setdefault(gap[:3], []).append(gap.revision)
    suites = {FULL: "full suite", FAST: "fast suite", FINETUNE: "fine-tuning"}
    return [
        f"  {task} ({suites[produced_by]}) at {_abbreviate(names, steps)}: {found}"
        for (produced_by, task, found), names in revisions.items()
    ]


def _refusal(options: Options, gaps: Sequence[Gap]) -> str:
    steps = checkpoint_names(options.track)
    lines = [
        f"submission={options.submission} for track={options.track} is incomplete:",
        *_listed(gaps, steps),
        "To produce it, or give allow_missing=true to write null for these:",
    ]
    data = options.data_dir or "<folder>"
    command = f"python -m amlm.evaluate model={options.model} data_dir={data} out={options.out}"
    if options.rules != DEFAULT:
        command += f" rules={options.rules}"
    if options.backend != Options.backend:
        command += f" backend={options.backend}"
    if options.trust_remote_code:
        command += " trust_remote_code=true"
    for produced_by in (FULL, FINETUNE, FAST):
        tasks = dict.fromkeys(gap.task for gap in gaps if gap.produced_by == produced_by)
        if tasks:
            lines.append(f"  {command} {produced_by}=[{','.join(tasks)}]")
    existing = checkpoints(options.model)
    if missing := [name for name in steps if name not in existing]:
        words = f"{sizes.MILLIONS[options.track][-1]:,} million"
        short = _abbreviate(missing, steps)
        lines.append(f"  with a model trained on {words} words, because this one lacks {short}")
    if any(" predictions, not " in gap.found or " contexts, not " in gap.found for gap in gaps):
        source = RULES[options.rules].data
        lines.append(f"Wrong numbers of items mean that data_dir is incomplete. {source}.")
    return "\n".join(lines)


def _abbreviate(names: Sequence[str], steps: Sequence[str]) -> str:
    """Lists names; three or more consecutive checkpoints become ``first to last``."""
    if list(names) == list(steps):
        return f"all {len(steps)} checkpoints"
    rows: list[list[str]] = []
    for name in names:
        before = steps[steps.index(name) - 1] if name in steps[1:] else None
        if rows and rows[-1][-1] == before:
            rows[-1].append(name)
        else:
            rows.append([name])
    return ", ".join(f"{row[0]} to {row[-1]}" if len(row) > 2 else ", ".join(row) for row in rows)
