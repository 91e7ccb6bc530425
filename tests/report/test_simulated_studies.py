"""Simulated studies through the whole comparison: how often it finds what is there, and what not.

Accuracies of the runs of a group are normal around its mean with standard deviation 1. The shares
that are expected are scipy's, of its tests on other draws or of the noncentral t distribution.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from amlm.report.comparison import Comparison, compare
from amlm.report.comparison_text import claims
from amlm.report.runs import RunResult
from amlm.report.statistics import Difference, Floats

SEEDS = 5
METRICS = ("accuracy", "blimp", "ewok")


def group(name: str, value_MS: Floats, first_seed: int = 0) -> list[RunResult]:
    """Runs of a group from its values by metric and seed."""
    return [
        RunResult(
            run=f"{name}-{seed}",
            group=name,
            seed=seed,
            ratio=0.275,
            words_seen=10,
            metrics=dict(zip(METRICS, map(float, value_M), strict=False)),
        )
        for seed, value_M in enumerate(value_MS.T, first_seed)
    ]


def found(study: Comparison, name: str) -> list[bool]:
    """For each metric, whether a difference of a group from the baseline is claimed."""
    rows = [row for table in study.tables for row in table.rows if row.group == name]
    return [row.p is not None and row.p < 0.05 for row in rows]


def test_mlm_compared_with_itself_over_other_seeds_differs_in_at_most_5_of_100_studies() -> None:
    dice, claimed = np.random.default_rng(2026), []
    for _ in range(600):
        first, other = dice.normal(33, 1, (2, 3, SEEDS))
        runs = [*group("mlm", first), *group("mlm2", other, first_seed=SEEDS)]
        study = compare(runs, "mlm")
        assert study.comparisons == 3
        claimed.append(any(found(study, "mlm2")))
    share = float(np.mean(claimed))
    assert share <= 0.05
    # Not because nothing is ever found: three tests at 0.05/3 each, less what Welch's test is
    # below its level at five seeds.
    assert share > 0.02


def test_the_same_with_common_seeds() -> None:
    dice, claimed = np.random.default_rng(7), []
    for _ in range(600):
        seed_S = dice.normal(33, 2, SEEDS)  # what a seed does to both groups
        first, other = seed_S + dice.normal(0, 1, (2, 1, SEEDS))
        study = compare([*group("mlm", first), *group("mlm2", other)], "mlm")
        claimed += found(study, "mlm2")
    assert 0.025 < np.mean(claimed) <= 0.06


def share_found(draw: Callable[[np.random.Generator], tuple[Floats, Floats]], shift: int) -> float:
    """The share of 600 studies of one metric that claim a difference."""
    dice, claimed = np.random.default_rng(shift), []
    for _ in range(600):
        ours, theirs = draw(dice)
        runs = [*group("mlm", theirs[None]), *group("hard", ours[None], first_seed=shift)]
        claimed += found(compare(runs, "mlm"), "hard")
    return float(np.mean(claimed))


def test_an_effect_of_one_standard_deviation_over_five_pairs_is_found_as_its_power_says() -> None:
    def draw(dice: np.random.Generator) -> tuple[Floats, Floats]:
        base = dice.normal(33, 3, SEEDS)
        return base + dice.normal(1, 1, SEEDS), base  # differences: mean 1, standard deviation 1

    limit, shift = stats.t.ppf(0.975, SEEDS - 1), math.sqrt(SEEDS)
    power = stats.nct.sf(limit, SEEDS - 1, shift) + stats.nct.cdf(-limit, SEEDS - 1, shift)
    assert power == pytest.approx(0.401, abs=5e-4)
    assert share_found(draw, shift=0) == pytest.approx(power, abs=2.6 * 0.02)


def test_an_effect_of_one_standard_deviation_over_other_seeds_is_found_as_its_power_says() -> None:
    def draw(dice: np.random.Generator) -> tuple[Floats, Floats]:
        return dice.normal(34, 1, SEEDS), dice.normal(33, 1, SEEDS)

    one, two = np.random.default_rng(99).normal(0, 1, (2, 20_000, SEEDS))
    power = np.mean(stats.ttest_ind(one + 1, two, axis=1, equal_var=False).pvalue < 0.05)
    # Student's test, which knows that the variances are equal, would find it more often.
    assert power == pytest.approx(0.27, abs=0.01)
    students = stats.nct.sf(stats.t.ppf(0.975, 8), 8, math.sqrt(SEEDS / 2))
    assert students == pytest.approx(0.286, abs=1e-3)
    assert share_found(draw, shift=SEEDS) == pytest.approx(power, abs=2.6 * 0.019)


def test_what_is_said_to_be_found_with_80_percent_power_is_found_among_many_comparisons() -> None:
    # Nine comparisons; differences of runs have standard deviation 1.
    effect, limit = 3.07, stats.t.isf(0.05 / 9 / 2, SEEDS - 1)
    assert stats.nct.sf(limit, SEEDS - 1, effect * math.sqrt(SEEDS)) == pytest.approx(0.8, abs=1e-3)
    planned = Difference(0.0, None, None, None, 1.0, SEEDS, 0, 1 / math.sqrt(SEEDS), SEEDS - 1)
    assert planned.detectable(9) == pytest.approx(effect, abs=1e-3)
    dice, claimed, alone = np.random.default_rng(5), [], []
    for _ in range(300):
        base = dice.normal(33, 2, (3, SEEDS))
        groups = [base + dice.normal(0, 1, (3, SEEDS)) for _ in range(3)]
        groups[0][0] += effect
        runs = group("mlm", base)
        for n, values in enumerate(groups):
            runs += group(f"group{n}", values)
        study = compare(runs, "mlm")
        assert study.comparisons == 9
        claimed.append(found(study, "group0")[0])
        difference = study.tables[0].rows[1].difference
        assert difference is not None and difference.p is not None
        alone.append(difference.p < 0.05)
    assert np.mean(claimed) == pytest.approx(0.8, abs=2.6 * 0.023)
    assert np.mean(alone) > 0.95  # one comparison would need a smaller effect


@pytest.mark.parametrize("metrics", [1, 3])
def test_the_effect_that_a_claim_says_would_be_found_has_power_80_percent(metrics: int) -> None:
    difference_S = np.array([0.3, -0.1, 0.2, -0.1, 0.2])
    base = np.tile([33.0, 34, 33, 35, 33], (metrics, 1))
    study = compare([*group("mlm", base), *group("hard", base + difference_S)], "mlm")
    claim = claims(study)[0]
    smallest = float(re.findall(r"With these seeds, ([\d.]+) points would", claim)[0])
    error, level = difference_S.std(ddof=1) / math.sqrt(SEEDS), 0.05 / metrics
    limit = stats.t.isf(level / 2, SEEDS - 1)
    power = stats.nct.sf(limit, SEEDS - 1, smallest / error)
    assert power == pytest.approx(0.8, abs=0.02)  # the effect is rounded to two digits
    needed = int(re.findall(r"; (\d+) seeds per group would", claim.replace(",", ""))[0])
    shift = abs(difference_S.mean()) / difference_S.std(ddof=1)
    power_of = [
        stats.nct.sf(stats.t.isf(level / 2, n - 1), n - 1, shift * math.sqrt(n))
        for n in (needed - 1, needed)
    ]
    assert power_of[0] < 0.8 <= power_of[1]
