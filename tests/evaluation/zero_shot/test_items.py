"""Reading of item files and finding of tasks, with valid, invalid and missing data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amlm.evaluation.places import find_model
from amlm.evaluation.rules import DEFAULT, RULES, TASK_NAMES, Rules
from amlm.evaluation.zero_shot import items
from amlm.evaluation.zero_shot.columns import read_rows
from amlm.evaluation.zero_shot.reading import ReadingTimes
from amlm.evaluation.zero_shot.run_tasks import items_of
from amlm.evaluation.zero_shot.tasks import Found, find
from amlm.util.errors import InputError

NOW, BEFORE = RULES["2026"], RULES["2025"]


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("{", ["two.jsonl, line 3", "not valid JSON"]),
        ('{"sentence_good": "A."}', ["two.jsonl, line 3", "'sentence_bad' is missing"]),
        ('{"sentence_good": "A.", "sentence_bad": 1}', ["line 3", "is 1, not text"]),
        ("[]", ["line 3", "'sentence_good' is missing"]),
        (
            '{"sentence_good": "A.", "sentence_bad": "B \\uD83D."}',
            ["line 3", "not valid JSON (half a surrogate pair, which no tokenizer reads)"],
        ),
    ],
)
def test_an_invalid_line_is_named(line: str, texts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    path.write_text(f'{{"sentence_good": "A.", "sentence_bad": "B."}}\n\n{line}\n')
    with pytest.raises(InputError) as error:
        items.read_items(path, items.supplement)
    assert all(text in str(error.value) for text in texts), error.value


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    pair = '{"sentence_good": "A \\uD83D\\uDE42.", "sentence_bad": "B."}\n'
    path.write_text(pair, encoding="utf-8-sig")
    (item,) = items.read_items(path, items.supplement)
    assert item.candidates[0].sentence == "A 🙂."
    path.write_text("item,word\n1,a\n", encoding="utf-8-sig")
    assert read_rows(path, ("item",)) == [{"item": "1"}]


def test_an_invalid_reading_time_file_is_named(eval_dir: Path, tmp_path: Path) -> None:
    plain = (eval_dir / "fast_eval" / "reading" / "reading_data.csv").read_text()
    head, first, *rest = plain.splitlines()
    path = tmp_path / "reading.csv"
    words = first.split(",")
    words[head.split(",").index("word")] = ""
    for lines, text in (
        ([head], r"reading\.csv contains no text"),
        ([head.replace("word", "werd"), first], r"line 1: no column word \(did you mean werd\?\)"),
        ([head, first, *rest, "1,a"], "line 62: 2 cells, but"),
        ([head, first, *rest[:20]], "21 rows, too few"),
        ([head, ",".join(words), *rest], "line 2: no word"),
    ):
        path.write_text("\n".join(lines))
        with pytest.raises(InputError, match=text):
            ReadingTimes(path)
    path.write_bytes(plain.encode() + b"\xff")
    with pytest.raises(InputError, match="line 62: not UTF-8"):
        ReadingTimes(path)


def test_fields_of_the_other_tasks_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    for reader, line, text in (
        (items.wug("wug_adj"), '{"sentences": "no tab", "ratio": 1}', "1 tab-separated fields"),
        (items.wug("wug_adj"), '{"sentences": "a\\tb", "ratio": "x"}', "not a number"),
        (items.entity_tracking, '{"input_prefix": "", "options": ["a"]}', "two or more texts"),
        (
            items.global_piqa("x", 2),
            '{"prompt": "a", "solution0": "b", "solution1": "c", "label": 2, "example_id": "n"}',
            "'label' is 2, not the number of a solution",
        ),
    ):
        path.write_text(line)
        with pytest.raises(InputError, match=text):
            items.read_items(path, reader)


def test_completions_are_suffixes_of_their_sentences(eval_dir: Path) -> None:
    tasks = [(rules.year, *task) for rules in RULES.values() for task in rules.tasks.items()]
    for year, name, task in tasks:
        if task.reader is None:
            continue
        folder = eval_dir / "full_eval" / task.paths["full"][0]
        read = [
            item for path in folder.glob("*.jsonl") for item in items.read_items(path, task.reader)
        ]
        assert read, name
        for item in read:
            for sentence, start, answer in item.candidates:
                quotes_sentence = name == "comps" or (name == "ewok" and year == "2026")
                assert answer == sentence if quotes_sentence else answer == sentence[start:]


def test_groups_match_the_official_scores(eval_dir: Path) -> None:
    folder = eval_dir / "full_eval"
    (first, *_) = items.read_items(folder / "blimp_filtered" / "island.jsonl", items.blimp)
    assert first.uid == "island"
    assert first.groups == {"field": "syntax/semantics", "linguistics_term": "island_term"}
    stems = ("comps_base", "comps_wugs", "comps_wugs_dist-before", "comps_wugs_dist-in-between")
    uids = {
        item.uid
        for stem in stems
        for item in items.read_items(folder / "comps" / f"{stem}.jsonl", items.comps)
    }
    assert uids == {"base", "wugs", "wugs_dist_before", "wugs_dist_in_between"}


def test_sample_items_have_equally_many_pairs_per_phenomenon() -> None:
    counts: dict[str, int] = {}
    for item in items.sample_items():
        counts[item.uid] = counts.get(item.uid, 0) + 1
    assert len(counts) == 17 and set(counts.values()) == {items.SAMPLE_PAIRS}


def test_readers_of_2026_follow_its_rules(tmp_path: Path) -> None:
    def read(name: str, text: str, file: str = "some") -> list[items.Item]:
        path, reader = tmp_path / f"{file}.jsonl", NOW.tasks[name].reader
        path.write_text(text)
        assert reader
        return items.read_items(path, reader)

    about = '"Domain": "d", "ContextType": "", "ContextDiff": "", "TargetDiff": ""'
    texts = '"Context1": "A.", "Context2": "B.", "Target1": "C.", "Target2": "D."'
    (item,) = read("ewok", f"{{{about}, {texts}}}")
    assert item.candidates == [("A. C.", 2, "A. C."), ("B. C.", 2, "B. C.")]
    boxes = [["the hat.", "nothing."], ["the hat.", "the cup."], ["nothing at all.", "it."]]
    lines = [json.dumps({"numops": 3, "input_prefix": "", "options": each}) for each in boxes]
    (item,) = read("entity_tracking", "\n".join(lines), "regular")
    assert item.uid == "regular_3_ops" and item.candidates[1].answer == "the cup."
    four = {f"solution{n}": text for n, text in enumerate("abcd")}
    line = {"prompt": "P:", "label": 2, "example_id": "eng_7", **four}
    (item,) = read("global_piqa_parallel", json.dumps(line))
    assert (item.uid, item.key) == ("global_piqa_parallel", "eng_7")
    assert [each.answer for each in item.candidates] == [" c", " a", " b", " d"]
    assert item.candidates[0] == ("P: c", 2, " c")
    assert items.ids([item, item, items.Item("u", []), items.Item("u", [])]) == [
        "eng_7_0", "eng_7_1", "u_0", "u_1"
    ]  # fmt: skip


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_tasks_are_found_in_the_release_and_in_its_suite_folders(
    rules: Rules, eval_dir: Path
) -> None:
    for root in (eval_dir, eval_dir / "full_eval"):
        found, missing = find(rules, str(root), [], "full")
        assert [each.name for each in found] == [name for name in rules.tasks if name != "sample"]
        assert not missing
    found, missing = find(rules, str(eval_dir), [], "fast")
    assert {each.name for each in found} == set(rules.tasks) - {"sample", "comps", "aoa"}
    (sample,), _ = find(rules, None, ["sample"], "fast")
    assert sample.folder == "sample"


def test_a_task_of_another_year_is_refused_with_the_option_that_fits(eval_dir: Path) -> None:
    with pytest.raises(InputError, match=r"tasks=wug_adj is not a task of rules=2026: add .*2025"):
        find(NOW, str(eval_dir), ["wug_adj"], "fast")
    with pytest.raises(InputError, match=r"tasks=global_piqa_parallel is not .*: add rules=2026"):
        find(BEFORE, str(eval_dir), ["blimp", "global_piqa_parallel"], "fast")
    assert DEFAULT == "2026" and set(NOW.tasks) | set(BEFORE.tasks) == set(TASK_NAMES)


def test_data_of_the_other_suite_is_named_with_the_option_that_fits(eval_dir: Path) -> None:
    for suite, other in (("fast", "full"), ("full", "fast")):
        data = str(eval_dir / f"{other}_eval")
        for names in ([], ["blimp"]):  # reading and GlobalPIQA have the same files in both
            with pytest.raises(InputError) as error:
                find(NOW, data, names, suite)
            for text in (f"data_dir={data}", f"the {other} sets of blimp", f"add suite={other}"):
                assert text in str(error.value)
        found, _ = find(NOW, data, ["reading"], suite)
        assert [each.name for each in found] == ["reading"]


def test_missing_data_is_reported_with_its_source_and_layout(tmp_path: Path) -> None:
    for rules, source, path in (
        (NOW, "BabyLM-2026-Strict-Evals", "aoa/cdi_childes.json"),
        (BEFORE, "ryjfm", "cdi_childes/cdi_childes.json"),
    ):
        for names in ([], ["ewok", "aoa"]):
            with pytest.raises(InputError) as error:
                find(rules, str(tmp_path), names, "full")
            for text in (source, "ewok_filtered/*.jsonl", path, "terms"):
                assert text in str(error.value)
    (tmp_path / "wug_past_tense").mkdir()
    (tmp_path / "wug_past_tense" / "x.jsonl").touch()
    found, missing = find(BEFORE, str(tmp_path), [], "fast")
    assert [each.name for each in found] == ["wug_past"] and "ewok" in missing


def test_a_task_of_the_full_suite_only_is_refused_in_the_fast_suite(eval_dir: Path) -> None:
    with pytest.raises(InputError, match="suite=full"):
        find(NOW, str(eval_dir), ["comps"], "fast")
    with pytest.raises(InputError, match="data_dir=<folder> is needed"):
        find(NOW, None, ["blimp"], "fast")


@pytest.mark.parametrize(
    ("reader", "line"),
    [
        (items.supplement, {"sentence_good": "Yes.", "sentence_bad": " "}),
        (items.supplement, {"sentence_good": "", "sentence_bad": "No."}),
        (items.wug("wug_adj"), {"sentences": "a\t", "ratio": 0.5}),
        (items.entity_tracking, {"input_prefix": "A", "options": ["a", ""], "numops": 1}),
        (items.comps, {"prefix_acceptable": "A", "prefix_unacceptable": "B",
                       "property_phrase": ""}),
        (items.ewok_targets, {"Domain": "d", "Context1": "A", "Target1": "b", "Target2": "",
                      "ContextType": "t", "ContextDiff": "c", "TargetDiff": "e"}),
    ],
)  # fmt: skip
def test_an_empty_candidate_is_refused(
    reader: items.Reader, line: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(json.dumps(line))
    with pytest.raises(InputError, match=r"some\.jsonl, line 1: candidate \d is empty.*remove"):
        items.read_items(path, reader)


@pytest.mark.parametrize("ratio", ["NaN", "Infinity", "true"])
def test_a_ratio_that_is_no_number_is_refused(ratio: str, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(f'{{"sentences": "a\\tb", "ratio": {ratio}}}')
    with pytest.raises(InputError, match="not a number"):
        items.read_items(path, items.wug("wug_adj"))


def test_hidden_files_are_no_items(tmp_path: Path) -> None:
    folder = tmp_path / "supplement_fast"
    folder.mkdir()
    (folder / "._x.jsonl").write_bytes(b"\0\5\26\7")
    with pytest.raises(InputError, match="has no data for supplement"):
        find(NOW, str(tmp_path), ["supplement"], "fast")
    with pytest.raises(InputError, match=r"data_dir=typo has .* supplement: there is no such fold"):
        find(NOW, "typo", ["supplement"], "fast")
    (folder / "x.jsonl").write_text('{"sentence_good": "A.", "sentence_bad": "B."}')
    (found,), _ = find(NOW, str(tmp_path), ["supplement"], "fast")
    assert list(items_of(found)) == ["x"]


def test_pointers_of_git_lfs_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(InputError, match=r"x\.jsonl is a Git LFS pointer.*git lfs pull"):
        items.read_items(tmp_path / "x.jsonl", items.supplement)
    (tmp_path / "x.jsonl").rename(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"model\.safetensors is a Git LFS pointer"):
        find_model(str(tmp_path), "main")


def test_an_empty_file_among_others_is_refused(tmp_path: Path) -> None:
    pair = '{"sentence_good": "a b", "sentence_bad": "b a"}\n'
    for name, text in (("turns", pair), ("anaphor", "\n")):
        (tmp_path / f"{name}.jsonl").write_text(text)
    found = Found("supplement", RULES["2026"].tasks["supplement"], (tmp_path,))
    with pytest.raises(InputError, match=r"anaphor\.jsonl has no items: copy it again, or remove"):
        items_of(found)
