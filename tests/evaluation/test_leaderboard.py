"""Columns from reports by hand; means of public systems against their published means."""

from __future__ import annotations

import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from amlm.evaluation.anchors import ANCHORS
from amlm.evaluation.finetuning.train_task import Recipe
from amlm.evaluation.leaderboard import columns, format_leaderboard, means, read_columns
from amlm.evaluation.rules import RULES
from amlm.evaluation.submission.sizes import GLUE, SIZES
from amlm.util.files import write_json

NOW, BEFORE = RULES["2026"], RULES["2025"]
# NLP and Overall as published with the columns.
PUBLISHED = {
    "small: MLM 40 to 15 %, DeBERTa-v2": (50.31, 39.76),
    "small: Qiushi": (53.15, 42.25),
    "small: wwm_curriculum": (52.97, 41.80),
    "small: BabySteps MurphysLaw": (53.59, 40.86),
    "strict: BabySteps SidBert": (57.91, 45.80),
    "strict: RecGPT-100M": (57.63, 44.33),
}


def report(**official: float) -> dict[str, Any]:
    return {"totals": {metric: {"official": each} for metric, each in official.items()}}


ZERO_SHOT = {
    "blimp_filtered": report(accuracy=70.0),
    "supplement_filtered": report(accuracy=60.0),
    "ewok_filtered": report(accuracy=50.0),
    "entity_tracking": report(accuracy=20.0),
    "comps": report(accuracy=52.0),
    "global_piqa_parallel": report(accuracy=30.0),
    "global_piqa_nonparallel": report(accuracy=50.0),
    "reading": report(eye_tracking=8.0, self_paced=2.0),
    "aoa": report(Pearson=-0.12),
    "blimp_fast": report(accuracy=1.0),  # not on the leaderboard
}
FINE_TUNED = {
    name: {
        "metric": "f1" if name in ("mrpc", "qqp") else "accuracy",
        "seeds": {"42": {"accuracy": 60.0, "f1": 81.0}, "7": {"accuracy": 0.0, "f1": 0.0}},
        "items": size,
    }
    for name, size in GLUE.items()
}


def complete() -> dict[str, Any]:
    """`ZERO_SHOT` on as many items as the official data has."""
    found = copy.deepcopy(ZERO_SHOT)
    for name, groups in SIZES["2026"]["full"].items():
        made = found[f"{name}_filtered" if f"{name}_filtered" in found else name]
        for figure in made["totals"].values():
            figure["items"] = sum(groups.values())
        if name != "reading":
            made["groups"] = {"uid": {uid.upper(): {"items": n} for uid, n in groups.items()}}
    return found


def test_columns_and_means_by_hand() -> None:
    found = columns(NOW, ZERO_SHOT, FINE_TUNED)
    assert found == pytest.approx(
        {"BLiMP": 70, "supp.": 60, "EWoK": 50, "entity": 20, "COMPS": 52, "GLUE": 66, "PIQA": 40,
         "reading": 5, "AoA": -12}
    )  # fmt: skip
    assert means(NOW, found) == pytest.approx({"NLP": 358 / 7, "human": -3.5, "Overall": 351 / 9})


def test_a_missing_task_leaves_its_column_and_the_means_undefined() -> None:
    piqa = {name: each for name, each in ZERO_SHOT.items() if name != "global_piqa_parallel"}
    glue = {name: each for name, each in FINE_TUNED.items() if name != "wsc"}
    found = columns(NOW, piqa, glue)
    assert found["PIQA"] is None and found["GLUE"] is None and found["COMPS"] == 52
    assert means(NOW, found) == {"NLP": None, "human": -3.5, "Overall": None}
    # The leaderboard counts them as 0.
    zero = {name: value or 0.0 for name, value in found.items()}
    assert means(NOW, zero)["NLP"] == pytest.approx(252 / 7)
    shown = format_leaderboard(NOW, found)
    assert "missing, at least in part: GLUE, PIQA (each missing task counts as 0" in shown


def test_results_of_other_models_rules_or_settings_are_left_out_with_a_word(tmp_path: Path) -> None:
    recipe = Recipe(10, 32, 3e-5, 512, "last")
    glue = {name: each | {"recipe": asdict(recipe)} for name, each in FINE_TUNED.items()}
    scores = {"fingerprint": "scored", "rules": "2026", "tasks": complete()}
    tuned = {"fingerprint": "tuned", "tasks": glue}
    recipes = dict.fromkeys(GLUE, recipe)

    def read(recipes: dict[str, Recipe] = recipes, seed: int = 42) -> tuple[Any, list[str]]:
        write_json(tmp_path / "scores.json", scores)
        write_json(tmp_path / "finetune" / "scores.json", tuned)
        names = {False: "scored", True: "tuned"}
        return read_columns(tmp_path, NOW, names.__getitem__, recipes, seed)

    all_of_it = columns(NOW, ZERO_SHOT, FINE_TUNED)
    assert read() == (all_of_it, [])
    found, left_out = read({**recipes, "wsc": replace(recipe, lr=1e-4)})
    assert found == {**all_of_it, "GLUE": None}
    assert left_out == ["wsc (fine-tuning): made with lr 3e-05, not 0.0001"]
    assert f"left out: {left_out[0]}" in format_leaderboard(NOW, found, (), left_out)
    assert len(read(seed=7)[1]) == 7
    tuned["fingerprint"] = "another"
    path = tmp_path / "finetune" / "scores.json"
    assert read() == (
        {**all_of_it, "GLUE": None}, [f"{path}: results of another model or backend"],
    )  # fmt: skip
    scores["rules"], tuned["fingerprint"] = "2025", "tuned"
    found, left_out = read()
    assert [name for name, value in found.items() if value is not None] == ["GLUE"]
    assert left_out == [f"{tmp_path / 'scores.json'}: results by the rules of 2025"]
    nothing = read_columns(tmp_path / "none", NOW, lambda _: pytest.fail("loaded"), recipes, 42)
    assert set(nothing[0].values()) == {None} and not nothing[1]


def test_results_on_a_part_of_the_items_are_left_out_with_a_word(tmp_path: Path) -> None:
    tasks, recipe = complete(), Recipe(10, 32, 3e-5, 512, "last")
    glue = {name: each | {"recipe": asdict(recipe)} for name, each in FINE_TUNED.items()}
    blimp, boxes = (tasks[name]["groups"]["uid"] for name in ("blimp_filtered", "entity_tracking"))
    for uid in list(blimp)[2:]:
        del blimp[uid]
    boxes["AMBIREF_4_OPS"]["items"] -= 1
    tasks["reading"]["totals"]["eye_tracking"]["items"] = 1_725
    glue["rte"] = {**glue["rte"], "items": GLUE["rte"] - 1}
    write_json(tmp_path / "scores.json", {"fingerprint": "x", "rules": "2026", "tasks": tasks})
    write_json(tmp_path / "finetune" / "scores.json", {"fingerprint": "x", "tasks": glue})
    recipes = dict.fromkeys(GLUE, recipe)
    found, left_out = read_columns(tmp_path, NOW, lambda _: "x", recipes, 42)
    missing = {name for name, value in found.items() if value is None}
    assert missing == {"BLiMP", "entity", "reading", "GLUE"}
    assert set(means(NOW, found).values()) == {None}
    assert "missing, at least in part: BLiMP, entity, GLUE, reading (" in format_leaderboard(
        NOW, found
    )
    first, *others = left_out
    assert first.startswith("blimp_filtered: ") and first.endswith("and 62 more like that")
    assert first.count(" has 0 items, not ") == 3
    assert others == [
        "entity_tracking: ambiref_4_ops has 433 items, not 434",
        "reading: reading has 1,725 items, not 1,726",
        f"rte: rte has {GLUE['rte'] - 1} items, not {GLUE['rte']}",
    ]


def test_the_columns_of_2025_have_no_overall_mean() -> None:
    wug = {"wug_adj_nominalization": report(Spearman=0.5), "wug_past_tense": report(Spearman=-0.2)}
    found = columns(BEFORE, {**ZERO_SHOT, **wug}, FINE_TUNED)
    assert (found["WUG adj."], found["WUG past"]) == (50, -20)
    assert means(BEFORE, found) == {
        "NLP": pytest.approx(318 / 6), "human": None, "Overall": None
    }  # fmt: skip


def test_means_of_public_systems_are_the_published_ones() -> None:
    by_name = {anchor.name: anchor for anchor in ANCHORS["2026"]}
    for name, (nlp, overall) in PUBLISHED.items():
        found = means(NOW, by_name[name].columns)
        assert (found["NLP"], found["Overall"]) == pytest.approx((nlp, overall), abs=0.006)
    shown = format_leaderboard(NOW, columns(NOW, {}, {}), ANCHORS["2026"])
    for anchor in by_name.values():
        assert anchor.name in shown and anchor.source in shown
