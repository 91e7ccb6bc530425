"""From a model to the leaderboard's submission file: evaluates what lacks, collates, checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.places import find_model
from amlm.evaluation.results import results_folder
from amlm.evaluation.rules import RULES
from amlm.evaluation.submission.collate import (
    FAST,
    FINETUNE,
    FULL,
    Gap,
    changed_models,
    checkpoint_names,
    collate,
)
from amlm.evaluation.submission.forecast import Forecast
from amlm.evaluation.submission.plan import abbreviate, blocked, steps
from amlm.evaluation.submission.validity import TOO_LONG, violations
from amlm.util.errors import InputError
from amlm.util.files import write_json
from amlm.util.progress_bar import progress_bar
from amlm.util.terminal import duration, say
from amlm.util.text_table import aligned


def submit(options: Options, evaluate: Callable[[Options], None]) -> Path:
    """Evaluates all that the results in ``out`` lack, after a forecast of the time, then writes the
    file ``submission`` and returns its path.

    Args:
        options: those of the command.
        evaluate: runs the command with other options.

    Raises:
        InputError: data or checkpoints are missing, predictions have the wrong number, or the
            leaderboard would refuse the file. The message lists all of them.
    """
    given = ("tasks", "finetune", "baselines")
    if any(getattr(options, name) for name in given) or options.revision != "main":
        raise InputError(
            f"submission={options.submission} chooses what to evaluate: remove {', '.join(given)} "
            "and revision, or use them in a separate command"
        )
    path = Path(str(options.submission)).expanduser()
    if path.is_dir():
        raise InputError(f"submission={path} is a folder: give a file, e.g. {path}/submission.json")
    rules = RULES[options.rules]
    folder = results_folder(options.out, find_model(options.model, "main").name, "main").parent
    content, gaps = collate(options, folder, changed_models(options, folder))
    stuck, reasons = blocked(options, gaps)
    if stuck and not options.allow_missing:
        raise InputError(_refusal(options, stuck, reasons))
    if stuck:
        say(_incomplete(options, stuck, reasons))
        say("The rest is evaluated, and null written for these.")
    if todo := steps(options, [gap for gap in gaps if gap not in stuck]):
        _announce(options, todo)
        for number, step in enumerate(todo, start=1):
            say(f"\n{number} of {len(todo)}: {', '.join(step.tasks or step.finetune)} at "
                f"{step.revision}")  # fmt: skip
            evaluate(step)
        content, gaps = collate(options, folder, changed_models(options, folder))
    if gaps and not options.allow_missing:
        raise InputError(_refusal(options, gaps, []))
    if problems := violations(content, rules, options.track):
        lines = "\n".join(f"  {each}" for each in problems)
        advice = f"Remove the files of these tasks in {folder} and repeat the command"
        if any(TOO_LONG in each for each in problems):
            advice += (
                ". What is too long for the model stays so: correct model_max_length in its "
                "tokenizer_config.json if it can take more tokens; else it can't be submitted"
            )
        refused = f"submission={options.submission} would be refused by the leaderboard"
        raise InputError(f"{refused}:\n{lines}\n{advice}")
    if gaps:
        lines = "\n".join(_listed(gaps, checkpoint_names(options.track)))
        say(f"written as null, which counts as 0:\n{lines}")
    write_json(path, content)
    return path


def _announce(options: Options, todo: Sequence[Options]) -> None:
    """Says what will be evaluated, and how long that takes."""
    say("measuring the speed of a small share of each task ...")
    forecast = Forecast(options)
    rows = {FAST: 0.0, FULL: 0.0, FINETUNE: 0.0}
    names: dict[str, dict[str, None]] = {kind: {} for kind in rows}
    for step in progress_bar(todo, desc="measuring", unit=" evaluations"):
        kind = FINETUNE if step.finetune else FULL if step.suite == "full" else FAST
        rows[kind] += forecast.seconds(step)
        names[kind] |= dict.fromkeys(step.tasks or step.finetune)
    fast = sum(step.revision != "main" for step in todo)
    shown = {FAST: f"{FAST} at {fast} checkpoints", FULL: FULL, FINETUNE: FINETUNE}
    times = [
        (f"  {shown[kind]}: {', '.join(names[kind])}", rows[kind]) for kind in rows if names[kind]
    ]
    times.append(("  in total about", sum(rows.values())))
    table = aligned([[what, duration(max(seconds, 1))] for what, seconds in times])
    say("\n".join([f"to be evaluated for submission={options.submission}:", *table]))
    say("Finished tasks are kept if this is stopped: the same command resumes.")


def _listed(gaps: Sequence[Gap], steps: Sequence[str]) -> list[str]:
    """A line for all tasks of which the same was found at the same revisions."""
    revisions: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        revisions.setdefault(gap[:3], []).append(gap.revision)
    tasks: dict[tuple[str, str, str], list[str]] = {}
    for (produced_by, task, found), names in revisions.items():
        tasks.setdefault((produced_by, abbreviate(names, steps), found), []).append(task)
    return [
        f"  {', '.join(names)} ({produced_by}) at {where}: {found}"
        for (produced_by, where, found), names in tasks.items()
    ]


def _incomplete(options: Options, gaps: Sequence[Gap], reasons: Sequence[str]) -> str:
    """What is missing, and why."""
    lines = [
        f"submission={options.submission} for track={options.track} would be incomplete:",
        *reasons,
    ]
    if any(" predictions, not " in gap.found or " contexts, not " in gap.found for gap in gaps):
        source = RULES[options.rules].data
        lines.append(f"Wrong numbers of items mean that data_dir is incomplete. {source}.")
    return "\n".join([*lines, "Missing:", *_listed(gaps, checkpoint_names(options.track))])


def _refusal(options: Options, gaps: Sequence[Gap], reasons: Sequence[str]) -> str:
    advice = "With allow_missing=true the rest is evaluated, and null written for these."
    return f"{_incomplete(options, gaps, reasons)}\n{advice}"
