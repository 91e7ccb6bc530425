"""Exports the models of a run for plain `transformers`: ``python -m amlm.export run=<folder> ...``.

It writes ``<out>/main`` and one ``<out>/chck_<n>M`` per word checkpoint: ``DebertaV2ForMaskedLM``
in safetensors, a fast tokenizer and a model card. ``push=user/name`` uploads each as a branch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from amlm.config.command import Command
from amlm.config.command_line import run
from amlm.config.options import NEEDED, option
from amlm.util.errors import InputError
from amlm.util.hub import hub
from amlm.util.progress_bar import progress_bar
from amlm.util.terminal import say

ABOUT = "Writes the models of a run as folders that plain transformers loads, with model cards."


@dataclass
class ExportOptions:
    run: str = option(NEEDED, "folder of a run of amlm.train")
    out: str = option(NEEDED, "folder to write main, chck_1M, chck_2M ... into")
    results: str | None = option(
        None, "folder with results of amlm.evaluate for the cards; null looks in the run folder"
    )
    license: str | None = option(
        None, "licence of the weights, as the Hugging Face Hub spells it; null states none"
    )
    language: str | None = option(
        None, "language of the text, as an ISO 639 code, e.g. en; null states none"
    )
    push: str | None = option(
        None,
        "Hub repository user/name to upload to, a branch per model; it must be empty or hold an "
        "earlier export of the run; null uploads nothing",
    )
    private: bool = option(False, "whether a repository that push makes is private")


def export(options: ExportOptions) -> list[Path]:
    """Writes the models of a run, and uploads them if asked to.

    Returns: the folders, word checkpoints in order and ``main`` last.

    Raises:
        InputError: no run, no model yet, a broken model, an output folder of something else, or
            a Hub that cannot be reached or a repository of something else.
    """
    from amlm.publish.card import LICENSE_ADVICE, find_scores, model_card
    from amlm.publish.folders import claim_output, write_models
    from amlm.publish.push import check_push, push
    from amlm.publish.run_models import FINAL, check_model, run_models
    from amlm.training.read_run import read_run

    folder, out = Path(options.run).expanduser(), Path(options.out).expanduser()
    api = hub()
    if options.push:
        check_push(options.push, api)
    record = read_run(folder)
    results = Path(options.results).expanduser() if options.results else folder
    if not results.is_dir():
        raise InputError(f"results={results} is no folder")
    models = run_models(record)
    claim_output(out, record)
    checked = progress_bar(models, desc="checking", unit=" models")
    scores = {each.name: find_scores(results, check_model(each.folder)) for each in checked}
    if options.results and not any(scores.values()):
        say(f"results={results} has no scores of these models: the cards have none")
    cards = {
        model.name: model_card(
            model,
            models,
            record,
            scores[model.name],
            address=options.push or f"{out.name}/{model.name}",
            license=options.license,
            language=options.language,
        )
        for model in models
    }
    written = write_models(out, models, cards, record)
    for model, path in zip(models, written, strict=True):
        say(f"wrote    {path}: {model.step:,} steps, {model.words_seen:,} words seen")
    if not options.license:
        say(f"the cards state no licence: {LICENSE_ADVICE}")
    if models[-1].name != FINAL:
        say("the run has not finished: there is no main yet, its word checkpoints alone")
    if options.push:
        push(written, options.push, api, private=options.private, say=say)
    return written


COMMAND = Command("amlm.export", ABOUT, ExportOptions, export)


if __name__ == "__main__":
    run(COMMAND, sys.argv[1:])
