"""Age of acquisition: does a model acquire words in the same order as children?

Sigmoids are fitted to the surprisals of a word at all checkpoints, and to the proportion of
children who say it at 16 to 30 months. The points where they cross a threshold are the ages of
acquisition.

Shapes: N points of a curve.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import curve_fit

from amlm.evaluation.figures import Figure, Floats, Report, interval, number, pearson, resample
from amlm.evaluation.zero_shot.columns import read_rows
from amlm.evaluation.zero_shot.items import Candidate, suffix
from amlm.util.errors import InputError

MONTHS = range(16, 31)
KNOWN_BY_HALF = 0.5
# As in the official pipeline: in bits, although it is compared with surprisals in nats.
CHANCE = np.log2(300_000)
MILLION = 1_000_000
FEWEST = 3  # minimum number of points of a curve, and of words of a correlation


def read_contexts(path: Path) -> list[tuple[str, int, str]]:
    """Word, number of the context, and context; words of one character are skipped."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
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


def crossing(fitted: Floats, level: float) -> float | None:
    """Where a sigmoid with these parameters rises through a level; None if it does not."""
    a, b, c, d = fitted
    if a <= 0 or b <= 0 or not d < level < a + d:
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
    age = _fit_crossing(months, proportions, start, KNOWN_BY_HALF, bounds=bounds)
    return age if age is not None and months[0] <= age <= months[-1] else None


def age_of_model(words_N: Floats, surprisal_N: Floats) -> float | None:
    """``log10(words + 1)`` where the surprisal is half-way between chance and its minimum."""
    if len(words_N) < FEWEST:
        return None
    known = np.isfinite(surprisal_N)
    words, rising = words_N[known], -surprisal_N[known]
    if not len(words):
        return None
    x = np.log10(words + 1)
    start = [np.ptp(rising), 1.0, x.mean(), rising.min()]
    age = _fit_crossing(x, rising, start, -(CHANCE - 0.5 * (CHANCE + rising.max())))
    if age is None or not words[0] <= 10**age - 1 <= words[-1]:
        return None
    return age


def _fit_crossing(
    x: Floats, y: Floats, start: list[Any], level: float, **limits: Any
) -> float | None:
    try:
        with np.errstate(all="ignore"):
            fitted, _ = curve_fit(sigmoid, x, y, p0=start, maxfev=1_000, **limits)
    except (RuntimeError, ValueError, TypeError):  # no fit, no age, as in the official pipeline
        return None
    return crossing(fitted, level)


def report(lines: list[dict[str, Any]], children: dict[str, Floats]) -> Report:
    """Pearson's correlation over the words that have both ages.

    It is undefined for fewer than three words; the official score is then 0.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        point = words_of(line["step"]), line["surprisal"]
        curves.setdefault(line["target_word"], []).append(point)
    pairs = []
    for word, points in curves.items():
        proportions = children.get(word)
        age = None if proportions is None else age_of_children(proportions)
        model_age = None if age is None else age_of_model(*np.array(points, dtype=float).T)
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
        figure = replace(figure, score=score, low=low, high=high, official=score)
    return Report({"Pearson": figure}, {}, too_long)
