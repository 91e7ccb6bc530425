"""Collates the results of a model into the content of the leaderboard's submission file.

| key | contents |
| --- | --- |
| ``blimp``, ``blimp_supplement`` ... ``reading`` | predictions of the final model, full suite |
| ``aoa_surprisals`` | surprisals of words at all checkpoints of the track |
| ``aoa`` | their score; by the rules of 2025 the surprisals themselves |
| ``glue`` | predictions of the fine-tuning tasks, merged |
| ``fast_eval_results`` | by task, a list of ``{group: score}``, one entry per checkpoint |

A part without results is null. No model is run here: the scores of the fast suite are computed from
its predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning.finetune import recipe_of
from amlm.evaluation.finetuning.glue_tasks import TASKS, find_files, read_pairs
from amlm.evaluation.fingerprint import fingerprint
from amlm.evaluation.models import UNUSED, load, load_encoder
from amlm.evaluation.places import find_model
from amlm.evaluation.results import AOA_MODELS, SCORES_FILE, digest, read_json
from amlm.evaluation.rules import RULES, Rules
from amlm.evaluation.submission import official, sizes
from amlm.evaluation.submission.validity import aoa_keys
from amlm.evaluation.zero_shot import reading
from amlm.evaluation.zero_shot.run_tasks import items_of, made_from
from amlm.evaluation.zero_shot.tasks import find
from amlm.text.readers.hub_datasets import HUB
from amlm.util.errors import InputError
from amlm.util.progress_bar import progress_bar

FULL, FAST, FINETUNE = "full suite", "fast suite", "fine-tuning"  # what produces a result
AGE = "age of acquisition"
Scores = Callable[[official.Predictions], dict[str, float]]


class Gap(NamedTuple):
    """A missing result: what produces it, its task, what was found, and at which revision."""

    produced_by: str
    task: str
    found: str
    revision: str


def collate(
    options: Options, folder: Path, changed: Collection[tuple[str, str]] = ()
) -> tuple[dict[str, Any], list[Gap]]:
    """The content of the submission file from a folder ``results/<model>``, and what is missing and
    therefore null.

    The correct answers are from the data of the fast suite, ``data_dir``.

    Args:
        changed: results to leave out, see `changed_models`.
    """
    gaps: list[Gap] = []
    rules = RULES[options.rules]

    def read_or_note(
        produced_by: str, task: str, read: Callable[[], Any], revision: str = "main"
    ) -> Any:
        made = {(revision, FINETUNE if produced_by == FINETUNE else "")}
        if task == "aoa":
            made |= {(each, AGE) for each in steps}
        try:
            if not made.isdisjoint(changed):
                raise official.NotSubmittable("results of another model than this one")
            return read()
        except official.NotSubmittable as reason:
            gaps.append(Gap(produced_by, task, str(reason), revision))
            return None

    @cache
    def origin(name: str, suite: str) -> str | None:
        """What predictions would be made from now; None without data."""
        try:
            (found,), _ = find(rules, options.data_dir, [name], suite)
        except InputError:
            return None
        return made_from(found, rules, options.tie_seed)

    main, steps = folder / "main", checkpoint_names(options.track)
    content: dict[str, Any] = {
        rules.tasks[name].key or name: read_or_note(
            FULL,
            name,
            partial(
                official.zero_shot, main, rules, options.backend, name, "full", origin(name, "full")
            ),
        )
        for name in sizes.SIZES[rules.year]["full"]
    }
    age = partial(
        official.age_of_acquisition, main, rules, options.backend, steps, origin("aoa", "full")
    )
    content |= read_or_note(FULL, "aoa", age) or dict.fromkeys(aoa_keys(rules))
    glue: dict[str, Any] = {}
    for name in sizes.GLUE:
        read = partial(
            official.fine_tuned, main, name, recipe_of(options, name), options.seeds[0],
            partial(_digest_of_pairs, options, name),
        )  # fmt: skip
        glue |= read_or_note(FINETUNE, name, read) or {name: None}
    content["glue"] = glue if any(glue.values()) else None
    content["fast_eval_results"] = {}
    for name in sizes.SIZES[rules.year]["fast"]:
        scorer = cache(partial(_fast_scorer, rules, options.data_dir, name))
        content["fast_eval_results"][rules.tasks[name].key or name] = [
            read_or_note(
                FAST,
                name,
                partial(
                    _fast_scores,
                    folder / step,
                    rules,
                    options.backend,
                    name,
                    origin(name, "fast"),
                    scorer,
                ),
                step,
            )
            for step in steps
        ]
    return content, gaps


def checkpoint_names(track: str) -> list[str]:
    """The checkpoints of a track in order."""
    return [f"chck_{millions}M" for millions in sizes.MILLIONS[track]]


def changed_models(options: Options, folder: Path) -> set[tuple[str, str]]:
    """Revisions whose results in ``results/<model>`` are of another model than the one that is
    there now, each with `FINETUNE`, `AGE`, or ``""`` for other zero-shot results.

    Each model is loaded for that. Where none can be loaded any more, its results count, unless they
    name another model of the Hub.
    """
    found = set()
    aged = read_json(folder / "main" / AOA_MODELS)
    revisions = ["main", *checkpoint_names(options.track)]
    for revision in progress_bar(revisions, desc="whose results are there", unit=" models"):
        place = folder / revision
        made_by = {
            "": read_json(place / SCORES_FILE).get("fingerprint"),
            FINETUNE: read_json(place / "finetune" / SCORES_FILE).get("fingerprint"),
            AGE: aged.get(revision),
        }
        now = cache(partial(current_fingerprint, options, revision))
        try:
            found |= {
                (revision, kind)
                for kind, before in made_by.items()
                if before is not None and now(kind == FINETUNE) != before
            }
        except InputError:
            for kind, scores in (
                ("", place / SCORES_FILE),
                (FINETUNE, place / "finetune" / SCORES_FILE),
                (AGE, folder / "main" / SCORES_FILE),
            ):
                name = str(read_json(scores).get("model", "/"))
                on_hub = not Path(name).is_absolute() and options.model.startswith(HUB)
                if made_by[kind] is not None and on_hub and HUB + name != options.model:
                    found.add((revision, kind))
    return found


def current_fingerprint(options: Options, revision: str, encoder: bool) -> str:
    """That of a model as it is scored, or of its encoder as it is fine-tuned; loads it."""
    source = find_model(options.model, revision, options.trust_remote_code)
    if encoder:
        return fingerprint(*load_encoder(source), unused=UNUSED)
    return load(source, "cpu", options.batch_tokens, backend=options.backend).fingerprint


def _digest_of_pairs(options: Options, name: str) -> str | None:
    """That of the items of a fine-tuning task, as `finetune` computes it; None without them."""
    try:
        files = find_files(options.data_dir, [name])[name]
        return digest([read_pairs(files[split], TASKS[name]) for split in ("train", "valid")])
    except InputError:
        return None


def _fast_scores(
    folder: Path,
    rules: Rules,
    backend: str,
    name: str,
    origin: str | None,
    scorer: Callable[[], Scores],
) -> dict[str, float]:
    predictions = official.zero_shot(folder, rules, backend, name, "fast", origin)
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
