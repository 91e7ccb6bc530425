"""All results of a model as the one file of the leaderboard, or what is still missing of it.

| key | holds |
| --- | --- |
| ``blimp``, ``blimp_supplement`` ... ``reading`` | the final model's predictions, full suite |
| ``aoa`` | surprisals of words at all checkpoints of the track |
| ``glue`` | predictions of the fine-tuned tasks, merged |
| ``fast_eval_results`` | by task the list, checkpoint after checkpoint, of ``{group: score}`` |

No model is run here: the scores of the fast suite are counted from its predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from amlm.evaluation.evaluate_options import CHECKPOINTS, Options
from amlm.evaluation.places import checkpoints, find_model
from amlm.evaluation.submission import official, sizes
from amlm.evaluation.zero_shot import reading
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.tasks import PLACE, find
from amlm.util.errors import InputError
from amlm.util.files import write_json

KEYS = {"supplement": "blimp_supplement"}  # of tasks that the leaderboard calls otherwise
# What makes a part: options of `amlm.evaluate`, to be followed by a list of tasks.
FULL, FINETUNE, FAST = "suite=full tasks", "finetune", f"revision={CHECKPOINTS} tasks"
Scores = Callable[[official.Predictions], dict[str, float]]


class Gap(NamedTuple):
    """A part that is missing: what was found at a revision, and the options that make it."""

    made_by: str
    task: str
    found: str
    revision: str


def submit(options: Options) -> Path:
    """Writes the file ``submission`` from what is in ``out``.

    Returns: the file.

    Raises:
        InputError: something is missing, or not of the size that the leaderboard wants. Says all
            of it, and which commands make it.
    """
    given = ("tasks", "finetune", "baselines")
    if any(getattr(options, name) for name in given) or options.revision != "main":
        raise InputError(
            f"submission={options.submission} evaluates nothing: leave out {', '.join(given)} and "
            "revision, and give them in a command of their own"
        )
    path = Path(str(options.submission)).expanduser()
    if path.is_dir():
        raise InputError(f"submission={path} is a folder: give a file, e.g. {path}/submission.json")
    model = find_model(options.model, "main").name
    folder = Path(options.out).expanduser() / "results" / model
    content, gaps = collate(folder, options.data_dir, options.track)
    if gaps:
        raise InputError(_refusal(options, gaps))
    write_json(path, content)
    return path


def collate(folder: Path, data_dir: str | None, track: str) -> tuple[dict[str, Any], list[Gap]]:
    """The content of the file, fit to be written if nothing is missing.

    Args:
        folder: ``results/<model>``.
        data_dir: with the items of the fast suite, for the right answers.
        track: see `amlm.evaluation.submission.sizes.MILLIONS`.

    Returns: the content, and what is missing.
    """
    gaps: list[Gap] = []

    def part(made_by: str, task: str, read: Callable[[], Any], revision: str = "main") -> Any:
        try:
            return read()
        except official.Unfit as unfit:
            gaps.append(Gap(made_by, task, str(unfit), revision))
            return {}

    main, steps = folder / "main", checkpoint_names(track)
    content: dict[str, Any] = {
        KEYS.get(name, name): part(FULL, name, partial(official.zero_shot, main, name, "full"))
        for name in sizes.FULL
    }
    content["aoa"] = part(FULL, "aoa", partial(official.surprisals, main, steps))
    content["glue"] = {}
    for name in sizes.GLUE:
        content["glue"] |= part(FINETUNE, name, partial(official.fine_tuned, main, name))
    content["fast_eval_results"] = {}
    for name in sizes.FAST:
        scores = cache(partial(_scores, data_dir, name))
        content["fast_eval_results"][KEYS.get(name, name)] = [
            part(FAST, name, partial(_fast, folder / step, name, scores), step) for step in steps
        ]
    return content, gaps


def checkpoint_names(track: str) -> list[str]:
    """The checkpoints of a track in order."""
    return [f"chck_{millions}M" for millions in sizes.MILLIONS[track]]


def _fast(folder: Path, name: str, scores: Callable[[], Scores]) -> dict[str, float]:
    predictions = official.zero_shot(folder, name, "fast")
    return scores()(predictions)


def _scores(data_dir: str | None, name: str) -> Scores:
    """What scores the predictions of a task of the fast suite against its items."""
    try:
        (found,), _ = find(data_dir, [name], "fast")
    except InputError:
        raise official.Unfit(f"no items in data_dir={data_dir} to score it against") from None
    if name == "reading":
        return partial(official.reading_scores, table=reading.Table(found.paths[0]))
    items = [item for some in items_of(found).values() for item in some]
    return partial(official.group_scores, items=items)


def _refusal(options: Options, gaps: Sequence[Gap]) -> str:
    steps = checkpoint_names(options.track)
    revisions: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        revisions.setdefault(gap[:3], []).append(gap.revision)
    lines = [f"submission={options.submission} for track={options.track} is not complete:"]
    for (made_by, task, found), names in revisions.items():
        suite = {FULL: "full suite", FAST: "fast suite", FINETUNE: "fine-tuned"}[made_by]
        lines.append(f"  {task} ({suite}) of {_in_short(names, steps)}: {found}")
    lines.append("What makes it:")
    data = options.data_dir or "<folder>"
    command = f"python -m amlm.evaluate model={options.model} data_dir={data} out={options.out}"
    for made_by in (FULL, FINETUNE, FAST):
        tasks = dict.fromkeys(gap.task for gap in gaps if gap.made_by == made_by)
        if tasks:
            lines.append(f"  {command} {made_by}=[{','.join(tasks)}]")
    there = checkpoints(options.model)
    if lacking := [name for name in steps if name not in there]:
        words = f"{sizes.MILLIONS[options.track][-1]:,} million"
        short = _in_short(lacking, steps)
        lines.append(f"  and a model trained on {words} words, for this one lacks {short}")
    if any(" predictions, not " in gap.found or " contexts, not " in gap.found for gap in gaps):
        lines.append(f"Other numbers of items mean that data_dir isn't complete. {PLACE}.")
    return "\n".join(lines)


def _in_short(names: Sequence[str], steps: Sequence[str]) -> str:
    """Names, those of three checkpoints or more in a row as ``first to last``."""
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
