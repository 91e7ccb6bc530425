"""What the leaderboard refuses: a made-up submission of the official sizes passes, and each single
violation is refused by name. Sizes are those of the specification, spelled out here."""

from __future__ import annotations

from typing import Any

import pytest

from amlm.evaluation.rules import RULES
from amlm.evaluation.submission import sizes
from amlm.evaluation.submission.validity import card_problems, violations

STEPS = [f"chck_{n}M" for n in (*range(1, 10), *range(10, 101, 10))]
ENTITY = {
    "regular": (517, 409, 405, 425, 388, 94),
    "ambiref": (508, 428, 413, 409, 434, 123),
    "move_contents": (516, 437, 399, 406, 353, 116),
}
GLUE = {
    "boolq": 1635, "mnli": 4908, "mrpc": 204, "multirc": 2424, "qqp": 20215, "rte": 139, "wsc": 52
}  # fmt: skip
FULL = sizes.SIZES["2026"]["full"]


def listed(uid: str, size: int, pred: Any) -> dict[str, Any]:
    return {"predictions": [{"id": f"{uid}_{n}", "pred": pred} for n in range(size)]}


def groups(of: dict[str, int], pred: Any = "yes") -> dict[str, Any]:
    return {uid: listed(uid, size, pred) for uid, size in of.items()}


def keyed(count: int) -> dict[str, Any]:
    return {f"e{n}": listed(f"e{n}", 1, " yes") for n in range(count)}


def fast(names: Any, value: float = 0.5) -> list[Any]:
    return [dict.fromkeys(names, value) for _ in STEPS]


BOXES = {f"{name}_{n}_ops": size for name, row in ENTITY.items() for n, size in enumerate(row)}
CONTENT: dict[str, Any] = {
    "blimp": groups(FULL["blimp"]),
    "blimp_supplement": groups(FULL["supplement"]),
    "ewok": groups(FULL["ewok"]),
    "entity_tracking_filtered": groups(BOXES),
    "comps": groups(FULL["comps"]),
    "reading": groups({"reading": 1_726}, 0.25),
    "global_piqa_parallel": keyed(103),
    "global_piqa_nonparallel": keyed(100),
    "aoa_surprisals": {
        "results": [{"step": step, "surprisal": 1.5} for step in STEPS for _ in range(8_005)]
    },
    "aoa": {"aoa": -0.2},
    "glue": groups(GLUE, 1),
    "fast_eval_results": {
        "blimp": fast(FULL["blimp"]),
        "blimp_supplement": fast(FULL["supplement"]),
        "ewok": fast(FULL["ewok"]),
        "entity_tracking_filtered": fast([uid for uid in BOXES if uid.startswith("regular")]),
        "global_piqa_parallel": fast(["global_piqa_parallel"]),
        "global_piqa_nonparallel": fast(["global_piqa_nonparallel"]),
        "reading": fast(["spr", "rt"], 0.01),
    },
}


def found(content: Any, track: str = "strict-small") -> list[str]:
    return violations(content, RULES["2026"], track)


def test_a_complete_submission_of_official_sizes_passes() -> None:
    assert found(CONTENT) == []
    assert list(CONTENT["blimp"]) and len(CONTENT["blimp"]) == 67


def test_every_part_may_be_null() -> None:
    assert found(dict.fromkeys(CONTENT)) == []
    entries: dict[str, Any] = dict.fromkeys(CONTENT["fast_eval_results"], [None] * 19)
    assert found({**dict.fromkeys(CONTENT), "fast_eval_results": entries}) == []
    assert found({**dict.fromkeys(CONTENT), "glue": dict.fromkeys(GLUE)}) == []
    entries = {**CONTENT["fast_eval_results"], "ewok": None}
    assert found({**dict.fromkeys(CONTENT), "fast_eval_results": entries}) == []


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


def with_pred(part: str, uid: str, pred: Any) -> dict[str, Any]:
    one, *rest = CONTENT[part][uid]["predictions"]
    return {**CONTENT[part], uid: {"predictions": [{**one, "pred": pred}, *rest]}}


def shorter(part: str, uid: str) -> dict[str, Any]:
    return {**CONTENT[part], uid: {"predictions": CONTENT[part][uid]["predictions"][1:]}}


def fast_with(task: str, entry: Any) -> dict[str, Any]:
    entries = CONTENT["fast_eval_results"]
    return {**entries, task: [*entries[task][:3], entry, *entries[task][4:]]}


FEWER = {"results": CONTENT["aoa_surprisals"]["results"][1:]}
ONE = CONTENT["fast_eval_results"]["blimp"][0]


@pytest.mark.parametrize(
    ("part", "value", "named"),
    [
        # sizes
        ("blimp", shorter("blimp", "causative"), "blimp: causative has 817 predictions, not 818"),
        ("blimp", without(CONTENT["blimp"], "causative"), "blimp: causative is missing"),
        ("blimp", {**CONTENT["blimp"], "new": listed("", 1, "")}, "blimp: new is unknown"),
        ("blimp_supplement", {}, "blimp_supplement: hypernym is missing"),
        (
            "blimp_supplement",
            shorter("blimp_supplement", "hypernym"),
            "blimp_supplement: hypernym has 841 predictions, not 842",
        ),
        ("ewok", shorter("ewok", "spatial-relations"), "has 489 predictions, not 490"),
        (
            "entity_tracking_filtered",
            shorter("entity_tracking_filtered", "regular_5_ops"),
            "entity_tracking_filtered: regular_5_ops has 93 predictions, not 94",
        ),
        ("comps", shorter("comps", "base"), "comps: base has"),
        ("reading", shorter("reading", "reading"), "reading: reading has 1,725 predictions"),
        ("glue", shorter("glue", "rte"), "glue: rte has 138 predictions, not 139"),
        ("glue", without(CONTENT["glue"], "qqp"), "glue: qqp is missing"),
        # types of predictions
        ("glue", with_pred("glue", "rte", "1"), "rte_0 in rte is not an integer: '1'"),
        ("glue", with_pred("glue", "rte", 1.0), "rte_0 in rte is not an integer: 1.0"),
        ("glue", with_pred("glue", "rte", True), "rte_0 in rte is not an integer: True"),
        ("reading", with_pred("reading", "reading", 1), "reading_0 in reading is not a finite"),
        ("reading", with_pred("reading", "reading", float("nan")), "is not a finite float: nan"),
        ("blimp", with_pred("blimp", "passive_1", 0), "passive_1_0 in passive_1 is not text: 0"),
        ("comps", [], "comps is not in the format"),
        ("blimp", {"causative": [1]}, "blimp is not in the format"),
        ("glue", [], "glue is not an object of tasks"),
        # GlobalPIQA
        ("global_piqa_parallel", keyed(102), "global_piqa_parallel has 102 ids, not 103"),
        (
            "global_piqa_nonparallel",
            {**keyed(99), "twice": listed("e", 2, " yes")},
            "global_piqa_nonparallel: twice has 2 predictions, not 1",
        ),
        (
            "global_piqa_parallel",
            with_pred("global_piqa_parallel", "e4", 3),
            "the pred of e4_0 in e4 is not text: 3",
        ),
        # age of acquisition
        ("aoa_surprisals", FEWER, "aoa_surprisals: chck_1M has 8,004 contexts, not 8,005"),
        (
            "aoa_surprisals",
            {
                "results": [
                    *CONTENT["aoa_surprisals"]["results"],
                    {"step": "chck_11M", "surprisal": 1.0},
                ]
            },
            "aoa_surprisals: chck_11M is no checkpoint of track=strict-small",
        ),
        ("aoa_surprisals", {"rows": []}, "aoa_surprisals is not the content of surprisal.json"),
        ("aoa", {"aoa": 15.45}, "aoa is not {'aoa': <a number from -1 to 1>}: {'aoa': 15.45}"),
        ("aoa", -0.2, "aoa is not {'aoa': <a number from -1 to 1>}: -0.2"),
        ("aoa_surprisals", None, "aoa counts as 0 without aoa_surprisals"),
        # fast suite
        (
            "fast_eval_results",
            {**CONTENT["fast_eval_results"], "ewok": [*fast(FULL["ewok"]), None]},
            "fast_eval_results: ewok has 20 checkpoints, and track=strict-small 19",
        ),
        (
            "fast_eval_results",
            fast_with("blimp", without(ONE, "causative")),
            "fast_eval_results: blimp, checkpoint 4: causative is missing",
        ),
        (
            "fast_eval_results",
            fast_with("blimp", {**ONE, "other": 0.5}),
            "fast_eval_results: blimp, checkpoint 4: other is unknown",
        ),
        (
            "fast_eval_results",
            fast_with("blimp", {**ONE, "causative": 71.0}),
            "checkpoint 4: causative is not a number from 0 to 1: 71.0",
        ),
        (
            "fast_eval_results",
            fast_with("reading", {"spr": 0.01}),
            "fast_eval_results: reading, checkpoint 4: rt is missing",
        ),
        (
            "fast_eval_results",
            fast_with("global_piqa_parallel", 0.4),
            "global_piqa_parallel, checkpoint 4 is not an object of scores",
        ),
        (
            "fast_eval_results",
            without(CONTENT["fast_eval_results"], "reading"),
            "fast_eval_results: reading is missing",
        ),
        ("fast_eval_results", {**CONTENT["fast_eval_results"], "ewok": 1}, "ewok is not a list"),
        ("fast_eval_results", [], "fast_eval_results is not an object of lists"),
        # keys
        ("wug_adj", None, "wug_adj is not a key of 2026"),
        (
            "entity_tracking",
            None,
            "entity_tracking is not a key of 2026: its results count only as entity_tracking_fil",
        ),
    ],
)
def test_each_violation_is_named_alone(part: str, value: Any, named: str) -> None:
    ages = {"aoa": CONTENT["aoa"], "aoa_surprisals": CONTENT["aoa_surprisals"]}
    around = {**dict.fromkeys(CONTENT), **(ages if part.startswith("aoa") else {})}
    problems = found({**around, part: value})
    assert any(named in each for each in problems), problems
    assert len(problems) == 1 or value == {}, problems


def test_missing_keys_and_other_values_are_named() -> None:
    assert found([]) == ["the file holds no JSON object"]
    (problem,) = found(without(dict.fromkeys(CONTENT), "comps"))
    assert problem == "comps is missing: a part without results is null"


def test_many_problems_of_a_kind_are_cut_short() -> None:
    problems = found({**dict.fromkeys(CONTENT), "blimp": groups(dict.fromkeys(FULL["blimp"], 1))})
    assert len(problems) == 4 and problems[-1] == "... and 64 more like that"


def test_the_strict_track_has_28_checkpoints() -> None:
    entries = {**CONTENT["fast_eval_results"], "ewok": fast(FULL["ewok"]) + [None] * 9}
    assert found({**dict.fromkeys(CONTENT), "fast_eval_results": entries}, "strict") == []
    longer = {**entries, "ewok": [*entries["ewok"], None]}
    (problem,) = found({**dict.fromkeys(CONTENT), "fast_eval_results": longer}, "strict")
    assert problem == "fast_eval_results: ewok has 29 checkpoints, and track=strict 28"
    problems = found({**CONTENT, "fast_eval_results": None}, "strict")
    assert "aoa_surprisals: chck_200M has 0 contexts, not 8,005" in problems


def test_a_submission_of_2025_has_other_keys() -> None:
    keys = [*(key for key in CONTENT if "piqa" not in key and key != "aoa_surprisals")]
    keys[keys.index("entity_tracking_filtered")] = "entity_tracking"
    content = dict.fromkeys([*keys, "wug_adj", "wug_past"])
    assert violations(content, RULES["2025"], "strict-small") == []
    content["aoa"] = CONTENT["aoa_surprisals"]
    assert violations(content, RULES["2025"], "strict-small") == []


CARD = f"---\nlicense: mit\ntags: [babylm]\n---\n\n# A model\n\n{'word ' * 50}\n"


@pytest.mark.parametrize(
    ("card", "problems"),
    [
        (CARD, []),
        (None, ["the model has no card (README.md)"]),
        (CARD.replace("word " * 50, "word " * 30), ["the model card has 160 characters, and ne"]),
        (CARD.replace("license: mit\n", ""), ["the model card states no license"]),
        (CARD.replace("license: mit", "license:"), ["the model card states no license"]),
        (CARD.replace("---\n", ""), ["the model card states no license"]),
    ],
)
def test_the_card_needs_a_licence_and_200_characters(card: str | None, problems: list[str]) -> None:
    assert [each[:40] for each in card_problems(card)] == [each[:40] for each in problems]
