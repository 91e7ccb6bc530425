"""Scores, ties and intervals against direct counting and brute-force resampling; the regressions
against NumPy's least squares on repeated rows.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, pearsonr, spearmanr

from amlm.evaluation.figures import (
    RESAMPLES,
    Floats,
    Outcomes,
    Report,
    accuracies,
    compare_candidates,
    interval,
    pearson,
    resample,
    spearman,
)
from amlm.evaluation.rules import RULES, Rules
from amlm.evaluation.zero_shot import ranking
from amlm.evaluation.zero_shot.choices import choose, highest
from amlm.evaluation.zero_shot.items import Item, whole
from amlm.evaluation.zero_shot.reading import design, r_squared

NOW, BEFORE = RULES["2026"], RULES["2025"]
PAIR = [whole("Good."), whole("Bad.")]
NAN = float("nan")


def scores_of(*rows: list[float]) -> list[Floats]:
    return [np.array(row) for row in rows]


def report_of(
    rules: Rules, task: str, items: list[Item], scores: list[Floats], seed: int = 0
) -> Report:
    return ranking.report(rules.tasks[task], items, scores, choose(rules, items, scores, seed))


def test_a_tie_is_never_correct_in_our_score() -> None:
    scores = scores_of([-5, -5], [-5, -5.00001], [-5.00001, -5], [-5, -6], [-6, -5], [-5, NAN])
    none = np.zeros(6, dtype=bool)
    found = compare_candidates(scores, none)
    assert found.hit_N.tolist() == [False, False, False, True, False, False]
    assert found.tie_N.tolist() == [True, True, True, False, False, False]
    assert found.scored_N.tolist() == [True] * 5 + [False]
    assert choose(BEFORE, [Item("", PAIR)] * 6, scores, 0).official_N.tolist() == [
        True, True, False, True, False, False
    ]  # fmt: skip
    # With several candidates, only a tie of the correct one for the maximum counts as a tie.
    found = compare_candidates(scores_of([-9, -5, -5], [-5, -5, -9], [-4, -5, -5]), none[:3])
    assert found.tie_N.tolist() == [False, True, False]
    assert found.hit_N.tolist() == [False, False, True]


def test_the_first_of_tied_candidates_is_chosen_in_2025_and_any_in_2026() -> None:
    for scores, first, drawn in (
        ([-1, -2, -1], [0], [0, 2]),
        ([-2, -1, -1.00000001], [1], [1, 2]),  # equal in float32
        ([-2, -1, -1.00001], [1], [1]),
        ([-2, NAN, -3], [2], [0]),  # 2025: too long counts as wrong; 2026: NaN is the lowest
        ([NAN, NAN, -3], [2], [2]),
        ([NAN, NAN, NAN], [2], [0, 1, 2]),
        ([NAN, -np.inf, NAN], [2], [0, 1, 2]),
    ):
        assert highest(np.array(scores), "first") == first
        assert highest(np.array(scores), "drawn") == drawn


def test_draws_among_ties_are_even_and_repeat_with_the_seed() -> None:
    three = [whole("Good."), whole("Bad."), whole("Worse.")]
    items = [Item("npi", three) for _ in range(3_000)]
    scores = scores_of(*[[-1.0, -1.0, -1.0], [-1.0, -2.0, -1.0]] * 1_500)
    one, same, other = (choose(NOW, items, scores, seed) for seed in (0, 0, 1))
    assert one.chosen == same.chosen != other.chosen
    # The standard error of a share of 1,500 draws is at most 1.3 per cent.
    for start, shares in ((0, [1 / 3, 1 / 3, 1 / 3]), (1, [1 / 2, 0, 1 / 2])):
        counts = np.bincount(one.chosen[start::2], minlength=3) / 1_500
        assert counts == pytest.approx(shares, abs=0.05)
    assert one.expected_N is not None and one.expected_N[:2] == pytest.approx([1 / 3, 1 / 2])
    # A draw does not depend on the items before.
    assert choose(NOW, items[:7], scores[:7], 0).chosen == one.chosen[:7]


def test_identical_sentences_are_always_officially_correct() -> None:
    same = [whole("The same."), whole("The same. ")]  # the server strips texts
    scores = scores_of([-1.0, -1.0], [-2.0, -1.0])
    for rules in RULES.values():
        choices = choose(rules, [Item("npi", same)] * 2, scores, 0)
        assert choices.official_N.tolist() == [True, True]
    report = report_of(NOW, "blimp", [Item("npi", same)] * 2, scores)
    total = report.totals["accuracy"]
    assert (total.score, total.official, total.expected, total.ties) == (0, 100, 100, 50)


def test_constant_scores_are_officially_correct_in_2025_and_by_chance_in_2026() -> None:
    items = [Item("npi", PAIR) for _ in range(400)]
    for rules, official, expected in ((BEFORE, 100, None), (NOW, 50, 50)):
        total = report_of(rules, "supplement", items, scores_of(*[[-1.0, -1.0]] * 400)).totals[
            "accuracy"
        ]
        assert (total.score, total.expected, total.ties) == (0, expected, 100)
        assert total.official == pytest.approx(official, abs=0 if rules is BEFORE else 8)
        assert total.low == 0 and total.high == pytest.approx(100 * beta.ppf(0.975, 0.5, 400.5))


def test_accuracies_of_groups_and_their_mean_have_intervals() -> None:
    dice = np.random.default_rng(1)
    names = ["a"] * 40 + ["b"] * 160
    hit = dice.random(200) < 0.6
    none = np.zeros(200, dtype=bool)
    by_group, total = accuracies(Outcomes(hit, hit, none, ~none), names)
    hits = [hit[:40].sum(), hit[40:].sum()]
    for name, right, count in zip("ab", hits, (40, 160), strict=True):
        figure = by_group[name]
        assert figure.score == pytest.approx(100 * right / count)
        limits = 100 * beta.ppf((0.025, 0.975), right + 0.5, count - right + 0.5)
        assert (figure.low, figure.high) == pytest.approx(tuple(limits))
    assert total.score == pytest.approx(50 * (hits[0] / 40 + hits[1] / 160))
    # Far from 0 and 1 a bootstrap agrees.
    drawn = [
        50 * (dice.choice(hit[:40], 40).mean() + dice.choice(hit[40:], 160).mean())
        for _ in range(4_000)
    ]
    expected = np.percentile(drawn, [2.5, 97.5])
    assert [total.low, total.high] == pytest.approx(expected.tolist(), abs=0.8)


def test_splits_of_entity_tracking_have_equal_weight_in_2025() -> None:
    uids = ["regular_0_ops", "regular_1_ops", "ambiref_0_ops"]
    items = [Item(uid, PAIR) for uid in uids]
    scores = scores_of([-1, -2], [-2, -1], [-2, -1])
    report = report_of(BEFORE, "entity_tracking", items, scores)
    assert report.totals["accuracy"].score == pytest.approx(25)  # (50 + 0) / 2
    flat = report_of(NOW, "entity_tracking", items, scores)
    assert flat.totals["accuracy"].score == pytest.approx(100 / 3)
    assert report.groups["uid"]["regular_0_ops"].score == 100


def test_items_that_are_too_long_are_listed_and_count_as_errors() -> None:
    items = [Item("a", PAIR), Item("b", PAIR), Item("a", PAIR)]
    scores = scores_of([-1, -2], [-1, -2], [-1, NAN])
    report = report_of(BEFORE, "supplement", items, scores)
    assert report.too_long == ["a_1"]
    total = report.totals["accuracy"]
    assert (total.score, total.official, total.unscored) == (75, 75, 1)
    for rules, pred in ((BEFORE, "Bad."), (NOW, "Good.")):
        chosen = choose(rules, items, scores, 0)
        found = ranking.predictions(items, scores, chosen)["a"]["predictions"]
        assert found[1] == {"id": "a_1", "pred": pred}


def test_our_wug_score_ranks_clear_cases_that_tie_officially() -> None:
    ratios, leads = [0.9, 0.8, 0.7, 0.2, 0.1, 0.5], [60.0, 50.0, 40.0, -50.0, -60.0, NAN]
    items = [Item("wug_adj", PAIR, ratio=ratio) for ratio in ratios]
    scores = scores_of(*([lead, 0.0] for lead in leads))
    total = report_of(BEFORE, "wug_adj", items, scores).totals["Spearman"]
    assert total.score == pytest.approx(1)
    # In float32 the probabilities of the three leads of at least 40 are exactly 1.
    probs = [1, 1, 1, np.exp(-50.0), np.exp(-60.0), 0.5]
    assert total.official == pytest.approx(spearmanr(probs, ratios)[0])
    assert (total.items, total.unscored) == (6, 1)
    same = report_of(BEFORE, "wug_adj", items, scores_of(*[[1.0, 1.0]] * 6)).totals
    assert same["Spearman"].score is None and same["Spearman"].ties == 100


def test_correlations_equal_scipys() -> None:
    dice = np.random.default_rng(0)
    x, y = dice.integers(5, size=(2, 30)).astype(float)
    assert pearson(x, y) == pytest.approx(pearsonr(x, y)[0])
    assert spearman(x, y) == pytest.approx(spearmanr(x, y)[0])
    drawn = resample(30)
    assert drawn.shape == (RESAMPLES, 30)
    assert spearman(x[drawn], y[drawn])[7] == pytest.approx(spearmanr(x[drawn[7]], y[drawn[7]])[0])
    assert interval(np.array([1.0, NAN])) == (None, None)
    assert interval(np.array([1.0] * 99 + [NAN])) == (1.0, 1.0)


def test_r_squared_with_weights_equals_that_of_repeated_rows() -> None:
    dice = np.random.default_rng(0)
    columns = {name: dice.normal(5, 2, 50) for name in "abc"}
    x = np.column_stack([design(columns, ("a", "b", "c")), 2 * columns["a"]])  # one is redundant
    y = columns["a"] * columns["b"] + dice.normal(size=50)
    weights = dice.multinomial(50, [1 / 50] * 50, size=3)
    for row, found in zip(
        [np.ones(50, int), *weights], [*r_squared(x, y), *r_squared(x, y, weights)], strict=True
    ):
        xs, ys = np.repeat(x, row, axis=0), np.repeat(y, row)
        residual = ys - xs @ np.linalg.lstsq(xs, ys, rcond=None)[0]
        expected = 1 - residual @ residual / ((ys - ys.mean()) ** 2).sum()
        assert found == pytest.approx(expected, abs=1e-8)
