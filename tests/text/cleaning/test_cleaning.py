"""Cleaning as a whole: its count against words counted before and after, for any text and for the
real sources under each shipped preset; which rules are on; names that do not exist."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from amlm.config.groups import conf_dir
from amlm.text.cleaning import RULES, Removed, check_rules, clean, rules_for
from amlm.text.lines import normalised
from amlm.text.readers import read_texts
from amlm.util.errors import InputError

PRESETS = conf_dir() / "data" / "cleaning"
SOURCES = ("bnc_spoken", "childes", "gutenberg", "open_subtitles", "simple_wiki", "switchboard")
REAL_LINES = 3_000

# Any text, and text of what the rules look for, in any order.
DEBRIS = """
*MOT: A: %add: [ ] [[ ]] ( ) { } < > <i> [12] [A] [Illustration xxx = ---------- - -- — ♪ # * _ =b=
__ . , ... ? ! ; : &amp; &lt; & || � \u200b \u0301 \x99 www. CHAPTER XI. MAN: Mr. Subtitles by
formula_1 word Word 3
"""
WORDS = st.lists(st.sampled_from([*DEBRIS.split(), " "])).map("".join)
LINES = st.lists((st.text() | WORDS).map(normalised).filter(bool), max_size=8)


def preset(name: str) -> dict[str, dict[str, bool]]:
    loaded = OmegaConf.to_container(OmegaConf.load(PRESETS / f"{name}.yaml"))
    return cast(dict[str, dict[str, bool]], loaded)


def words_of(lines: list[str]) -> int:
    return sum(len(line.split()) for line in lines)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(lines=LINES)
@pytest.mark.parametrize("rule", RULES)
def test_words_read_are_words_kept_and_removed_for_any_text(rule: str, lines: list[str]) -> None:
    removed: dict[str, Removed] = {}
    kept = list(clean(lines, [rule], removed))
    assert words_of(kept) + removed[rule].words == words_of(lines)
    assert removed[rule].words >= removed[rule].lines >= 0
    assert all(line and line == normalised(line) for line in kept)
    if rule != "sentences":
        assert len(kept) + removed[rule].lines == len(lines)


@settings(deadline=None, derandomize=True)
@given(lines=LINES)
def test_words_add_up_over_all_rules_for_any_text(lines: list[str]) -> None:
    removed: dict[str, Removed] = {}
    kept = list(clean(lines, list(RULES), removed))
    assert list(removed) == list(RULES)
    assert words_of(kept) + sum(each.words for each in removed.values()) == words_of(lines)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["none", "authors", "full"])
def test_real_text_adds_up(shared_data: Path, name: str, source: str) -> None:
    path = shared_data / "babylm" / "dev" / f"{source}.dev"
    lines = list(islice(read_texts(path), REAL_LINES))
    rules = rules_for(preset(name), source)
    removed: dict[str, Removed] = {}
    kept = list(clean(lines, rules, removed))
    assert list(removed) == rules
    assert words_of(kept) + sum(each.words for each in removed.values()) == words_of(lines)
    dropped = sum(each.lines for each in removed.values())
    if "sentences" not in rules:
        assert len(kept) + dropped == len(lines)
    if name == "none" or (name == "authors" and source not in ("gutenberg", "simple_wiki")):
        assert kept == lines
    if name == "full":
        assert sum(each.words for each in removed.values()) > 0


@pytest.mark.parametrize("source", SOURCES)
def test_real_text_once_cleaned_by_a_rule_is_clean(shared_data: Path, source: str) -> None:
    path = shared_data / "babylm" / "dev" / f"{source}.dev"
    lines = list(islice(read_texts(path), REAL_LINES))
    for rule in rules_for(preset("full"), source):
        once = list(clean(lines, [rule], {}))
        assert list(clean(once, [rule], {})) == once, rule


def test_debris_is_removed_from_real_text(shared_data: Path) -> None:
    left = {
        source: "\n".join(
            clean(
                read_texts(shared_data / "babylm" / "dev" / f"{source}.dev"),
                rules_for(preset("full"), source),
                {},
            )
        )
        for source in SOURCES
    }
    for source, debris in {
        "childes": ["*MOT", "*CHI", "[", "%add", "= = =", "xxx"],
        "switchboard": ["A:", "B:"],
        "open_subtitles": ["♪", "�", "[", "{", "\u200b"],
        "simple_wiki": ["= = =", "()", "(;", "&amp;", "&lt;", "�"],
        "gutenberg": ["= = =", "[Illustration]", "Project Gutenberg", "* * *"],
        "bnc_spoken": [". .\n"],
    }.items():
        assert [each for each in debris if each in left[source]] == [], source


def test_rules_of_a_source_are_its_own_over_those_for_all_in_the_order_of_the_table() -> None:
    cleaning: Mapping[str, Mapping[str, bool]] = {
        "all": {"undecodable": True, "unicode": True, "spaced_marks": False},
        "childes": {"annotations": True, "undecodable": False, "tiers": False},
        "switchboard": {"spaced_marks": True},
    }
    assert rules_for(cleaning, "childes") == ["unicode", "annotations"]
    assert rules_for(cleaning, "switchboard") == ["unicode", "spaced_marks", "undecodable"]
    assert rules_for(cleaning, "gutenberg") == ["unicode", "undecodable"]
    assert rules_for({}, "gutenberg") == []


def test_an_unknown_rule_is_reported_with_the_nearest_and_all() -> None:
    with pytest.raises(InputError, match=r"data\.cleaning\.childes\.anotations: .*annotations\?"):
        check_rules({"childes": {"tiers": True, "anotations": False}})
    with pytest.raises(InputError, match=", ".join(RULES)):
        check_rules({"all": {"what": True}})


def test_shipped_presets_name_rules_that_exist_and_the_same_ones() -> None:
    named = {path.stem: preset(path.stem) for path in PRESETS.glob("*.yaml")}
    assert sorted(named) == ["authors", "full", "none"]
    for cleaning in named.values():
        check_rules(cleaning)
    assert named["none"] == {}
    assert {source: list(rules) for source, rules in named["authors"].items()} == {
        source: list(rules) for source, rules in named["full"].items()
    }
    # A rule that no source has is one that nobody can reach without adding a key.
    assert {rule for rules in named["full"].values() for rule in rules} == set(RULES)


def test_counts_accumulate_over_the_files_of_a_source() -> None:
    removed: dict[str, Removed] = {}
    for line in ("*MOT: hm [laughs].", "*MOT: [laughs]."):
        list(clean([line], ["speaker_codes", "annotations"], removed))
    assert removed == {"speaker_codes": Removed(0, 2), "annotations": Removed(1, 2)}
