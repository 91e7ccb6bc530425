"""Age of acquisition: does a model acquire words in the same order as children?

Sigmoids are fitted to the surprisals of a word at all checkpoints, and to the proportion of
children who say it at 16 to 30 months. The points where they cross a threshold are the ages of
acquisition.

Shapes: N points of a curve.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from amlm.evaluation.figures import Figure, Floats, Report, interval, number, pearson, resample
from amlm.evaluation.rules import Acquisition
from amlm.evaluation.zero_shot.columns import read_rows
from amlm.evaluation.zero_shot.items import Candidate, from_json, suffix
from amlm.util.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MONTHS = range(16, 31)
KNOWN_BY_HALF = 0.5
MILLION = 1_000_000
FEWEST = 3  # minimum number of points of a curve, and of words of a correlation


def read_contexts(path: Path) -> list[tuple[str, int, str]]:
    """Word, number of the context, and context; words of one character are skipped."""
    try:
        listed = from_json(path.read_text(encoding="utf-8-sig"))
        return [
            (word, number, str(each["context"]))
            for word, contexts in listed.items()
            if len(word) > 1
            for number, each in enumerate(contexts)
        ]
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f'{path} does not have the format {{"word": [{{"context": "..."}}]}}: {error!r}'
        ) from error


def read_children(path: Path) -> dict[str, Floats]:
    """Proportion of children who say a word in each month; NaN where it is unknown."""
    months = [str(month) for month in MONTHS]
    children: dict[str, Floats] = {}
    for row in read_rows(path, ("word", *months)):
        try:
            proportions = np.array([float(row[month] or "nan") for month in months])
        except ValueError as error:
            raise InputError(f"{path}, word {row['word']!r}: {error}") from error
        children.setdefault(row["word"], proportions)
    return children


def candidates(contexts: list[tuple[str, int, str]]) -> list[Candidate]:
    """Each word as the completion of each of its contexts."""
    return [suffix(context.strip() + " ", word.strip()) for word, _, context in contexts]


def results(
    checkpoint: str, contexts: list[tuple[str, int, str]], scores: list[float]
) -> list[dict[str, Any]]:
    """The lines of ``surprisal.json`` for one checkpoint, e.g. ``chck_10M``."""
    return [
        {
            "step": checkpoint,
            "word_count": words_of(checkpoint),
            "target_word": word,
            "context_id": number,
            "context": context,
            "surprisal": -score,
        }
        for (word, number, context), score in zip(contexts, scores, strict=True)
    ]


def words_of(checkpoint: str) -> int:
    """Words seen at a checkpoint ``chck_<n>M``."""
    return int(checkpoint.removeprefix("chck_").removesuffix("M")) * MILLION


def sigmoid(x: Floats, a: float, b: float, c: float, d: float) -> Floats:
    return np.asarray(a / (1 + np.exp(-b * (x - c))) + d)


def chance(tokenizer: PreTrainedTokenizerFast, word: str) -> float:
    """Surprisal of a word in nats if all types were equally probable.

    The word's tokens are counted after "The", so that it is tokenised as in a sentence.
    """
    lengths = [
        len(tokenizer(text, add_special_tokens=False)["input_ids"])
        for text in ("The", f"The {word}")
    ]
    return max(1, lengths[1] - lengths[0]) * math.log(tokenizer.vocab_size)


def crossing(fitted: Floats, level: float, flat: float = 0.0) -> float | None:
    """Where a sigmoid with these parameters rises through a level; None if it does not, or if its
    height or slope is not above `flat`.
    """
    a, b, c, d = fitted
    if a <= flat or b <= flat or not d < level < a + d:
        return None
    return float(c - np.log(a / (level - d) - 1) / b)


def age_of_children(proportions: Floats) -> float | None:
    """The month in which half of the children say a word; None outside the known months."""
    known = np.isfinite(proportions)
    months, proportions = np.array(MONTHS, dtype=float)[known], proportions[known]
    if len(months) < FEWEST:
        return None
    start = [1.0, 0.1, months.mean(), 0.0]
    bounds = ([0, 0, months[0], -0.5], [2, 1, months[-1], 0.5])
    fitted = _fit(months, proportions, start, 1_000, bounds=bounds)
    age = None if fitted is None else crossing(fitted, KNOWN_BY_HALF)
    return age if age is not None and months[0] <= age <= months[-1] else None


def age_of_model(
    words_N: Floats, surprisal_N: Floats, rules: Acquisition, chance: float
) -> float | None:
    """``log10(words + 1)`` where the surprisal is half-way between chance and its minimum.

    Args:
        words_N: words seen at each point, in increasing order.
        surprisal_N: surprisals in nats; NaN is left out.
        chance: the surprisal of chance.
    """
    if len(words_N) < FEWEST:
        return None
    known = np.isfinite(surprisal_N)
    words, rising = words_N[known], -surprisal_N[known]
    if not len(words):
        return None
    x, height = np.log10(words + 1), np.ptp(rising)
    start = [height, 1.0, x.mean(), rising.min()]
    limits: dict[str, Any] = {}
    if rules.bounded:
        lower = [0, 0, x.min() - 1, rising.min() - 2 * height - 1]
        limits["bounds"] = (lower, [10 * height + 1, 100, x.max() + 1, rising.max() + 1])
    fitted = _fit(x, rising, start, rules.evaluations, **limits)
    half = -(chance - 0.5 * (chance + rising.max()))
    age = None if fitted is None else crossing(fitted, half, rules.flat)
    if age is None or not words[0] <= 10**age - 1 <= words[-1]:
        return None
    return age


def _fit(x: Floats, y: Floats, start: list[Any], evaluations: int, **limits: Any) -> Floats | None:
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # Fewer points than parameters.
            warnings.simplefilter("ignore", scipy.optimize.OptimizeWarning)
            fit = scipy.optimize.curve_fit
            fitted, _ = fit(sigmoid, x, y, p0=start, maxfev=evaluations, **limits)
    except (RuntimeError, ValueError, TypeError):  # no fit, no age, as in the official pipeline
        return None
    return np.asarray(fitted)


def mean_by_step(points: Floats) -> Floats:
    """Points ``[N, 2]`` with equal first columns become one, their mean; in increasing order."""
    steps = np.unique(points[:, 0])
    return np.array([[step, points[points[:, 0] == step, 1].mean()] for step in steps])


def report(
    lines: list[dict[str, Any]],
    children: dict[str, Floats],
    rules: Acquisition,
    chance_of: Callable[[str], float],
) -> Report:
    """Pearson's correlation over the words that have both ages.

    It is undefined for fewer than three words; the official score is then 0, and also where the
    rules ask for a lower p-value.

    Args:
        lines: those of ``surprisal.json``.
        children: see `read_children`.
        chance_of: the surprisal of chance of a word, see `chance`; not used if the rules set one.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        point = words_of(line["step"]), line["surprisal"]
        curves.setdefault(line["target_word"], []).append(point)
    pairs = []
    for word, points in curves.items():
        proportions = children.get(word)
        age = None if proportions is None else age_of_children(proportions)
        if age is None:
            continue
        points_N2 = np.array(points, dtype=float)
        points_N2 = mean_by_step(points_N2) if rules.averaged else points_N2
        level = chance_of(word) if rules.chance is None else rules.chance
        words_N, surprisal_N = points_N2.T
        model_age = age_of_model(words_N, surprisal_N, rules, level)
        if model_age is not None:
            pairs.append((model_age, age))
    ages = np.array(pairs, dtype=float).reshape(-1, 2).T
    too_long = [
        f"{line['target_word']} {line['context_id']} {line['step']}"
        for line in lines
        if not np.isfinite(line["surprisal"])
    ]
    figure = Figure(None, None, None, 0.0, None, len(pairs), len(too_long))
    if len(pairs) >= FEWEST:
        score = number(pearson(*ages))
        drawn = resample(len(pairs))
        low, high = interval(pearson(ages[0][drawn], ages[1][drawn]))
        # NaN, for ages that do not vary, is not above a limit.
        official = 0.0 if scipy.stats.pearsonr(*ages).pvalue > rules.highest_p else score
        figure = replace(figure, score=score, low=low, high=high, official=official)
    return Report({"Pearson": figure}, {}, too_long)
