"""The submission file: synthetic results of the official sizes against the format and against
scores counted by hand; every kind of missing result is named in the error."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from amlm.evaluate import run
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.rules import RULES
from amlm.evaluation.submission import collate as collating
from amlm.evaluation.submission import official, sizes
from amlm.evaluation.submission import submit as submitting
from amlm.evaluation.submission.collate import FINETUNE, checkpoint_names, collate
from amlm.evaluation.zero_shot.run_tasks import made_from
from amlm.evaluation.zero_shot.tasks import find
from amlm.util.errors import InputError

PATHS = {
    "blimp": ("blimp/blimp_filtered", "blimp/blimp_fast"),
    "supplement": ("blimp/supplement_filtered", "blimp/supplement_fast"),
    "ewok": ("ewok/ewok_filtered", "ewok/ewok_fast"),
    "entity_tracking": ("entity_tracking/entity_tracking", "entity_tracking/entity_tracking_fast"),
    "wug_adj": ("wug_adj/wug_adj_nominalization", "wug_adj/wug_adj_nominalization"),
    "wug_past": ("wug_past/wug_past_tense", "wug_past/wug_past_tense"),
    "comps": ("comps/comps", ""),
    "reading": ("reading", "reading"),
    **{
        f"global_piqa_{name}": (f"global_piqa_{name}/global_piqa_{name}",) * 2
        for name in ("parallel", "nonparallel")
    },
}
KEYS = {"supplement": "blimp_supplement", "entity_tracking": "entity_tracking_filtered"}
FULL, FAST = (sizes.SIZES["2026"][suite] for suite in ("full", "fast"))
MEASURES = ["RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound", "self_paced_reading_time"]


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def predictions(task: str, groups: Mapping[str, int], every: int) -> dict[str, Any]:
    """Correct, except for items whose number is a multiple of `every`."""
    made: dict[str, Any] = {}
    if task.startswith("global_piqa"):  # one prediction for each example
        return {
            f"e{n}": {
                "predictions": [{"id": f"e{n}_0", "pred": " no" if n % every == 0 else " yes"}]
            }
            for n in range(groups[task])
        }
    for uid, size in groups.items():
        listed: list[dict[str, Any]] = []
        for n in range(size):
            each: dict[str, Any] = {"id": f"{uid}_{n}", "pred": "no" if n % every == 0 else "yes"}
            if task.startswith("wug"):
                each["prob"] = 1 - n / 1_000
            if task == "reading":
                each = {"id": n, "pred": float(n * n % 97), "prev_pred": float(n % 13)}
            listed.append(each)
        made[uid] = {"predictions": listed}
    return made


def reading_table(path: Path) -> None:
    path.parent.mkdir(parents=True)
    head = ["item", "word", "prev_item", "prev_word", "Subtlex_log10", "length", "context_length"]
    lines = [",".join([*head, "prev_length", *MEASURES])]
    for n in range(1_726):
        numbers = [n % 7, n % 11, n % 5, n % 9, *(n * k % 101 for k in (3, 5, 7, 13, 17))]
        lines.append(",".join(["a", "b", "a", "b", *map(str, numbers)]))
    path.write_text("\n".join(lines) + "\n")


def fast_data(root: Path) -> None:
    """Items whose correct answer is always "yes"."""
    pair = {"sentence_good": "yes", "sentence_bad": "no", "field": "f", "linguistics_term": "t"}
    for task, folder in (("blimp", "blimp_fast"), ("supplement", "supplement_fast")):
        for uid, size in FAST[task].items():
            write_lines(root / folder / f"{uid}.jsonl", [pair | {"UID": uid}] * size)
    about = dict.fromkeys(("ContextType", "ContextDiff", "TargetDiff"), "")
    for uid, size in FULL["ewok"].items():
        # The chosen context is quoted with its target.
        texts = {"Context1": "yes", "Context2": "no", "Target1": "t", "Target2": "u"}
        line = about | {"Domain": uid} | texts
        write_lines(root / "ewok_fast" / f"{uid}.jsonl", [line] * FAST["ewok"][uid])
        assert size > 100
    boxes = [
        {"numops": int(uid.split("_")[1]), "input_prefix": "", "options": ["yes", "no", "none"]}
        for uid, size in FAST["entity_tracking"].items()
        for _ in range(size)
    ]
    # Those with "nothing" in an option are left out.
    boxes[7:7] = [boxes[0] | {"options": ["yes", "nothing"]}] * 3
    write_lines(root / "entity_tracking_fast" / "regular.jsonl", boxes)
    for task, options in (("global_piqa_parallel", 4), ("global_piqa_nonparallel", 2)):
        solutions = {f"solution{n}": "no" for n in range(options)} | {"solution1": "yes"}
        lines = [
            {"prompt": "p", "label": 1, "example_id": f"e{n}", **solutions}
            for n in range(FAST[task][task])
        ]
        write_lines(root / task / "eng_latn.jsonl", lines)
    reading_table(root / "reading" / "reading_data.csv")


def fast_results(folder: Path, every: int) -> None:
    for task, groups in FAST.items():
        made = predictions(task, groups, every)
        if task == "ewok":
            for each in made.values():
                for one in each["predictions"]:
                    one["pred"] += " t"
        write(folder / "zero_shot" / "mlm" / PATHS[task][1] / "predictions.json", made)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``data`` and ``out`` with everything that both tracks require. Do not modify it."""
    root = tmp_path_factory.mktemp("complete")
    fast_data(root / "data")
    (root / "model").mkdir()
    (root / "model" / "config.json").write_text("{}")
    results = root / "out" / "results" / "model"
    folder = results / "main" / "zero_shot" / "mlm"
    for task, groups in FULL.items():
        made = predictions(task, groups, 5)
        if task == "blimp":  # names as in the items
            made = {uid.replace("_a_", "_A_"): each for uid, each in made.items()}
        write(folder / PATHS[task][0] / "predictions.json", made)
    for name, size in sizes.GLUE.items():
        listed = [{"id": f"{name}_{n}", "pred": n % 2} for n in range(size)]
        write(
            results / "main/finetune" / name / "predictions.json", {name: {"predictions": listed}}
        )
    fast_results(results / "chck_1M", every=2)
    fast_results(results / "chck_2M", every=3)
    for step in checkpoint_names("strict")[2:]:
        (results / step).symlink_to(results / "chck_2M")
    surprisals(results, "strict-small")
    return root


def surprisals(results: Path, track: str, contexts: int = 8_005) -> None:
    lines = [
        {"step": step, "target_word": "w", "surprisal": 1.0}
        for step in checkpoint_names(track)
        for _ in range(contexts)
    ]
    folder = results / "main" / "zero_shot" / "mlm" / "AoA_word"
    write(folder / "surprisal.json", {"metadata": {}, "results": lines})
    write(folder / "aoa_score.json", {"aoa": -0.25})


def options(root: Path, out: Path, track: str = "strict-small", **more: Any) -> Options:
    fields: dict[str, Any] = {"model": str(root / "model"), "data_dir": str(root / "data")}
    fields |= {"submission": str(out / "file.json"), **more}
    return Options(out=str(out), track=track, **fields)


@pytest.fixture
def results(complete: Path, tmp_path: Path) -> Path:
    """A copy of the results that can be modified; all checkpoints but one are links."""
    target = tmp_path / "results" / "model"
    source = complete / "out" / "results" / "model"
    shutil.copytree(source / "main", target / "main")
    shutil.copytree(source / "chck_1M", target / "chck_1M")
    for folder in source.iterdir():
        if not (target / folder.name).exists():
            (target / folder.name).symlink_to(folder.resolve())
    return target


@pytest.fixture
def no_regressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves the time of the regressions."""
    monkeypatch.setattr(official, "reading_scores", lambda content, data: {"spr": 0.0, "rt": 0.0})


def refusal(complete: Path, out: Path, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        run(options(complete, out, **more))
    assert not (out / "file.json").exists()
    return str(caught.value)


def test_sizes_match_the_specification() -> None:
    before = sizes.SIZES["2025"]
    blimp, ewok, boxes = (before["full"][task] for task in ("blimp", "ewok", "entity_tracking"))
    assert (len(blimp), sum(blimp.values())) == (67, 59_875)
    assert len(boxes) == 18
    assert (min(boxes.values()), max(boxes.values())) == (156, 615)
    assert (min(ewok.values()), max(ewok.values())) == (120, 2_210)
    assert len(before["fast"]["entity_tracking"]) == 6
    for year, rules in RULES.items():
        full, fast = sizes.SIZES[year]["full"], sizes.SIZES[year]["fast"]
        assert set(full) == set(rules.tasks) - {"sample", "aoa"} == {*fast, "comps"}
    assert [FULL["entity_tracking"][f"{name}_{ops}_ops"]
            for name, ops in (("regular", 0), ("regular", 5), ("ambiref", 4), ("move_contents", 2))
            ] == [517, 94, 434, 399]  # fmt: skip
    assert FAST["entity_tracking"] == {
        uid: size for uid, size in FULL["entity_tracking"].items() if uid.startswith("regular")
    }
    assert FULL["blimp"] == blimp and FULL["ewok"] == ewok
    small, strict = checkpoint_names("strict-small"), checkpoint_names("strict")
    assert (len(small), len(strict)) == (19, 28)
    assert small[8:11] == ["chck_9M", "chck_10M", "chck_20M"] and small[-1] == "chck_100M"
    assert strict[17:20] == ["chck_90M", "chck_100M", "chck_200M"] and strict[-1] == "chck_1000M"


def test_submit_writes_complete_results(
    complete: Path,
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("amlm.util.progress_bar.MINUTE", 0.0)  # a line of progress at once
    run(options(complete, tmp_path))
    path, said = tmp_path / "file.json", capsys.readouterr()
    assert f"submission: {path}" in said.out
    assert "whose results are there: 0% (0 of 20 models" in said.err
    content = json.loads(path.read_text())
    assert set(content) == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking_filtered", "comps", "reading",
        "global_piqa_parallel", "global_piqa_nonparallel", "aoa_surprisals", "aoa", "glue",
        "fast_eval_results",
    }  # fmt: skip
    for task in FULL:
        path = results / "main" / "zero_shot" / "mlm" / PATHS[task][0] / "predictions.json"
        assert content[KEYS.get(task, task)] == json.loads(path.read_text())
    assert {name: len(each["predictions"]) for name, each in content["glue"].items()} == {
        "boolq": 1635, "mnli": 4908, "mrpc": 204, "multirc": 2424, "qqp": 20215, "rte": 139,
        "wsc": 52,
    }  # fmt: skip
    assert len(content["aoa_surprisals"]["results"]) == 19 * 8_005
    assert content["aoa"] == {"aoa": -0.25}
    fast = content["fast_eval_results"]
    assert set(fast) == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking_filtered", "global_piqa_parallel",
        "global_piqa_nonparallel", "reading",
    }  # fmt: skip
    assert all(len(each) == 19 for each in fast.values())
    # At the first checkpoint every second item is incorrect, at the others every third.
    assert set(fast["blimp"][0].values()) == {0.5} and len(fast["blimp"][0]) == 67
    assert fast["blimp"][1]["npi_present_1"] == (200 - 67) / 200
    assert fast["blimp_supplement"][18]["turn_taking"] == (50 - 17) / 50
    assert fast["ewok"][18]["spatial-relations"] == (100 - 34) / 100
    assert fast["entity_tracking_filtered"][1]["regular_5_ops"] == (94 - 32) / 94
    assert fast["global_piqa_parallel"][0] == {"global_piqa_parallel": (103 - 52) / 103}
    assert fast["global_piqa_nonparallel"][2] == {"global_piqa_nonparallel": (100 - 34) / 100}
    assert set(fast["reading"][5]) == {"spr", "rt"}
    assert all(0 < value < 0.05 for value in fast["reading"][5].values())


@pytest.mark.usefixtures("no_regressions")
def test_the_strict_track_requires_more_checkpoints(
    complete: Path, results: Path, tmp_path: Path
) -> None:
    message = refusal(complete, tmp_path, track="strict")
    assert "aoa (full suite) at main: chck_200M has 0 contexts, not 8,005" in message
    assert "and 6 more like that" in message and "blimp" not in message
    assert f"model={complete / 'model'} lacks all 28 checkpoints: train it on 1000 mill" in message
    surprisals(results, "strict")
    run(options(complete, tmp_path, track="strict"))
    fast = json.loads((tmp_path / "file.json").read_text())["fast_eval_results"]
    assert all(len(each) == 28 for each in fast.values())


@pytest.mark.usefixtures("no_regressions")
def test_results_that_cannot_be_produced_are_listed(
    complete: Path, results: Path, tmp_path: Path
) -> None:
    folder = results / "main" / "zero_shot" / "mlm"
    shutil.rmtree(folder / "comps")
    shutil.rmtree(results / "main" / "finetune" / "qqp")
    for step in ("chck_3M", "chck_5M", "chck_9M", "chck_10M", "chck_20M"):
        (results / step).unlink()
    shutil.rmtree(results / "chck_1M" / "zero_shot" / "mlm" / "ewok")
    surprisals(results, "strict-small", contexts=6_560)
    path = folder / "blimp" / "blimp_filtered" / "predictions.json"
    write(path, predictions("blimp", {"causative": 818, "passive_1": 2, "other": 7}, 5))
    (folder / "ewok" / "ewok_filtered" / "predictions.json").write_text("{truncated")
    write(results / "main" / "finetune" / "rte" / "predictions.json", {"rte": [1, 0]})
    message = refusal(complete, tmp_path)
    for text in (
        "comps (full suite) at main: no results",
        "qqp (fine-tuning) at main: no results",
        "rte (fine-tuning) at main: predictions in another format",
        "  blimp, supplement, entity_tracking, global_piqa_parallel, global_piqa_nonparallel, "
        "reading (fast suite) at chck_3M, chck_5M, chck_9M to chck_20M: no results",
        "ewok (fast suite) at chck_1M, chck_3M, chck_5M, chck_9M to chck_20M: no results",
        "aoa (full suite) at main: chck_1M has 6,560 contexts, not 8,005",
        "adjunct_island has 0 predictions, not 928",
        "and 64 more like that",
        "predictions.json or",
        f"data_dir={complete / 'data'} has no blimp_filtered, in it or in its folder full_eval",
        f"data_dir={complete / 'data'} has no glue_filtered/qqp.*.jsonl, in it or in",
        "lacks all 19 checkpoints: train it on 100 million words",
        "BabyLM-community/BabyLM-2026-Strict-Evals",
        "allow_missing=true the rest is evaluated, and null written for these",
    ):
        assert text in message, text
    assert "supplement (full suite)" not in message and "(fast suite) at all" not in message


@pytest.mark.usefixtures("no_regressions")
def test_missing_results_are_null_only_on_request(
    complete: Path, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(results / "main" / "zero_shot" / "mlm" / "comps")
    shutil.rmtree(results / "main" / "finetune" / "qqp")
    shutil.rmtree(results / "main" / "zero_shot" / "mlm" / "AoA_word")
    (results / "chck_3M").unlink()
    message = refusal(complete, tmp_path)
    assert "allow_missing=true" in message and "comps, aoa (full suite) at main: no res" in message
    run(options(complete, tmp_path, allow_missing=True))
    content = json.loads((tmp_path / "file.json").read_text())
    nulls = [key for key, value in content.items() if value is None]
    assert nulls == ["comps", "aoa_surprisals", "aoa"]
    assert [name for name, value in content["glue"].items() if value is None] == ["qqp"]
    for entries in content["fast_eval_results"].values():
        assert [n for n, entry in enumerate(entries) if entry is None] == [2]
    said = capsys.readouterr().out
    assert "written as null" in said and "reading (fast suite) at chck_3M: no results" in said


@pytest.mark.usefixtures("no_regressions")
def test_what_the_leaderboard_refuses_is_refused_here(
    complete: Path, results: Path, tmp_path: Path
) -> None:
    path = results / "main" / "finetune" / "rte" / "predictions.json"
    content = json.loads(path.read_text())
    content["rte"]["predictions"][4]["pred"] = "1"
    write(path, content)
    message = refusal(complete, tmp_path)
    for text in (
        "would be refused by the leaderboard",
        "glue: the pred of rte_4 in rte is not an integer: '1'",
        "and repeat the command",
    ):
        assert text in message
    assert "too long" not in message
    path = results / "main" / "zero_shot" / "mlm" / "reading" / "predictions.json"
    content = json.loads(path.read_text())
    content["reading"]["predictions"][7]["pred"] = math.nan
    write(path, content)
    message = refusal(complete, tmp_path)
    said = "reading: the pred of 7 in reading is not a finite float: nan (its text is too long for"
    assert said in message
    assert "What is too long for the model stays so: correct model_max_length in" in message


@pytest.mark.usefixtures("no_regressions", "results")
def test_results_of_another_model_that_cannot_be_made_again_are_null(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "model" / "checkpoints" / "chck_1M"
    place.mkdir(parents=True)
    for each in (place, tmp_path / "model"):
        (each / "config.json").write_text("{}")
    changed = {("main", FINETUNE), ("chck_1M", "")}  # there are no GLUE data
    monkeypatch.setattr(submitting, "changed_models", lambda options, folder: set(changed))
    monkeypatch.setattr(submitting, "_announce", lambda options, todo: None)
    mine = options(complete, tmp_path, model=str(tmp_path / "model"), allow_missing=True)
    submitting.submit(mine, lambda step: changed.discard((step.revision, "")))
    content = json.loads((tmp_path / "file.json").read_text())
    assert content["glue"] is None and content["fast_eval_results"]["blimp"][0]


def test_the_file_of_2025_has_its_own_tasks_and_keys(complete: Path) -> None:
    folder = complete / "out" / "results" / "model"
    content, gaps = collate(Options("", "", rules="2025"), folder)
    assert set(content) == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking", "wug_adj", "wug_past", "comps",
        "reading", "aoa", "glue", "fast_eval_results",
    }  # fmt: skip
    assert len(content["aoa"]["results"]) == 19 * 8_005
    assert set(content["fast_eval_results"]) == {
        "blimp", "blimp_supplement", "ewok", "entity_tracking", "wug_adj", "wug_past", "reading"
    }  # fmt: skip
    unlike = [gap for gap in gaps if gap.revision == "main"]
    assert {gap.task for gap in unlike} == {"entity_tracking", "wug_adj", "wug_past"}
    assert "regular_0_ops has 517 predictions, not 606" in unlike[0].found


def test_the_message_is_short_if_all_results_are_missing(complete: Path, tmp_path: Path) -> None:
    message = refusal(complete, tmp_path)
    # The others of the full suite are found in the data of the fast one.
    for tasks, where in (
        ("blimp, supplement, ewok, entity_tracking, comps, aoa (full suite)", "main"),
        (f"{', '.join(sizes.GLUE)} (fine-tuning)", "main"),
        (f"{', '.join(FAST)} (fast suite)", "all 19 checkpoints"),
    ):
        assert f"\n  {tasks} at {where}: no results\n" in message, tasks
    assert len(message.splitlines()) < 22
    message = refusal(complete, tmp_path, data_dir=str(tmp_path / "typo"))
    assert message.count(f"data_dir={tmp_path / 'typo'}: there is no such folder\n") == 1
    message = refusal(complete, tmp_path, rules="2025")
    assert message.count("at main: no results") == 2 and "wug_past, comps, aoa (full" in message
    message = refusal(complete, tmp_path, data_dir=None)
    assert "data_dir=<folder> is needed" in message and "finetune=[...] needs data_dir" in message


@pytest.mark.usefixtures("no_regressions")
def test_predictions_of_other_items_or_another_model_are_rejected(
    complete: Path, results: Path, tmp_path: Path
) -> None:
    path = results / "chck_1M/zero_shot/mlm/blimp/supplement_fast/predictions.json"
    made = json.loads(path.read_text())
    made["hypernym"]["predictions"][3]["pred"] = "maybe"
    write(path, made)
    rules, names = RULES["2026"], [name for name in FAST if name != "ewok"]
    tasks = {
        each.folder: {"made_from": made_from(each, rules, 0)}
        for each in find(rules, str(complete / "data"), names, "fast")[0]
    }
    tasks["blimp_fast"]["made_from"] = "before"
    about = {"rules": "2026", "tasks": tasks}
    write(results / "chck_1M" / "scores.json", about)
    message = refusal(complete, tmp_path)
    assert "supplement (fast suite) at chck_1M: predictions of hypernym belong to other" in message
    assert "ewok (fast suite) at chck_1M: results of a different model than the one" in message
    assert "blimp (fast suite) at chck_1M: results from other data than data_dir's" in message
    assert "reading" not in message
    write(results / "chck_1M" / "scores.json", about | {"rules": "2025"})
    message = refusal(complete, tmp_path)
    assert "reading (fast suite) at chck_1M: results by the rules of 2025, not 2026" in message
    message = refusal(complete, tmp_path, data_dir=None)
    said = "(fast suite) at chck_2M to chck_100M: no items in data_dir=None to score with"
    assert f"\n  {', '.join(FAST)} {said}\n" in message


def test_options_that_conflict_with_submission_are_named(complete: Path, tmp_path: Path) -> None:
    for more in ({"tasks": ["blimp"]}, {"finetune": ["rte"]}, {"revision": "chck_1M"}):
        assert "chooses what to evaluate: remove tasks, " in refusal(complete, tmp_path, **more)
    assert "is a folder" in refusal(complete, tmp_path, submission=str(tmp_path))


def test_what_cannot_be_loaded_counts_unless_it_is_another_model_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: Any) -> str:
        raise InputError("no such branch")

    monkeypatch.setattr(collating, "current_fingerprint", absent)
    for step, model in (("chck_1M", "a/m"), ("chck_2M", "b/m"), ("chck_3M", "/somewhere/m")):
        write(tmp_path / step / "scores.json", {"fingerprint": "x", "model": model, "tasks": {}})
    found = collating.changed_models(options(tmp_path, tmp_path, model="hub:b/m"), tmp_path)
    assert found == {("chck_1M", "")}
    assert not collating.changed_models(options(tmp_path, tmp_path), tmp_path)
