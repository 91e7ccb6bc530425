"""Evaluates a model zero-shot: ``python -m amlm.evaluate model=<run> data_dir=<data> out=...``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from amlm import commands
from amlm.config import option
from amlm.errors import InputError
from amlm.evaluation.tasks import TASKS, Found, find

if TYPE_CHECKING:
    from amlm.evaluation.figures import Report
    from amlm.evaluation.models import Source
    from amlm.evaluation.scoring import Scorer
    from amlm.evaluation.zero_shot import Checkpoint

ABOUT = """Scores a masked language model on the zero-shot tasks of the BabyLM 2025 evaluation. What
was done before with the same model is not done again. tasks=[sample] needs no data."""


@dataclass
class Options:
    model: str = option(
        commands.NEEDED, "a run folder, a folder in Hugging Face format, or a name on its Hub"
    )
    out: str = option(commands.NEEDED, "folder for results/<model>/<revision>/...")
    data_dir: str | None = option(None, "folder with the tasks' folders (evaluation_data)")
    tasks: list[str] = option(
        [], "which tasks; none given: all that are there", choices=tuple(TASKS)
    )
    suite: str = option("fast", "the official selection of items", choices=("fast", "full"))
    revision: str = option("main", "main, or a checkpoint of the run, e.g. chck_10M")
    baselines: list[str] = option(
        [],
        "also the same model with random weights; token frequency in frequency_text",
        choices=("untrained", "frequency"),
    )
    frequency_text: str | None = option(None, "text file that the frequency baseline counts")
    device: str = option("auto", "auto is a GPU if there is one", choices=("auto", "cpu", "cuda"))
    batch_tokens: int = option(4_096, "tokens of a batch; memory grows with it", ge=1)


def evaluate(options: Options) -> dict[str, dict[str, Report]]:
    """Evaluates the model, then the baselines.

    Returns: reports by system (``model``, ``untrained``, ``frequency``) and task (the name of its
        data folder). The files are those of `amlm.evaluation.results`.

    Raises:
        InputError: model, data or options don't fit; a line of the data is broken.
    """
    from amlm.evaluation import results
    from amlm.evaluation.models import find_model

    if "frequency" in options.baselines and options.frequency_text is None:
        raise InputError("baselines=[frequency] needs frequency_text=<file>, e.g. training text")
    found, missing = find(options.data_dir, options.tasks, options.suite)
    source = find_model(options.model, options.revision)
    checkpoints = _checkpoints(options)
    if not checkpoints and any(each.name == "aoa" for each in found):
        if "aoa" in options.tasks:
            raise InputError(
                f"tasks=aoa needs checkpoints chck_1M, chck_2M ... of model={options.model} "
                "(in it, or in checkpoints in it) and revision=main"
            )
        found, missing = [each for each in found if each.name != "aoa"], [*missing, "aoa"]
    if missing:
        say(f"left out, for there is nothing of it: {', '.join(missing)}")
    reports: dict[str, dict[str, Report]] = {}
    for system in ("model", *options.baselines):
        revision = options.revision if system == "model" else f"{options.revision}-{system}"
        folder = results.results_folder(options.out, source.name, revision)
        scorer = _scorer(options, source, system)
        about = {"model": source.path, "revision": revision, "fingerprint": scorer.fingerprint}
        reports[system] = {}
        for each in found:
            if each.name == "aoa" and system != "model":
                continue  # a baseline has no checkpoints
            report = _run(each, scorer, checkpoints, source.path, folder)
            reports[system][each.folder] = report
            results.write_scores(folder, about, {each.folder: report})
        say(f"{system}: {folder / results.SCORES_FILE}")
    say(f"\n{results.table(reports)}")
    return reports


def _checkpoints(options: Options) -> list[Checkpoint]:
    from amlm.evaluation.models import checkpoints, find_model, load

    names = checkpoints(options.model) if options.revision == "main" else []
    return [
        (n, partial(load, find_model(options.model, n), options.device, options.batch_tokens))
        for n in names
    ]


def _scorer(options: Options, source: Source, system: str) -> Scorer:
    from amlm.evaluation.baselines import Frequency, count_tokens
    from amlm.evaluation.models import load, load_tokenizer

    if system == "frequency":
        assert options.frequency_text is not None, "checked before"
        tokenizer = load_tokenizer(source)
        return Frequency(tokenizer, count_tokens(tokenizer, Path(options.frequency_text)))
    return load(source, options.device, options.batch_tokens, untrained=system == "untrained")


def _run(
    found: Found, scorer: Scorer, checkpoints: list[Checkpoint], model: str, folder: Path
) -> Report:
    from amlm.evaluation.zero_shot import run_aoa, run_ranking, run_reading

    if found.name == "aoa":
        return run_aoa(found, model, checkpoints, folder)
    return (run_reading if found.name == "reading" else run_ranking)(found, scorer, folder)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    commands.run("amlm.evaluate", ABOUT, Options, evaluate, sys.argv[1:])


if __name__ == "__main__":
    main()
