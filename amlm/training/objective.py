"""The metric that a sweeper optimises: ``objective=validation/loss``.

It is a number of the last record of a kind, under its flat name (see
`amlm.training.record.scalars`).
"""

from __future__ import annotations

from pathlib import Path

from amlm.config.schema import Config
from amlm.training.record import read_log, scalars
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

# Numbers in every record of a kind; `check_objective` allows some others.
NUMBERS = {
    "validation": ("loss", "accuracy", "accuracy_over_types", "accuracy_over_bins"),
    "train": (
        *("loss", "accuracy", "ratio", "realised_ratio", "saturated", "gradient_norm", "lr"),
        *("epoch", "words_seen", "tokens_per_second", "peak_memory"),
    ),
    "mask_update": (
        *("vocab_size", "ratio", "entropy", "kl_previous", "kl_first", "mean", "variance"),
        *("minimum", "maximum", "effective_types", "at_floor"),
    ),
    "summary": (
        *("steps", "words_seen", "loss_before", "loss_after", "accuracy_before"),
        *("accuracy_after", "ratio_target", "ratio_realised", "updates", "tokens_per_second"),
        *("entropy", "effective_types", "vocab_size", "kl_first", "constant_guess", "seconds"),
    ),
}
SCORES = ("score", "low", "high", "official", "expected", "ties", "items", "unscored", "chance")
GROUPED = (  # whose bins vary
    *("mask_update/by_frequency_rank/", "mask_update/by_kind/", "mask_update/by_part_of_speech/"),
    *("validation/by_frequency/", "validation/by_part_of_speech/"),
)


def _known(tasks: list[str]) -> dict[str, tuple[str, ...]]:
    """The names of numbers by their common prefix."""
    places = [f"{place}/{task}" for place in ("evaluation", "summary/scores") for task in tasks]
    return {**NUMBERS, **dict.fromkeys(places, SCORES)}


def check_objective(config: Config) -> None:
    """Raises InputError if no record can have the objective."""
    name, known = config.objective.replace(".", "/"), _known(config.evaluation.tasks)
    names = [f"{place}/{each}" for place, found in known.items() for each in found]
    if name in names or name.startswith(GROUPED):
        return
    if config.callbacks and name.partition("/")[0] in NUMBERS:
        return  # a callback may log under any name
    raise InputError(
        f"objective={config.objective} is not in the record{nearest(name, names)}; available: "
        + "; ".join(f"{place}/ {', '.join(found)}" for place, found in known.items())
        + f"; scores need evaluation.tasks (now {config.evaluation.tasks})"
    )


def objective(folder: Path, name: str) -> float:
    """The objective of a complete run.

    Raises:
        InputError: the record has no such number.
    """
    last = {record["kind"]: record for record in read_log(folder)}
    numbers = {key: value for record in last.values() for key, value in scalars(record).items()}
    found = numbers.get(name.replace(".", "/"))
    if found is None:
        raise InputError(
            f"objective={name} is not in the record of {folder}{nearest(name, numbers)}: one of "
            f"{', '.join(numbers)}"
        )
    return float(found)
