"""Corpora found in folders laid out like the BabyLM releases against hand-written expectations,
their lines against the files', held-out parts against what they are parts of, and fingerprints
against each other."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amlm.config.schema import DataConfig
from amlm.text.corpora import Corpus, FileCorpus, HubCorpus, PartCorpus, SampleCorpus, fingerprint
from amlm.text.lines import RUN_LINES, SEGMENT
from amlm.text.sources import find_corpora
from amlm.util.errors import InputError

Write = Callable[[Path, Mapping[str, str | bytes]], Path]
MakeConfig = Callable[..., DataConfig]

TEXT = {
    "childes.train": "one two\nthree\n",
    "childes.dev": "four\n",
    "bnc_spoken.train": "five\n",
    "bnc_spoken.dev": "six seven\n",
}


SAMPLE = {"sample": {"path": "sample:"}}


def files_of(config: DataConfig) -> dict[str, dict[str, tuple[Path, ...]]]:
    """The files of each corpus by split and name."""
    found: dict[str, dict[str, tuple[Path, ...]]] = {}
    for split, corpora in find_corpora(config).items():
        for corpus in corpora:
            assert isinstance(corpus, FileCorpus)
            found.setdefault(split, {})[corpus.name] = corpus.paths
    return found


@pytest.mark.parametrize(
    ("train", "dev"), [("", ""), ("train/", "dev/"), ("train_10M/", "dev/"), ("text/train/", "")]
)
def test_layouts_of_the_releases(
    tmp_path: Path, write_text: Write, data_config: MakeConfig, train: str, dev: str
) -> None:
    places = {".train": train, ".dev": dev}
    write_text(tmp_path, {places[Path(name).suffix] + name: TEXT[name] for name in TEXT})
    write_text(
        tmp_path,
        {
            f"{dev}mixed.dev": "a dev file of its own\n",
            "test/childes.test": "a test file\n",
            "README.md": "words about it\n",
            "childes.train.bak": "an old copy\n",
        },
    )
    assert files_of(data_config(tmp_path)) == {
        "train": {
            "bnc_spoken": (tmp_path / f"{train}bnc_spoken.train",),
            "childes": (tmp_path / f"{train}childes.train",),
        },
        "dev": {
            "bnc_spoken": (tmp_path / f"{dev}bnc_spoken.dev",),
            "childes": (tmp_path / f"{dev}childes.dev",),
        },
    }


def test_home_folder_is_understood(
    tmp_path: Path, write_text: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "text", TEXT)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = files_of(DataConfig(sources={"babylm": {"path": "~/text"}}))
    assert found["dev"]["bnc_spoken"] == (tmp_path / "text" / "bnc_spoken.dev",)


def test_sample_has_a_tenth_held_out() -> None:
    corpora = find_corpora(DataConfig(sources=SAMPLE, sample_words=5_000))
    assert corpora == {
        "train": [SampleCorpus("sample", "train", 5_000)],
        "dev": [SampleCorpus("sample", "dev", 500, apart_from=5_000)],
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"childes.dev": "a\n", "childes.txt": "a\n"}, r"no \*\.train file"),
        ({"a.train": "a\n", "a.dev": "b\n", "b.train": "c\n"}, r"no b\.dev next to b\.train"),
        (
            {"train_10M/a.train": "a\n", "train_100M/a.train": "b\n", "dev/a.dev": "c\n"},
            r"several files named a\.train",
        ),
        ({"a.train": "a\n", "dev/a.dev": "b\n", "old/a.dev": "c\n"}, r"several files named a\.dev"),
    ],
    ids=["no train", "no dev", "train twice", "dev twice"],
)
def test_unusable_folders_are_refused(
    tmp_path: Path, write_text: Write, data_config: MakeConfig, files: dict[str, str], message: str
) -> None:
    write_text(tmp_path, files)
    with pytest.raises(InputError, match=message) as caught:
        find_corpora(data_config(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_missing_folder_is_named(tmp_path: Path, data_config: MakeConfig) -> None:
    with pytest.raises(InputError, match=r"babylm\.path=.*nowhere is neither a file nor a folder"):
        find_corpora(data_config(tmp_path / "nowhere"))


def test_compressed_split_files_are_found(tmp_path: Path, write_text: Write) -> None:
    packed = gzip.compress(b"one two\n")
    write_text(tmp_path, {"a.train.gz": packed, "a.dev": "three\n"})
    corpora = find_corpora(DataConfig(sources={"x": {"path": str(tmp_path)}}))
    assert lines_of(corpora["train"]) == ["one two"] and lines_of(corpora["dev"]) == ["three"]


def lines_of(corpora: list[Corpus]) -> list[str]:
    return [line for corpus in corpora for line in corpus.lines()]


def numbered(count: int) -> str:
    return "".join(f"line {i}\n" for i in range(count))


def test_files_of_every_kind_side_by_side(tmp_path: Path, write_text: Write) -> None:
    write_text(
        tmp_path,
        {
            "notes.txt": "one\n",
            "more/1.txt": "two\n",
            "more/2.txt": "three\n",
            "rows.jsonl": '{"body": "four five"}\n',
            "pairs.tsv": "a\tp\tn\nbig cat\tlarge cat\tsmall cat\n",
            "dev.txt": "held out\n",
        },
    )
    dev = str(tmp_path / "dev.txt")
    sources = {
        "notes": {"path": str(tmp_path / "notes.txt"), "dev": dev},
        "globbed": {"path": str(tmp_path / "more" / "*.txt"), "dev": dev},
        "json": {"path": str(tmp_path / "rows.jsonl"), "column": "body", "dev": dev},
        "triplets": {
            "path": str(tmp_path / "pairs.tsv"),
            "columns": ["a", "p", "n"],
            "render": "joined",
            "dev": str(tmp_path / "pairs.tsv"),
        },
    }
    corpora = find_corpora(DataConfig(sources=sources | SAMPLE, sample_words=1_000))
    lines = {corpus.name: list(corpus.lines()) for corpus in corpora["train"]}
    assert len(lines.pop("sample")) > 50
    assert lines == {
        "notes": ["one"],
        "globbed": ["two", "three"],
        "json": ["four five"],
        "triplets": [SEGMENT.join(["big cat", "large cat", "small cat"])],
    }
    raw = {corpus.name: corpus.raw for corpus in corpora["train"]}
    assert raw == {
        "notes": True, "globbed": True, "json": True, "triplets": False, "sample": False
    }  # fmt: skip


@pytest.mark.parametrize(
    ("how", "expected"),
    [("separate", ["a b", "a c", "d"]), ("pair", ["a b a c"]), ("joined", ["a b\x1fa c\x1fd"])],
)
def test_triplets_as_their_source_says(
    tmp_path: Path, write_text: Write, how: str, expected: list[str]
) -> None:
    row = '{"anchor": "a b", "positive": "a c", "negative": "d"}\n'
    path = write_text(tmp_path, {"t.jsonl": row}) / "t.jsonl"
    source = {"path": str(path), "dev": str(path), "render": how}
    assert lines_of(find_corpora(DataConfig(sources={"t": source}))["train"]) == expected


def test_hub_datasets_are_named_with_their_splits() -> None:
    sources = {
        "wiki": {"path": "hub:a/b@abc", "dev": "hub:a/b@abc"},
        "news": {"path": "hub:a/c/en#all", "dev": "hub:a/c/en#test"},
    }
    corpora = find_corpora(DataConfig(sources=sources))
    found = [
        (c.dataset, c.split) for many in corpora.values() for c in many if isinstance(c, HubCorpus)
    ]
    assert found == [
        ("a/b@abc", "train"),
        ("a/c/en", "all"),
        ("a/b@abc", "validation"),
        ("a/c/en", "test"),
    ]


def test_what_is_held_out_is_not_trained_on(tmp_path: Path, write_text: Write) -> None:
    write_text(tmp_path, {"a.train": numbered(24_000), "b.train": numbered(2_400), "b.dev": "x\n"})
    config = DataConfig(sources={"x": {"path": str(tmp_path)}}, holdout=0.05)
    corpora = find_corpora(config)
    train, dev = ({c.name: list(c.lines()) for c in corpora[s]} for s in ("train", "dev"))
    assert len(train["b"]) == 2_400 and dev["b"] == ["x"]
    assert set(train["a"]) | set(dev["a"]) == set(numbered(24_000).splitlines())
    assert not set(train["a"]) & set(dev["a"])
    assert 0.03 < len(dev["a"]) / 24_000 < 0.07
    numbers = np.array([int(line.split()[1]) for line in dev["a"]])
    assert (
        len(numbers) % RUN_LINES == 0
        and (numbers % RUN_LINES == np.arange(len(numbers)) % RUN_LINES).all()
    )
    assert isinstance(corpora["dev"][0], PartCorpus)
    again = find_corpora(config)
    assert list(again["dev"][0].lines()) == dev["a"]
    config.seed = 1
    assert list(find_corpora(config)["dev"][0].lines()) != dev["a"]


@pytest.mark.parametrize("share", [1e-9, 0.05, 0.5])
@pytest.mark.parametrize("runs", range(2, 9))
def test_a_short_source_is_held_out_in_part(
    tmp_path: Path, write_text: Write, share: float, runs: int
) -> None:
    count = RUN_LINES * runs - 5
    write_text(tmp_path, {"a.train": numbered(count)})
    for seed in range(8):
        config = DataConfig(sources={"x": {"path": str(tmp_path)}}, holdout=share, seed=seed)
        train, dev = (list(find_corpora(config)[split][0].lines()) for split in ("train", "dev"))
        assert train and dev and sorted(train + dev) == sorted(numbered(count).splitlines())
        if share < 1e-6:  # the run with the lowest draw
            draws = [
                hashlib.blake2b(f"{seed}:a:{run}".encode(), digest_size=8).digest()
                for run in range(runs)
            ]
            assert dev[0] == f"line {RUN_LINES * draws.index(min(draws))}"
            assert len(dev) <= RUN_LINES


def test_a_source_too_short_to_be_divided_is_named(tmp_path: Path, write_text: Write) -> None:
    write_text(tmp_path, {"a.train": numbered(RUN_LINES)})
    config = DataConfig(sources={"x": {"path": str(tmp_path)}}, holdout=0.5)
    message = r"holdout=0.5 can't divide a: .* more than 24 lines, and it has 24\. .*\.dev, or a"
    for (corpus,) in find_corpora(config).values():
        with pytest.raises(InputError, match=message):
            list(corpus.lines())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sources": {}}, "data.sources is empty"),
        ({"sources": {"a": {"path": "{}/a.txt"}}}, r"a\.path=.*no held-out text.*data.holdout"),
        ({"sources": {"a": {"pth": "x"}}}, r"unknown option data\.sources\.a\.pth.*path"),
        ({"sources": {"a": "x"}}, r"data\.sources\.a=x is not a source"),
        ({"sources": {"a": {}}}, r"data\.sources\.a\.path=.*is needed"),
        ({"sources": {"babylm": {"path": None}}}, "data=babylm needs data.dir="),
        ({"sources": {"a": {"path": "x", "format": "xml"}}}, r"a\.format=xml"),
        ({"sources": SAMPLE, "dir": "text"}, "no source reads it: add data=babylm"),
        ({"sources": SAMPLE | {"b": {"path": "{}/*.nope"}}}, "matches no file"),
        (
            {"sources": {"sample": {"path": "sample:"}, "f": {"path": "{}/twin"}}},
            "and another entry both have a source sample",
        ),
        ({"sources": SAMPLE, "shares": {"sampel": 1.0}}, r"sampel is no source.*sample"),
    ],
)
def test_unusable_sources_are_refused(
    tmp_path: Path, write_text: Write, config: dict[str, Any], message: str
) -> None:
    write_text(tmp_path, {"a.txt": "a\n", "twin/sample.train": "a\n", "twin/sample.dev": "b\n"})
    for source in config["sources"].values():
        if isinstance(source, dict) and source.get("path"):
            source["path"] = source["path"].replace("{}", str(tmp_path))
    with pytest.raises(InputError, match=message):
        find_corpora(DataConfig(**config))


def test_shares_leave_the_other_sources_out(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    write_text(tmp_path, TEXT)
    corpora = find_corpora(data_config(tmp_path, shares={"childes": 1.0, "bnc_spoken": 0.0}))
    assert [[c.name for c in many] for many in corpora.values()] == [["childes"], ["childes"]]


def test_sources_of_a_folder_are_excluded_by_name(tmp_path: Path, write_text: Write) -> None:
    names = [f"{name}.{split}" for name in ("childes", "wiki") for split in ("train", "dev")]
    write_text(tmp_path, dict.fromkeys(names, "one two\n"))
    source: dict[str, Any] = {"path": str(tmp_path), "exclude": ["childes"]}
    found = find_corpora(DataConfig(sources={"babylm": source}))
    assert [[each.name for each in split] for split in found.values()] == [["wiki"], ["wiki"]]
    source["exclude"] = ["childs"]
    with pytest.raises(InputError, match=r"exclude=childs is not in .*did you mean childes"):
        find_corpora(DataConfig(sources={"babylm": source}))


def test_a_share_for_the_rest_keeps_every_source(tmp_path: Path, write_text: Write) -> None:
    names = [f"{name}.{split}" for name in ("childes", "wiki") for split in ("train", "dev")]
    write_text(tmp_path, dict.fromkeys(names, "one two\n"))
    sources = {"babylm": {"path": str(tmp_path)}}
    found = find_corpora(DataConfig(sources=sources, shares={"wiki": 0.5, "rest": 0.5}))
    assert [each.name for each in found["train"]] == ["childes", "wiki"]


def print_of(folder: Path) -> str:
    return str(fingerprint(find_corpora(DataConfig(sources={"x": {"path": str(folder)}}))))


def test_fingerprint_is_of_text_and_names_alone(tmp_path: Path, write_text: Write) -> None:
    one = write_text(tmp_path / "one", TEXT)
    backwards = write_text(tmp_path / "two", dict(reversed(TEXT.items())))
    nested = write_text(
        tmp_path / "three", {f"{Path(name).suffix[1:]}/{name}": TEXT[name] for name in TEXT}
    )
    more = write_text(tmp_path / "four", TEXT | {"mixed.dev": "eight\n", "notes.txt": "nine\n"})
    copied = Path(shutil.copytree(one, tmp_path / "five"))
    for path in copied.iterdir():
        os.utime(path, (0, 0))
    assert len({print_of(folder) for folder in (one, backwards, nested, more, copied)}) == 1


def test_different_text_has_a_different_fingerprint(tmp_path: Path, write_text: Write) -> None:
    a, b = {"a.train": "x\n", "a.dev": "p\n"}, {"b.train": "y\n", "b.dev": "q\n"}
    variants = [
        TEXT,
        TEXT | {"childes.train": "one two\nthree.\n"},
        TEXT | {"childes.dev": "four \n"},
        TEXT | {"childes.train": "one two\n", "bnc_spoken.train": "five\nthree\n"},
        TEXT | {"childes.train": TEXT["childes.dev"], "childes.dev": TEXT["childes.train"]},
        {name.replace("childes", "gutenberg"): text for name, text in TEXT.items()},
        a | b,
        a,
        {"a.train": "x\ny\n", "a.dev": "p\nq\n"},
    ]
    prints = [print_of(write_text(tmp_path / str(i), each)) for i, each in enumerate(variants)]
    assert len(set(prints)) == len(variants)


def test_fingerprint_is_not_taken_in_by_text_like_its_own_marks(
    tmp_path: Path, write_text: Write
) -> None:
    two = {"a.train": "x\n", "a.dev": "p\n", "b.train": "y\n", "b.dev": "q\n"}
    one = {"a.train": "x\ntrain:b:y\n", "a.dev": "p\ndev:b:q\n"}
    assert print_of(write_text(tmp_path / "two", two)) != print_of(
        write_text(tmp_path / "one", one)
    )


def test_fingerprint_of_a_long_file_covers_its_end(tmp_path: Path, write_text: Write) -> None:
    long = "a line of text\n" * 200_000  # read in three parts
    files = {"a.train": long, "a.dev": "b\n"}
    one = print_of(write_text(tmp_path / "one", files))
    two = print_of(write_text(tmp_path / "two", files | {"a.train": long[:-2] + "T\n"}))
    assert one != two


def test_fingerprint_of_the_sample_is_of_its_size() -> None:
    corpora = [
        find_corpora(DataConfig(sources=SAMPLE, sample_words=words))
        for words in (5_000, 5_010, 5_000)
    ]
    prints = [fingerprint(each) for each in corpora]
    assert prints[0] == prints[2] != prints[1]


def test_no_line_of_the_sample_is_in_both_splits() -> None:
    corpora = find_corpora(DataConfig(sources=SAMPLE, sample_words=20_000))
    train, dev = (set(lines_of(corpora[split])) for split in ("train", "dev"))
    assert len(dev) > 100 and not train & dev
    again = lines_of(corpora["dev"])
    assert set(again) == dev
