"""Evaluates a model: ``python -m amlm.evaluate model=<run> data_dir=<data> out=<folder>``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from amlm.config import command_line
from amlm.config.command import Command
from amlm.evaluation.check_options import check_options, read_data, revisions_of
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.rules import RULES
from amlm.evaluation.zero_shot.tasks import Found, find
from amlm.util.errors import InputError
from amlm.util.terminal import say

if TYPE_CHECKING:
    from amlm.evaluation.figures import Report
    from amlm.evaluation.places import Source
    from amlm.evaluation.zero_shot.run_tasks import Checkpoint
    from amlm.evaluation.zero_shot.scoring import Scorer

ABOUT = """Evaluates a masked language model on the BabyLM tasks, by the rules of 2026 or of
rules=2025: zero-shot, and with finetune=[...] on (Super)GLUE. Finished work on the same model is
reused. tasks=[sample] needs no data. For the leaderboard, with model=, data_dir= and out=:
  submission=<file> track=strict-small      all that follows, if it is missing, into one file
which is
  revision=checkpoints                                     fast suite at every checkpoint
  suite=full                                               zero-shot tasks of the final model
  finetune=[boolq,mnli,mrpc,multirc,qqp,rte,wsc]           fine-tuning of the final model"""


def evaluate(options: Options) -> dict[str, dict[str, Report]]:
    """Evaluates the model zero-shot, then the baselines.

    Returns: reports by system (``model``, ``untrained``, ``frequency``) and task (the name of its
        data folder). The files are those of `amlm.evaluation.results`.

    Raises:
        InputError: model, data or options do not fit together, or a line of the data is invalid.
    """
    from amlm.evaluation import results
    from amlm.evaluation.places import find_model
    from amlm.evaluation.zero_shot.run_tasks import made_from

    found, missing = find(RULES[options.rules], options.data_dir, options.tasks, options.suite)
    source = find_model(options.model, options.revision, options.trust_remote_code)
    names: list[str] = []
    if any(each.name == "aoa" for each in found):
        try:
            names = _checkpoints_of_ages(options)
        except InputError as reason:
            if "aoa" in options.tasks:
                raise
            say(f"skipped: {reason}")
            found = [each for each in found if each.name != "aoa"]
    checkpoints = _loaders(options, names)
    if missing:
        say(f"skipped (no data found): {', '.join(missing)}")
    reports: dict[str, dict[str, Report]] = {}
    for system in ("model", *options.baselines):
        revision = options.revision if system == "model" else f"{options.revision}-{system}"
        # A baseline has no checkpoints.
        scored = [each for each in found if each.name != "aoa" or system == "model"]
        # Without a terminal, progress is shown after a minute.
        say(f"scoring {system} on {', '.join(each.folder for each in scored)}")
        folder = results.results_folder(options.out, source.name, revision)
        scorer = _scorer(options, source, system)
        about = results.about(source, revision, scorer.fingerprint) | {"rules": options.rules}
        reports[system] = {}
        for each in scored:
            origin = made_from(each, RULES[options.rules], options.tie_seed)
            report = _run(each, scorer, checkpoints, source.path, folder, options)
            reports[system][each.folder] = report
            scores = {**asdict(report), "made_from": origin}
            results.write_scores(folder, about, {each.folder: scores})
        say(f"{system}: {folder / results.SCORES_FILE}")
    say(f"\n{results.format_scores(reports)}")
    return reports


def run(options: Options) -> None:
    """Evaluates each revision that the options name, or all that a submission needs.

    Raises:
        InputError: see `evaluate`, `amlm.evaluation.finetuning.finetune.finetune` and
            `amlm.evaluation.submission.submit`; or options that don't go together.
    """
    import torch

    from amlm.evaluation.finetuning.finetune import finetune

    check_options(options)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.submission is not None:
        _submit(options)
        return
    read_data(options)
    revisions = revisions_of(options)
    for revision in revisions:
        if len(revisions) > 1:
            say(f"\n{revision}")
        each = replace(options, revision=revision)
        if each.tasks or not each.finetune:
            evaluate(each)
        if each.finetune:
            finetune(each)
            if "untrained" in each.baselines:
                say("\nuntrained")
                finetune(each, untrained=True)
    if len(revisions) == 1 and (options.suite == "full" or options.finetune or options.anchors):
        say(f"\n{_leaderboard(options)}")


def run_command(options: Options) -> None:
    """As `run`; at Ctrl-C, says what becomes of the work."""
    try:
        run(options)
    except KeyboardInterrupt:
        say("stopped; finished tasks are kept: the same command resumes")
        raise


def _submit(options: Options) -> None:
    """Writes the submission file, after evaluating what it lacks, and, for a run of `amlm.train`,
    beside it the form's fields.
    """
    from amlm.evaluation.places import find_model
    from amlm.evaluation.submission.submit import submit
    from amlm.evaluation.submission.validity import card_problems
    from amlm.publish.form import form_fields
    from amlm.training.read_run import read_run
    from amlm.training.record import LOG_FILE
    from amlm.util.files import write_json

    path = submit(options, run)
    say(f"submission: {path}")
    folder = Path(options.model).expanduser()
    if (folder / LOG_FILE).is_file():
        form = path.with_suffix(".form.json")
        fields = form_fields(read_run(folder), options.track, path)
        write_json(form, fields, indent=1)
        empty = ", ".join(name for name, value in fields.items() if value is None)
        say(f"fields of the form: {form} (yours to fill: {empty})")
    source = find_model(options.model, "main")
    if source.revision is None:  # a folder
        card = Path(source.path) / "README.md"
        for problem in card_problems(card.read_text("utf-8") if card.is_file() else None):
            say(f"before you submit: {problem}; `python -m amlm.export license=...` writes one")
    say("nothing was sent: the leaderboard also needs the model, public, on the Hugging Face Hub")


def _leaderboard(options: Options) -> str:
    from amlm.evaluation.anchors import ANCHORS
    from amlm.evaluation.finetuning.finetune import recipe_of
    from amlm.evaluation.finetuning.glue_tasks import TASKS
    from amlm.evaluation.leaderboard import format_leaderboard, read_columns
    from amlm.evaluation.places import find_model
    from amlm.evaluation.results import results_folder
    from amlm.evaluation.submission.collate import current_fingerprint

    rules, revision = RULES[options.rules], options.revision
    columns, left_out = read_columns(
        results_folder(options.out, find_model(options.model, revision).name, revision),
        rules,
        partial(current_fingerprint, options, revision),
        {name: recipe_of(options, name) for name in TASKS},
        options.seeds[0],
    )
    return format_leaderboard(rules, columns, ANCHORS.get(str(options.anchors), ()), left_out)


def _checkpoints_of_ages(options: Options) -> list[str]:
    from amlm.evaluation.places import checkpoints

    names = checkpoints(options.model) if options.revision == "main" else []
    if not names:
        raise InputError(
            f"aoa needs checkpoints chck_1M, chck_2M ... of model={options.model} (in it, in "
            "checkpoints in it, or its branches on the Hub) and revision=main"
        )
    return names


def _loaders(options: Options, names: Sequence[str]) -> list[Checkpoint]:
    from amlm.evaluation.models import load
    from amlm.evaluation.places import find_model

    sources = [find_model(options.model, name, options.trust_remote_code) for name in names]
    return [
        (
            name,
            partial(load, source, options.device, options.batch_tokens, backend=options.backend),
        )
        for name, source in zip(names, sources, strict=True)
    ]


def _scorer(options: Options, source: Source, system: str) -> Scorer:
    from amlm.evaluation.models import load, load_tokenizer
    from amlm.evaluation.zero_shot.baselines import Frequency, count_tokens

    if system == "frequency":
        assert options.frequency_text is not None, "checked before"
        tokenizer = load_tokenizer(source)
        return Frequency(tokenizer, count_tokens(tokenizer, Path(options.frequency_text)))
    return load(
        source,
        options.device,
        options.batch_tokens,
        untrained=system == "untrained",
        backend=options.backend,
    )


def _run(
    found: Found,
    scorer: Scorer,
    checkpoints: list[Checkpoint],
    model: str,
    folder: Path,
    options: Options,
) -> Report:
    from amlm.evaluation.zero_shot.run_tasks import run_aoa, run_ranking, run_reading

    rules = RULES[options.rules]
    if found.name == "aoa":
        return run_aoa(found, model, scorer, checkpoints, folder, rules)
    if found.name == "reading":
        return run_reading(found, scorer, folder)
    return run_ranking(found, scorer, folder, rules, options.tie_seed)


COMMAND = Command("amlm.evaluate", ABOUT, Options, run_command, check_options)


if __name__ == "__main__":
    command_line.run(COMMAND, sys.argv[1:])
