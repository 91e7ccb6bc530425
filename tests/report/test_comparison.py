"""Groups of made-up runs: what is compared, what is said, and in which form."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amlm.report import comparison_text as text
from amlm.report.comparison import Comparison, compare
from amlm.report.difference_plot import differences, write_differences
from amlm.report.runs import RunResult
from amlm.report.statistics import holm
from amlm.util.errors import InputError
from tests.report.made_up_results import BETTER, PLAIN, SAME, runs


def claims_of(found: Comparison, group: str) -> list[str]:
    return [each for each in text.claims(found) if f": {group} " in each]


def test_a_clear_difference_is_claimed_with_its_interval_and_corrected_p_value() -> None:
    found = compare([*PLAIN, *BETTER, *SAME], "mlm")
    assert [table.metric for table in found.tables] == ["accuracy", "loss"]
    assert found.comparisons == 4
    first, second, *_ = found.tables[0].rows
    assert (first.group, second.group) == ("mlm", "hard")
    assert second.difference is not None
    assert second.difference.mean == pytest.approx(1.96)
    assert second.p is not None
    assert second.difference.p is not None
    assert second.p > second.difference.p
    accuracy, loss = claims_of(found, "hard")
    assert accuracy.startswith(
        "accuracy: hard is 1.96 points higher than mlm (95% interval +1.79 to +2.13"
    )
    assert "over 5 paired seeds; p < 0.001, corrected for 4 comparisons" in accuracy
    assert loss.startswith("loss: hard is 0.196 nats lower than mlm")


def test_where_nothing_is_shown_power_and_seeds_needed_are_said() -> None:
    found = compare([*PLAIN, *SAME], "mlm", ["accuracy"])
    (claim,) = text.claims(found)
    assert "the data do not show a difference (0.02 points higher" in claim
    assert "would have been found with 80% power" in claim
    assert "seeds per group would show a difference of this size" in claim or "thousand" in claim


def test_one_seed_has_no_interval_and_the_reason_is_said() -> None:
    found = compare([*PLAIN[:1], *BETTER], "mlm", ["accuracy"])
    assert "mlm has one seed: no interval can be given" in found.notes[0]
    (claim,) = text.claims(found)
    assert claim.endswith(
        "Nothing follows for other seeds: at least two seeds per group are needed."
    )
    assert found.tables[0].rows[1].p is None
    assert text.cells(found.tables[0])[1][3:5] == ["-", "-"]


def test_unequal_words_ratios_and_options_are_pointed_out() -> None:
    other = runs(
        "hard",
        [35.0, 36.1, 35.4],
        words_seen=4_000_000,
        ratio=0.15,
        options={"trainer.max_steps": 3000, "masking.floor": 0.1},
    )
    notes = compare([*PLAIN[:3], *other], "mlm").notes
    assert notes == [
        "Unequal: hard has words seen 4,000,000, mlm 2,000,000.",
        "Unequal: hard has mask ratio 0.1500, mlm 0.2750.",
        "Unequal: hard and mlm differ in masking.floor, trainer.max_steps.",
    ]


def test_pairs_are_of_common_seeds_and_without_any_the_comparison_is_not_paired() -> None:
    three = compare([*PLAIN, *BETTER[:3]], "mlm", ["accuracy"])
    difference = three.tables[0].rows[1].difference
    assert difference is not None
    assert difference.pairs == 3
    assert difference.mean == pytest.approx(np.mean([1.9, 2.1, 1.8]))
    assert three.notes == ["hard and mlm share 3 seeds; differences are of these alone."]
    apart = compare([*PLAIN, *runs("hard", [35, 36, 37], first_seed=10)], "mlm", ["accuracy"])
    assert apart.notes == ["hard and mlm share no two seeds: the comparison is not paired."]
    assert "not paired" in text.claims(apart)[0]


def test_the_untrained_control_stands_last_and_is_not_tested() -> None:
    rows = compare([*PLAIN, *BETTER], "mlm", ["accuracy"]).tables[0].rows
    assert rows[-1].group == "untrained"
    assert rows[-1].difference is None
    # Ten runs, of which those of one seed began with the same weights.
    assert rows[-1].value.mean == pytest.approx(0.1) and rows[-1].value.count == 5


def test_groups_of_one_name_are_told_apart_by_the_options_they_differ_in() -> None:
    long = {"trainer.max_steps": 3000, "masking.floor": 0.005, "paths.cache": "elsewhere"}
    found = compare([*PLAIN[:2], *runs("mlm", [35, 36], options=long)], "mlm-max_steps_1500")
    assert [row.group for row in found.tables[0].rows[:2]] == [
        "mlm-max_steps_1500",
        "mlm-max_steps_3000",
    ]


def with_hits(group: str, hits: Sequence[str]) -> list[RunResult]:
    return [
        RunResult(
            run=f"{group}-{seed}",
            group=group,
            seed=seed,
            ratio=0.2,
            words_seen=10,
            metrics={"blimp_fast": 100 * each.count("1") / len(each)},
            hits={"blimp_fast": {"a": each[:4], "b": each[4:]}},
        )
        for seed, each in enumerate(hits)
    ]


def test_outcomes_of_items_widen_the_interval_and_are_named_in_the_claim() -> None:
    ours = with_hits("hard", ["11110110", "11100111", "11110101"])
    theirs = with_hits("mlm", ["01010110", "01100011", "01110001"])
    found = compare([*ours, *theirs], "mlm")
    difference = found.tables[0].rows[1].difference
    assert difference is not None
    assert (difference.pairs, difference.items) == (3, 8)
    assert difference.mean == pytest.approx(100 * np.mean([2, 2, 2]) / 8)
    assert "over 3 paired seeds and 8 items" in text.claims(found)[0]
    # One run evaluated on other items: by seeds alone.
    shorter = [*ours[:2], *with_hits("hard", ["1"] * 3)[2:]]
    difference = compare([*shorter, *theirs], "mlm").tables[0].rows[1].difference
    assert difference is not None
    assert difference.items == 0


@pytest.mark.parametrize(
    ("chosen", "baseline", "metrics", "words"),
    [
        ([*PLAIN, *BETTER], "mln", [], ["baseline=mln", "did you mean mlm", "mlm, hard"]),
        ([*PLAIN, *BETTER], "mlm", ["acuracy"], ["metrics=acuracy", "accuracy", "loss"]),
        (PLAIN, ["hard/mlm"], [], ["pairs=hard/mlm is no pair", "<group>:<baseline>"]),
        (PLAIN, ["mlm:mln"], [], ["pairs=mlm:mln: mln is not among the runs", "did you mean mlm"]),
        ([*PLAIN, PLAIN[0]], "mlm", [], ["mlm has two runs of seed 0", "Give runs="]),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(
    chosen: list[RunResult], baseline: str | list[str], metrics: list[str], words: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        compare(chosen, baseline, metrics)
    for each in words:
        assert each in str(error.value)


def test_a_refusal_names_classes_of_tokens_once() -> None:
    classes = {f"accuracy/{name}": 1.0 for name in ("noun", "1023-2046")}
    run = replace(PLAIN[0], metrics=PLAIN[0].metrics | classes)
    with pytest.raises(InputError, match=r"has accuracy, accuracy/<class>, loss$"):
        compare([run], "mlm", ["acuracy"])


def test_intervals_of_two_seeds_are_explained() -> None:
    few = [*runs("mlm", [1.0, 3.0]), *runs("hard", [20.0, 21.0, 22.0])]
    found = compare(few, "mlm")
    value = found.tables[0].rows[0].value
    assert value.low is not None and value.sd is not None and value.low < 0  # as it is
    assert (value.mean - value.low) / value.sd == pytest.approx(9.0, abs=0.05)
    third = found.tables[0].rows[1].value
    assert third.low is not None and third.sd is not None
    assert (third.mean - third.low) / third.sd == pytest.approx(2.5, abs=0.05)
    assert found.notes[0] == (
        "mlm: an interval over two seeds (Student's t) reaches 9.0 SD to each side, at times "
        "beyond 0 or 100 %; over three, 2.5 SD."
    )


def test_pairs_have_baselines_of_their_own_and_share_one_correction() -> None:
    chosen = [*PLAIN, *BETTER, *SAME, *runs("other", [1.0, 2.0])]
    found = compare(chosen, ["hard:mlm", "soft:hard", "hard:soft"], ["accuracy", "loss"])
    rows = found.tables[0].rows
    assert [(row.group, row.baseline) for row in rows] == [
        ("mlm", None),
        ("hard", "mlm"),
        ("soft", "hard"),
        ("hard", "soft"),
        ("untrained", None),
    ]
    assert found.comparisons == 6
    (alone,) = (row for row in compare([*PLAIN, *BETTER], "mlm").tables[0].rows if row.difference)
    assert rows[1].difference == alone.difference
    raw = [row.difference.p for table in found.tables for row in table.rows if row.difference]
    corrected = [row.p for table in found.tables for row in table.rows if row.difference]
    assert corrected == holm(raw)
    forward, back = rows[2].difference, rows[3].difference
    assert forward is not None and back is not None
    assert forward.mean == pytest.approx(-back.mean) and forward.p == pytest.approx(back.p)


def test_the_baseline_of_each_pair_stands_beside_it() -> None:
    found = compare([*PLAIN, *BETTER, *SAME], ["hard:mlm", "soft:hard"], ["accuracy"])
    head, *cells = text.cells(found.tables[0])
    assert head[:3] == ["", "from", "seeds"]
    assert [row[:3] for row in cells] == [
        ["mlm", "-", "5"],
        ["hard", "mlm", "5"],
        ["soft", "hard", "5"],
        ["untrained", "-", "5"],
    ]
    markdown = text.as_markdown(found)
    assert "| --- | --- | ---: |" in markdown and "| soft | hard | 5 | 33.68 |" in markdown
    assert "Differences are from the group in the column" in markdown
    assert [each.partition(" (95")[0] for each in text.claims(found)] == [
        "accuracy: hard is 1.96 points higher than mlm",
        "accuracy: soft is 1.94 points lower than hard",
    ]
    rows = list(csv.DictReader(text.as_csv(found).splitlines()))
    assert [row["baseline"] for row in rows] == ["", "mlm", "hard", ""]
    assert "soft & hard & 5 & 33.68 &" in text.as_latex(found)


def test_markdown_latex_and_csv_hold_the_same_numbers() -> None:
    found = compare([*PLAIN, *BETTER], "mlm", ["accuracy"])
    assert "| hard | 5 | 35.62 | 0.55 |" in text.as_markdown(found)
    latex = text.as_latex(found)
    assert r"hard & 5 & 35.62 & 0.55 &" in latex
    assert r"accuracy (%)" not in latex.replace("% accuracy (%)", "")
    rows = list(csv.DictReader(text.as_csv(found).splitlines()))
    assert [row["group"] for row in rows] == ["mlm", "hard", "untrained"]
    assert float(rows[1]["difference"]) == pytest.approx(1.96)
    assert rows[0]["difference"] == ""


def test_the_figure_has_a_point_and_an_interval_per_difference_and_the_same_bytes(
    tmp_path: Path,
) -> None:
    found = compare([*PLAIN, *BETTER, *SAME], ["hard:mlm", "soft:hard"])
    write_differences(found, tmp_path / "one", "comparison")
    write_differences(found, tmp_path / "two", "comparison")
    for name in ("comparison.svg", "comparison.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    accuracy, _ = differences(found).axes
    assert [each.get_text() for each in accuracy.get_yticklabels()] == ["hard − mlm", "soft − hard"]
    drawn = [np.asarray(line.get_xdata()).tolist() for line in accuracy.lines]
    ends = [xs for xs in drawn if len(xs) == 2][1:]  # the first is the line at zero
    rows = [row.difference for row in found.tables[0].rows if row.difference]
    assert ends == [[each.low, each.high] for each in rows]


def test_a_difference_without_spread_is_stated_and_not_tested() -> None:
    """Also where the spread is that of rounding: 0.1 + 0.2 is not 0.3."""
    flat, above = runs("mlm", [30.0, 30.0, 30.0]), runs("hard", [32.0, 32.0 + 1e-14, 32.0])
    (claim,) = text.claims(compare([*flat, *above], "mlm", ["accuracy"]))
    assert claim == (
        "accuracy: hard is 2.00 points higher than mlm in every pair of runs. No test is possible "
        "without any spread."
    )
    (claim,) = text.claims(compare([*flat, *runs("hard", [30.0] * 3)], "mlm", ["accuracy"]))
    assert claim == "accuracy: hard and mlm have the same values in every pair of runs."


def test_a_metric_that_one_pair_lacks_is_compared_in_the_others() -> None:
    bare = [replace(run, metrics={"accuracy": 1.0 + run.seed}) for run in SAME]
    chosen = [*PLAIN, *BETTER, *bare]
    found = compare(chosen, ["hard:mlm", "mlm:soft"])
    assert [table.metric for table in found.tables] == ["accuracy", "loss"]
    assert found.comparisons == 3
    assert found.notes == ["mlm is not compared in loss, which soft-0 lacks."]
    asked = compare(chosen, ["hard:mlm", "soft:mlm"], ["loss", "accuracy", "loss"])
    assert asked.comparisons == 3
    assert asked.notes == ["soft is not compared in loss, which soft-0 lacks."]
    assert compare(chosen, ["hard:mlm", "hard:mlm"]).comparisons == 2


def test_scores_on_other_numbers_of_items_are_not_compared() -> None:
    def scored(group: list[RunResult], items: int) -> list[RunResult]:
        return [
            replace(run, metrics={**run.metrics, "blimp": 60.0}, items={"blimp": items})
            for run in group
        ]

    alike = compare([*scored(PLAIN, 200), *scored(BETTER, 200)], "mlm")
    assert [table.metric for table in alike.tables] == ["accuracy", "loss", "blimp"]
    assert not alike.notes
    mixed = [*scored(PLAIN, 200), *scored(BETTER[:2], 200), *scored(BETTER[2:], 10)]
    found = compare([*mixed, *scored(SAME, 200)], "mlm")
    rows = {table.metric: [row.group for row in table.rows] for table in found.tables}
    assert rows["blimp"] == ["mlm", "soft"] and "hard" in rows["loss"]
    assert found.notes == [
        "hard is not compared in blimp, of which mlm-0 has 200 items, hard-2 has 10 items."
    ]
    # A word without an age is no item of a correlation, and which have none depends on the model.
    ages = [
        replace(run, metrics={"aoa (Pearson)": 0.1 * run.seed}, items={"aoa (Pearson)": 80 + n})
        for n, run in enumerate([*PLAIN, *BETTER])
    ]
    assert not compare(ages, "mlm").notes


def test_correlations_have_no_unit_and_zero_has_no_minus() -> None:
    chosen = [
        replace(run, metrics={"wug_adj": value, "blimp": 50 + value})
        for group in (PLAIN[:3], BETTER[:3])
        for run, value in zip(
            group, (0.201, 0.199, 0.2 + group[0].metrics["accuracy"] / 1e6), strict=True
        )
    ]
    ranks, blimp = compare(chosen, "mlm").tables
    assert text.title(ranks) == "wug_adj" and text.title(blimp) == "blimp (%)"
    assert text.cells(ranks)[2][2] == "0.200"
    assert {text.cells(ranks)[2][5], text.cells(blimp)[2][5]} == {"0.000", "0.0"}
    back = compare(chosen, "hard").tables[0]
    assert text.cells(back)[2][5] == "0.000"
