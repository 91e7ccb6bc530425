"""The number that a run is judged by in a sweep: ``objective=validation/loss``.

It is a number of the run's record: of the last record of a kind, under its flat name (see
`amlm.training.record.scalars`).
"""

from __future__ import annotations

from pathlib import Path

from amlm.config.schema import Config
from amlm.training.record import read_log, scalars
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

# What every record of a kind has; `check_objective` says what else there can be.
NUMBERS = {
    "validation": ("loss", "accuracy"),
    "train": (
        *("loss", "accuracy", "ratio", "realised_ratio", "saturated", "gradient_norm", "lr"),
        *("epoch", "words_seen", "tokens_per_second"),
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
SCORES = ("score", "low", "high", "official", "ties", "items", "unscored", "chance")
GROUPED = ("mask_update/by_frequency_rank/", "mask_update/by_kind/")  # names go by the vocabulary


def _known(tasks: list[str]) -> dict[str, tuple[str, ...]]:
    """The names of numbers by the beginning that they share."""
    places = [f"{place}/{task}" for place in ("evaluation", "summary/scores") for task in tasks]
    return {**NUMBERS, **dict.fromkeys(places, SCORES)}


def check_objective(config: Config) -> None:
    """Raises InputError if it is known beforehand that no record will have the number."""
    name, known = config.objective.replace(".", "/"), _known(config.evaluation.tasks)
    names = [f"{place}/{each}" for place, found in known.items() for each in found]
    if name in names or name.startswith(GROUPED):
        return
    if config.callbacks and name.partition("/")[0] in NUMBERS:
        return  # a callback may log what only it knows
    raise InputError(
        f"objective={config.objective} is no number of the record{nearest(name, names)}; there is "
        + "; ".join(f"{place}/ {', '.join(found)}" for place, found in known.items())
        + f"; scores are those of evaluation.tasks={config.evaluation.tasks}"
    )


def objective(folder: Path, name: str) -> float:
    """A number of the record of a complete run.

    Raises:
        InputError: the record has no such number; says which it has.
    """
    last = {record["kind"]: record for record in read_log(folder)}
    numbers = {key: value for record in last.values() for key, value in scalars(record).items()}
    found = numbers.get(name.replace(".", "/"))
    if found is None:
        raise InputError(
            f"objective={name} is no number of the record {folder}{nearest(name, numbers)}: one of "
            f"{', '.join(numbers)}"
        )
    return float(found)
