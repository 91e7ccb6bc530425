"""Groups of made-up runs: what is compared, what is said, and in which form."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amlm.compare import CompareOptions, compare_runs
from amlm.report import comparison_text as text
from amlm.report.comparison import Comparison, compare
from amlm.report.difference_plot import differences, write_differences
from amlm.report.html_page import html_page
from amlm.report.report_data import read_report
from amlm.report.report_tables import tables_of
from amlm.report.runs import RunResult, load_runs, read_runs, write_runs
from amlm.report.statistics import holm
from amlm.training.run import Result
from amlm.util.errors import InputError


def runs(
    group: str, accuracies: Sequence[float], first_seed: int = 0, **changes: Any
) -> list[RunResult]:
    """Runs of a group; `changes` are attributes of each."""
    defaults: dict[str, Any] = {
        "ratio": 0.275,
        "words_seen": 2_000_000,
        "untrained": {"accuracy": 0.1},
        "options": {"trainer.max_steps": 1500, "masking.floor": 0.005},
    }
    return [
        RunResult(
            run=f"{group}-{seed}",
            group=group,
            seed=seed,
            metrics={"accuracy": value, "loss": 5 - value / 10},
            **{**defaults, **changes},
        )
        for seed, value in enumerate(accuracies, first_seed)
    ]


PLAIN = runs("mlm", [33.1, 34.0, 33.6, 34.4, 33.2])
BETTER = runs("hard", [35.0, 36.1, 35.4, 36.3, 35.3])
SAME = runs("soft", [33.3, 33.8, 33.7, 34.2, 33.4])


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
        [35.0, 36.1],
        words_seen=4_000_000,
        ratio=0.15,
        options={"trainer.max_steps": 3000, "masking.floor": 0.1},
    )
    notes = compare([*PLAIN[:2], *other], "mlm").notes
    assert notes == [
        "Unequal: hard has words seen 4,000,000, mlm 2,000,000.",
        "Unequal: hard has mask ratio 0.1500, mlm 0.2750.",
        "Unequal: hard and mlm differ in trainer.max_steps.",
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


@pytest.mark.parametrize("given", [{}, {"baseline": "mlm", "pairs": ["hard:mlm"]}])
def test_either_a_baseline_or_pairs_are_needed(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"one of baseline=<group> and pairs=.* is required"):
        compare_runs(CompareOptions(["outputs"], **given))


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


def test_kept_results_give_the_same_text(tmp_path: Path) -> None:
    chosen = [*PLAIN, *BETTER]
    write_runs(tmp_path / "runs.json", chosen)
    assert load_runs(tmp_path / "runs.json") == chosen
    assert (tmp_path / "runs.json").read_text().count("trainer.max_steps") == 1
    again, _ = read_runs([str(tmp_path / "runs.json")])
    assert text.as_text(compare(again, "mlm")) == text.as_text(compare(chosen, "mlm"))


@pytest.mark.parametrize("content", ["", "{}", '{"version": 0, "runs": []}', "[1]"])
def test_another_file_is_refused_by_name(content: str, tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text(content)
    with pytest.raises(InputError, match=r"runs=.*runs\.json was not written by this version"):
        load_runs(tmp_path / "runs.json")


# --- from run folders ---


def test_run_folders_are_read_and_compared(
    tiny_run: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [
        tiny_run(
            f"experiment={name}",
            f"seed={seed}",
            "trainer.max_steps=4",
            f"run_dir={tmp_path}/{name}-{seed}",
        )
        for name in ("mlm", "hard")
        for seed in (0, 1)
    ]
    (tmp_path / "mlm-0" / "scores").mkdir()
    scores = {
        "model": str(tmp_path / "mlm-0" / "hf"),
        "revision": "main",
        "rules": "2026",
        "tasks": {"blimp_fast": {"totals": {"accuracy": {"score": 51.0}}, "hits": {"a": "10"}}},
    }
    (tmp_path / "mlm-0" / "scores" / "scores.json").write_text(json.dumps(scores))
    unfinished = tmp_path / "hard-2"
    unfinished.mkdir()
    for name in ("config.yaml", "run.json"):
        (unfinished / name).write_bytes((made[0].folder / name).read_bytes())
    (unfinished / "log.jsonl").write_text('{"kind": "train", "step": 3}\n')

    found, skipped = read_runs([str(tmp_path)])
    by_name = {run.run: run for run in found}
    assert sorted(by_name) == ["hard-0", "hard-1", "mlm-0", "mlm-1"]
    assert skipped == [f"skipped {unfinished}: not finished (step 3)"]
    one = by_name["mlm-0"]
    last = made[0].summary
    assert one.metrics["accuracy"] == pytest.approx(100 * last["accuracy_after"])
    assert one.metrics["loss"] == last["loss_after"]
    assert one.untrained["accuracy"] == pytest.approx(100 * last["accuracy_before"])
    assert (one.metrics["blimp_fast"], one.hits["blimp_fast"]) == (51.0, {"a": "10"})
    assert by_name["mlm-1"].hits == {}
    assert one.options["trainer.max_steps"] == 4
    places = {"run_dir", "paths.cache", "data.dir", "masking.signal.path"}
    assert not places & one.options.keys()

    out = tmp_path / "out"
    compare_runs(CompareOptions([f"{tmp_path}/*-[01]"], "mlm", out=str(out)))
    printed = capsys.readouterr().out
    assert "accuracy: hard" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"comparison.{ending}" for ending in ("csv", "md", "png", "svg", "tex", "txt")),
        "runs.json",
    ]
    assert (out / "comparison.txt").read_text() in printed

    report = read_report([f"{tmp_path}/*-[01]"])
    assert [(group.name, len(group.runs), group.updates) for group in report.groups] == [
        ("hard", 2, []),
        ("mlm", 2, []),
    ]
    vocabulary = report.groups[0].runs[0].vocabulary
    assert vocabulary is not None and vocabulary.counts_V is not None
    assert "held-out loss" in html_page(report, tables_of(report), {})


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


def test_without_matplotlib_the_rest_of_a_comparison_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_runs(tmp_path / "runs.json", [*PLAIN, *BETTER])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "amlm.report.difference_plot", raising=False)
    out = tmp_path / "out"
    compare_runs(CompareOptions([str(tmp_path / "runs.json")], "mlm", out=str(out)))
    assert "pip install 'amlm[report]'" in capsys.readouterr().out
    assert (out / "comparison.txt").exists() and not (out / "comparison.svg").exists()


def test_a_pattern_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"runs=.* matches no run of amlm\.train"):
        read_runs([str(tmp_path / "nothing-*")])


def test_tables_are_logged_to_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    from amlm.report.comparison_wandb import log_tables

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    log_tables(compare([*PLAIN, *BETTER], "mlm", ["accuracy"]), "study")
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    tables = list(run.rglob("*.table.json"))
    contents = [json.loads(path.read_text()) for path in tables]
    assert {len(each["data"]) for each in contents} == {3, 1}
