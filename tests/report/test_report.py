"""A report of made-up runs: what it contains, and that it is the same each time."""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from amlm.masking.marginals import exact_marginals
from amlm.report import packing
from amlm.report.__main__ import ReportOptions, write_report
from amlm.report.held_out import probabilities, sentences_of
from amlm.report.packing import pack_groups
from amlm.report.plots import relative
from amlm.report.report_data import KIND, RANK, SPEECH, Group, ReportData, read_report
from amlm.report.report_tables import tables_of
from amlm.store.token_store import TokenStore
from amlm.tokenizers.parts_of_speech import parts_of_speech
from amlm.training.record import read_tables
from amlm.util.errors import InputError
from tests.report.made_up_runs import make_up_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, small_store: TokenStore) -> Path:
    """Three seeds of one group, one of another, and one that has not finished."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        make_up_run(folder / f"hard-{seed}", small_store, seed=seed)
    make_up_run(folder / "mlm", small_store, group="mlm", effect=-2)
    make_up_run(folder / "soft", small_store, group="soft", finished=False)
    return folder


@pytest.fixture(scope="module")
def data(runs: Path) -> ReportData:
    return read_report([str(runs)])


@pytest.fixture(scope="module")
def report(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(ReportOptions([str(runs)], str(tmp_path_factory.mktemp("report"))))


def data_of(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    return dict(json.loads(found[1]))


def test_runs_that_differ_in_their_seed_are_one_group(data: ReportData) -> None:
    assert {group.name: len(group.runs) for group in data.groups} == {
        "hard_decay": 3,
        "mlm": 1,
        "soft": 1,
    }
    hard, mlm, _ = data.groups
    assert hard.curves["validation/loss"].count == [3, 3]
    assert np.isnan(mlm.curves["validation/loss"].low).all()


def test_one_seed_has_no_interval_and_the_reason_is_said(data: ReportData) -> None:
    assert "mlm has one seed: no interval over seeds can be given." in data.notes
    assert not any(note.startswith("hard_decay has one seed") for note in data.notes)
    scores = next(table for table in tables_of(data) if table.name == "scores")
    assert [row[4:] for row in scores.rows if row[1] == "mlm"] == [[None, None, None]] * 3


def test_an_unfinished_run_is_shown_and_marked(data: ReportData) -> None:
    assert "soft, seed 0: not finished (step 1,000)." in data.notes
    table = next(table for table in tables_of(data) if table.name == "runs")
    assert {row[0]: row[3] for row in table.rows} == {
        "hard_decay": "yes",
        "mlm": "yes",
        "soft": "no",
    }


def test_scores_while_training_are_averaged_over_seeds_that_saw_as_many_words(
    data: ReportData,
) -> None:
    name, (one, other, _) = "evaluation/sample/score", data.groups[0].runs
    group = Group(
        "hard",
        [
            replace(one, curves={name: {711: 60.0, 1000: 70.0}, "train/loss": {711: 3.0}}),
            replace(other, curves={name: {713: 64.0, 1000: 72.0}, "train/loss": {713: 4.0}}),
        ],
    )
    assert group.curves[name].steps == [711, 1000]
    assert group.curves[name].mean.tolist() == [62.0, 71.0]
    assert group.curves["train/loss"].steps == [711, 713]


def test_mean_tables_leave_out_runs_with_fewer_updates_and_say_so(
    small_store: TokenStore, tmp_path: Path
) -> None:
    whole = make_up_run(tmp_path / "whole", small_store)
    make_up_run(tmp_path / "short", small_store, seed=1, steps=500, finished=False)
    found = read_report([str(tmp_path)])
    (group,) = found.groups
    assert group.updates == [200, 400, 600, 800]
    np.testing.assert_allclose(group.mean_tables(range(4)), read_tables(whole)[1])
    assert any(note.startswith("hard_decay: its mean tables are of 1 of 2") for note in found.notes)


def test_runs_of_another_vocabulary_are_not_averaged(
    small_store: TokenStore, tmp_path: Path
) -> None:
    make_up_run(tmp_path / "one", small_store)
    other = make_up_run(tmp_path / "other", small_store, seed=1) / "hf" / "tokenizer.json"
    other.write_text(other.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    (group,) = read_report([str(tmp_path)]).groups
    assert [run.result.seed for run in group.drifted] == [0]


def test_health_events_are_notes(small_store: TokenStore, tmp_path: Path) -> None:
    folder = make_up_run(tmp_path / "run", small_store)
    event = {"kind": "health", "step": 300, "event": "loss", "message": "the loss has risen"}
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(event) + "\n")
    assert "hard_decay, seed 0, step 300: the loss has risen" in read_report([str(folder)]).notes


def test_means_by_part_of_speech_are_those_of_the_types(data: ReportData, runs: Path) -> None:
    group = data.groups[0]
    vocabulary = group.vocabulary
    assert vocabulary is not None
    tables = [read_tables(runs / f"hard-{seed}")[1] for seed in range(3)]
    classes = parts_of_speech(vocabulary.surfaces)
    for name, curve in group.under(SPEECH).items():
        types = [v for v, found in enumerate(classes) if found == name]
        expected = [np.mean([table[t, types].mean() for table in tables]) for t in range(4)]
        assert curve.mean == pytest.approx(expected, rel=1e-6), name
    assert {"determiner", "noun", "punctuation"} & group.under(SPEECH).keys()
    assert not {"special", "byte"} & group.under(SPEECH).keys()


def test_another_tagger_tells_the_parts_of_speech_and_is_named(
    data: ReportData, runs: Path
) -> None:
    by_hanta = read_report([str(runs)], tagger="hanta")
    vocabulary = by_hanta.groups[0].vocabulary
    assert vocabulary is not None
    classes = parts_of_speech(vocabulary.surfaces, "hanta")
    assert [c for c in vocabulary.classes if c != "special"] == [
        name for name, c in zip(classes, vocabulary.classes, strict=True) if c != "special"
    ]
    for read, tagger in ((data, "lexicon"), (by_hanta, "hanta")):
        (table,) = [each for each in tables_of(read) if each.name == "part_of_speech"]
        assert f"(tagger: {tagger})" in table.title


def test_ranks_are_in_order_and_relative_to_the_mask_ratio(data: ReportData) -> None:
    group = data.groups[0]
    bins = group.under(RANK)
    first = [int(name.split("-")[0]) for name in bins]
    assert first == sorted(first) and first[0] == 1
    curve = next(iter(bins.values()))
    assert relative(group, curve).mean == pytest.approx(curve.mean / np.array(group.ratios))
    assert "special" not in group.under(KIND)


def test_probabilities_of_a_sentence_are_the_marginals_averaged_over_seeds(
    data: ReportData,
) -> None:
    group = data.groups[0]
    assert group.vocabulary is not None
    sentences = sentences_of(group.vocabulary, ["ba bo don't. 1999"])
    assert len(sentences) > 3  # the held-out text too
    q_TNL = probabilities(group, sentences, [0, 3])
    for n, sentence in enumerate(sentences):
        ids = torch.tensor([sentence.ids])
        maskable = torch.ones_like(ids, dtype=torch.bool)
        maskable[0, 0] = maskable[0, -1] = False  # [CLS] and [SEP]
        for t, update in enumerate((0, 3)):
            expected = [
                exact_marginals(
                    torch.from_numpy(np.array(run.tables_TV[update]))[ids],
                    maskable,
                    run.ratios[update],
                )[0].numpy()
                for run in group.runs
            ]
            size = len(sentence.ids)
            assert q_TNL[t, n, :size] == pytest.approx(np.mean(expected, axis=0), abs=1e-12)
            total = max(group.ratios[update] * (size - 2), 1.0)
            assert q_TNL[t, n].sum() == pytest.approx(total)


def test_excluded_types_are_never_shown_as_masked_and_other_units_are_noted(
    small_store: TokenStore, tmp_path: Path
) -> None:
    unit = {"_target_": "amlm.masking.units.word.Word"}
    masking = {"exclude": ["/[a-f].*/"], "unit": unit, "control": "loss_weighting"}
    make_up_run(tmp_path / "word", small_store, group="word", masking=masking)
    found = read_report([str(tmp_path)])
    (group,) = found.groups
    assert group.vocabulary is not None
    (*_, sentence) = sentences = sentences_of(group.vocabulary, [])
    q_L = probabilities(group, sentences, [0])[0, -1]
    texts = [piece.removeprefix("▁") for piece in sentence.pieces]
    excluded = [text[:1] in tuple("abcdef") or text.startswith("[") for text in texts]
    assert any(excluded[1:-1]) and not all(excluded)
    assert [q == 0 for q in q_L[: len(texts)]] == excluded
    assert (
        "word masks by unit word and uniform draws: the sentence viewer shows what single tokens "
        "drawn by its table would get."
    ) in found.notes


def test_the_same_runs_give_the_same_bytes(report: Path, runs: Path, tmp_path: Path) -> None:
    again = write_report(ReportOptions([str(runs)], str(tmp_path / "again"))).parent
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    names = {str(path) for path in files}
    assert {"report.html", "tables/scores.tex", "tables/curves.csv"} < names
    for name in ("frequency_rank", "part_of_speech", "distribution", "learning_curves", "scores"):
        assert {f"figures/{name}.svg", f"figures/{name}.png"} < names
    for path in files:
        assert (again / path).read_bytes() == (report.parent / path).read_bytes(), path


def test_the_page_loads_nothing_from_elsewhere(report: Path) -> None:
    class Loaded(HTMLParser):
        found: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("link", "iframe", "object", "img"):
                self.found.append(tag)
            self.found += [f"{tag} {k}" for k, _ in attrs if k in ("src", "srcset", "data")]

    text = report.read_text(encoding="utf-8")
    Loaded().feed(text)
    assert Loaded.found == []
    assert "@import" not in text and "url(" not in text
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(", text)


def test_what_the_page_links_to_exists(report: Path) -> None:
    paths = [path for found in data_of(report)["files"].values() for path in found]
    assert len(paths) > 20
    assert all((report.parent / path).is_file() for path in paths)


def test_the_page_holds_charts_tables_tokens_and_sentences(report: Path) -> None:
    content = data_of(report)
    assert [line["name"] for line in content["charts"]["learning_curves"][0]["lines"]] == [
        *("hard_decay", "mlm", "soft")
    ]
    hard = content["groups"][0]
    assert hard["seeds"] == 3 and hard["table"]["steps"] == [200, 400, 600, 800]
    assert len(hard["sentences"]["q"]) == 4
    assert [len(q) for q in hard["sentences"]["q"][0]] == [
        len(pieces) for pieces in content["vocabularies"][0]["sentences"]
    ]
    assert "low" in content["charts"]["learning_curves"][0]["lines"][0]
    assert "low" not in content["charts"]["learning_curves"][0]["lines"][1]


def test_tables_as_csv_are_exact_and_as_latex_escaped(report: Path, data: ReportData) -> None:
    folder = report.parent / "tables"
    rows = list(csv.DictReader((folder / "scores.csv").open(encoding="utf-8")))
    found = {(row["metric"], row["group"]): row for row in rows}
    values = [run.result.metrics["sample"] for run in data.groups[0].runs]
    assert float(found["sample", "hard_decay"]["mean"]) == pytest.approx(np.mean(values), abs=1e-12)
    control = [row for row in rows if row["group"] == "untrained"]
    assert [(row["metric"], float(row["mean"])) for row in control] == [
        ("loss", 9.0),
        ("accuracy", 0.0),
    ]
    (folder / "accuracy_by_part_of_speech.csv").stat()
    classes = list(csv.reader((folder / "accuracy_by_frequency.csv").open(encoding="utf-8")))
    assert classes[0] == ["occurrences in the training text", "hard_decay", "mlm", "soft"]
    assert [row[0] for row in classes[1:]] == ["1-2", "3-6", "15-30"]
    accuracies = [run.result.metrics["accuracy"] for run in data.groups[0].runs]
    assert float(classes[2][1]) == pytest.approx(np.mean(accuracies)) and classes[2][3] == ""
    (ties,) = {row["ties (%)"] for row in csv.DictReader((folder / "scores_by_run.csv").open())}
    assert ties == "1.25"
    latex = (folder / "scores.tex").read_text(encoding="utf-8")
    assert r"hard\_decay" in latex and r"\toprule" in latex and latex.count("tabular") == 2
    extremes = (folder / "extremes.tex").read_text(encoding="utf-8")
    assert "▁" not in extremes and r"\textvisiblespace" in extremes


def test_fewer_updates_are_packed_where_all_would_not_fit(
    data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = data.groups[:1]
    types = [np.arange(600)]
    whole = pack_groups(groups, types)
    assert whole.most == packing.MOST
    monkeypatch.setattr(packing, "BUDGET", len(whole.tables[0]) * 2 // 3)
    smaller = pack_groups(groups, types)
    assert len(smaller.tables[0]) <= packing.BUDGET and 2 <= smaller.most < 4


def test_wrong_runs_are_refused_with_what_to_do(
    runs: Path, small_store: TokenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"runs=nowhere matches no run of amlm.train"):
        read_report(["nowhere"])
    twice = make_up_run(tmp_path / "twice", small_store)
    with pytest.raises(InputError, match=r"two runs of seed 0: .*Give runs= patterns that match"):
        read_report([str(runs), str(twice)])
    started = make_up_run(tmp_path / "started", small_store)
    first = (started / "log.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (started / "log.jsonl").write_text(f"{first}\n", encoding="utf-8")
    assert (
        f"{started} is left out: it has not trained yet."
        in read_report([str(runs), str(started)]).notes
    )
    with pytest.raises(InputError, match="no run has trained yet; wait for the first"):
        read_report([str(started)])
    monkeypatch.delitem(sys.modules, "amlm.report.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"a report needs .*: pip install 'amlm\[report"):
        write_report(ReportOptions([str(runs)], str(tmp_path / "out")))
