"""Corpora found in folders laid out like the BabyLM releases against hand-written expectations,
read lines against hand-written ones, and fingerprints against each other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from amlm.config import DataConfig
from amlm.data.corpora import Corpus, find_corpora, fingerprint, lines_of, read_lines
from amlm.errors import InputError

Write = Callable[[Path, Mapping[str, str | bytes]], Path]
MakeConfig = Callable[..., DataConfig]

TEXT = {
    "childes.train": "one two\nthree\n",
    "childes.dev": "four\n",
    "bnc_spoken.train": "five\n",
    "bnc_spoken.dev": "six seven\n",
}


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
    assert find_corpora(data_config(tmp_path)) == {
        "train": [
            Corpus("bnc_spoken", tmp_path / f"{train}bnc_spoken.train"),
            Corpus("childes", tmp_path / f"{train}childes.train"),
        ],
        "dev": [
            Corpus("bnc_spoken", tmp_path / f"{dev}bnc_spoken.dev"),
            Corpus("childes", tmp_path / f"{dev}childes.dev"),
        ],
    }


def test_home_folder_is_understood(
    tmp_path: Path, write_text: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "text", TEXT)
    monkeypatch.setenv("HOME", str(tmp_path))
    corpora = find_corpora(DataConfig(source="babylm", dir="~/text"))
    assert corpora["dev"][0].path == tmp_path / "text" / "bnc_spoken.dev"


def test_sample_has_a_tenth_held_out() -> None:
    corpora = find_corpora(DataConfig(source="sample", sample_words=5_000))
    assert corpora == {
        "train": [Corpus("sample", None, 5_000)],
        "dev": [Corpus("sample", None, 500, apart_from=5_000)],
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"childes.dev": "a\n", "childes.txt": "a\n"}, r"no \*\.train file"),
        ({"a.train": "a\n", "a.dev": "b\n", "b.train": "c\n"}, r"no b\.dev beside b\.train"),
        (
            {"train_10M/a.train": "a\n", "train_100M/a.train": "b\n", "dev/a.dev": "c\n"},
            r"several files named a\.train",
        ),
        ({"a.train": "a\n", "dev/a.dev": "b\n", "old/a.dev": "c\n"}, r"several files named a\.dev"),
    ],
    ids=["no train", "no dev", "train twice", "dev twice"],
)
def test_folder_that_does_not_do_is_named(
    tmp_path: Path, write_text: Write, data_config: MakeConfig, files: dict[str, str], message: str
) -> None:
    write_text(tmp_path, files)
    with pytest.raises(InputError, match=message) as caught:
        find_corpora(data_config(tmp_path))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "a file"])
def test_missing_folder_is_named(tmp_path: Path, data_config: MakeConfig, name: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(InputError, match=f"data.dir=.*{name} is not a folder"):
        find_corpora(data_config(tmp_path / name))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"\xef\xbb\xbfone\ntwo\n", ["one", "two"]),
        (b"\n  \n\t\r\none\n\n \xc2\xa0\n\xe2\x80\xa8\ntwo\n\n", ["one", "two"]),
        (b"  one\ttwo   three \n", ["one two three"]),
        (
            "one\u3000two\xa0three\u2028four\x85five\x1csix\n".encode(),
            ["one two three four five six"],
        ),
        ("café 日本 🙂 e\u0301\n".encode(), ["café 日本 🙂 e\u0301"]),
        (b"[MASK] \xe2\x96\x81 <0x0A>\n", ["[MASK] ▁ <0x0A>"]),
    ],
    ids=["plain", "no last newline", "CRLF", "BOM", "blank", "inner", "unicode", "UTF-8", "marks"],
)
def test_lines_of_a_file(tmp_path: Path, raw: bytes, expected: list[str]) -> None:
    path = tmp_path / "a.train"
    path.write_bytes(raw)
    assert list(read_lines(path)) == expected
    assert list(lines_of(Corpus("a", path), "train")) == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "has no text in it"),
        (b" \r\n\n\t\n", "has no text in it"),
        (b"\xef\xbb\xbf\n", "has no text in it"),
        (b"one\n\n\ntwo\0three\n", "line 4: a NUL byte"),
        ("one\n".encode("utf-16"), "line 1: a NUL byte"),
        ("one\ntwo\ncaf\xe9 au lait\n".encode("latin-1"), "line 3: not UTF-8 .* at byte 3 "),
        ("na\xefve\n".encode("latin-1"), "line 1: not UTF-8 .* at byte 2 "),
        (b"one\n\xed\xa0\x80\n", "line 2: not UTF-8"),
    ],
    ids=["empty", "blank", "BOM only", "NUL", "UTF-16", "Latin-1", "first line", "surrogate"],
)
def test_bad_file_is_named_with_its_line(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "a.train"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=message) as caught:
        list(read_lines(path))
    assert str(path) in str(caught.value)


def test_lines_before_a_bad_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.train"
    path.write_bytes(b"one\ntwo\n\xff\n")
    lines = read_lines(path)
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(InputError, match="line 3"):
        next(lines)


def print_of(folder: Path) -> str:
    return fingerprint(find_corpora(DataConfig(source="babylm", dir=str(folder))))


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


def test_fingerprint_tells_apart_what_differs(tmp_path: Path, write_text: Write) -> None:
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
    corpora = [find_corpora(DataConfig(sample_words=words)) for words in (5_000, 5_010, 5_000)]
    prints = [fingerprint(each) for each in corpora]
    assert prints[0] == prints[2] != prints[1]


def test_no_line_of_the_sample_is_in_both_splits() -> None:
    corpora = find_corpora(DataConfig(sample_words=20_000))
    train, dev = (set(lines_of(corpora[split][0], split)) for split in ("train", "dev"))
    assert len(dev) > 100 and not train & dev
    again = list(lines_of(corpora["dev"][0], "dev"))
    assert set(again) == dev
