"""Checks of an evaluation before it starts, beyond the types and ranges of its options."""

from __future__ import annotations

from pathlib import Path

from amlm.evaluation.evaluate_options import CHECKPOINTS, Options
from amlm.evaluation.finetuning.glue_tasks import TASKS, find_files, read_pairs
from amlm.evaluation.places import checkpoints, find_model
from amlm.evaluation.rules import RULES
from amlm.evaluation.zero_shot.tasks import find
from amlm.util.errors import InputError


def check_options(options: Options, in_sweep: bool = False) -> None:
    """Raises InputError if model, data, text or seeds are missing, or if options contradict each
    other: all problems at once, that of the model first. No model and no items are read.
    """
    problems = []
    for check in (_check_model, _check_baselines, _check_settings, _check_data):
        try:
            check(options)
        except InputError as problem:
            problems.append(str(problem))
    if problems:
        raise InputError("\n".join(problems))


def revisions_of(options: Options) -> list[str]:
    """The revisions to evaluate; raises InputError if these are checkpoints and there are none."""
    if options.revision != CHECKPOINTS:
        return [options.revision]
    names = checkpoints(options.model)
    if not names:
        raise InputError(
            f"revision={CHECKPOINTS}: model={options.model} has no chck_1M, chck_2M ... in it, in "
            "checkpoints in it, or as branches on the Hub"
        )
    return names


def read_data(options: Options) -> None:
    """Reads all items: raises InputError for a broken line now, not hours later."""
    from amlm.evaluation.zero_shot.run_tasks import count_items

    for name, files in find_files(options.data_dir, options.finetune).items():
        for path in files.values():
            read_pairs(path, TASKS[name])
    if options.tasks or not options.finetune:
        found, _ = find(RULES[options.rules], options.data_dir, options.tasks, options.suite)
        for each in found:
            count_items(each)


def _check_model(options: Options) -> None:
    find_model(
        options.model, "main" if options.submission is not None else revisions_of(options)[0]
    )


def _check_baselines(options: Options) -> None:
    if "frequency" in options.baselines and options.frequency_text is None:
        raise InputError("baselines=[frequency] needs frequency_text=<file>, e.g. training text")
    if options.frequency_text and not Path(options.frequency_text).expanduser().is_file():
        raise InputError(f"frequency_text={options.frequency_text} is not a file")


def _check_settings(options: Options) -> None:
    if not options.seeds:
        raise InputError("seeds=[]: fine-tuning needs at least one seed, e.g. seeds=[42]")
    if options.anchors is not None and options.anchors != options.rules:
        raise InputError(
            f"anchors={options.anchors} can't be compared with scores by rules={options.rules}: "
            f"add rules={options.anchors}"
        )


def _check_data(options: Options) -> None:
    if options.submission is not None:
        return  # it lists all that lacks, and can do without
    find_files(options.data_dir, options.finetune)
    if options.tasks or not options.finetune:
        find(RULES[options.rules], options.data_dir, options.tasks, options.suite)
