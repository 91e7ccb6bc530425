"""The command that writes triplets: its files against what the two makers yield."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from amlm.config.command_line import run
from amlm.config.composition import parse
from amlm.sample import triplets
from amlm.text.synthetic.make_triplets import COMMAND, TripletOptions, make_triplets
from amlm.text.synthetic.paraphrase import corpus_triplets
from amlm.util.errors import InputError

LINES = ["I don't know.", "It is a big dog.", "I don't know.", "He didn't see two cats.", "Well."]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "some.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def make(*arguments: str) -> int:
    return make_triplets(parse(TripletOptions, arguments)).total()


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_grammars_triplets(tmp_path: Path) -> None:
    out = tmp_path / "t.jsonl"
    assert make(f"out={out}", "count=20", "seed=3") == 20
    assert rows(out) == [triplet._asdict() for triplet in triplets(3, 20)]
    assert list(tmp_path.iterdir()) == [out]


def test_a_texts_triplets_each_once(tmp_path: Path, text: Path) -> None:
    out = tmp_path / "t.tsv"
    expected = list(dict.fromkeys(corpus_triplets(LINES, 1)))
    assert make(f"out={out}", f"source={text}", "seed=1") == len(expected) == 3
    header, *lines = out.read_text().splitlines()
    assert header.split("\t") == ["anchor", "positive", "negative", "kind"]
    assert [tuple(line.split("\t")) for line in lines] == expected


def test_speaker_codes_are_no_part_of_a_sentence(tmp_path: Path) -> None:
    text, out = tmp_path / "childes.train", tmp_path / "t.jsonl"
    text.write_text("*MOT: it's a dog.\nA:\tI don't know.\n")
    make(f"out={out}", f"source={text}")
    assert [row["anchor"] for row in rows(out)] == ["it's a dog.", "I don't know."]


def test_sources_take_turns(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t.jsonl"
    run(COMMAND, [f"out={out}", f"source=[grammar,{text}]", "count=5"])
    anchors = [row["anchor"] for row in rows(out)]
    made = [triplet.anchor for triplet in triplets(0, 3)]
    assert anchors == [made[0], LINES[0], made[1], LINES[1], made[2]]
    said = capsys.readouterr().out
    assert "t.jsonl: 5 triplets\n" in said
    assert "passive/roles" in said  # the grammar's first


def test_a_text_that_is_too_short_is_reported(
    tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(f"out={tmp_path / 't.jsonl'}", f"source={text}", "count=10")
    assert "3 triplets of 10: the texts provide no more" in capsys.readouterr().out


def test_records_that_are_read_as_text_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "a.txt"
    text.write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match="provides no triplet"):
        make(f"out={tmp_path / 't.jsonl'}", f"source={text}")
    assert f"warning  {text} is read as plain text, but looks like JSON" in capsys.readouterr().out


def test_lists_of_words_are_used(tmp_path: Path, text: Path) -> None:
    near, far = tmp_path / "near.tsv", tmp_path / "far.json"
    near.write_text("dog\thound\n")
    far.write_text('{"dog": "horse"}')
    text.write_text("A big dog!\n")
    out = tmp_path / "t.jsonl"
    make(f"out={out}", f"source={text}", f"synonyms={near}", f"antonyms={far}")
    (row,) = rows(out)
    assert row == {
        "anchor": "A big dog!",
        "positive": "A big hound!",
        "negative": "A big horse!",
        "kind": "synonym/antonym",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out=t.txt", "count=1"], "must end in .jsonl or .tsv"),
        (["out=no/t.tsv", "count=1"], "there is no folder"),
        (["out=t.tsv"], "count=... is needed"),
        (["out=t.tsv", "source=no.txt"], "source=no.txt is neither a file nor grammar"),
        (["out=t.tsv", "source=bare.txt"], "provides no triplet"),
        (["out=bare.tsv", "source=bare.tsv"], "is also a source"),
    ],
)
def test_errors_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bare.txt", "bare.tsv"):
        (tmp_path / name).write_text("Well.\n")
    with pytest.raises(InputError, match=message):
        make(*arguments)
    assert {path.name for path in tmp_path.iterdir()} == {"bare.txt", "bare.tsv"}
    assert (tmp_path / "bare.tsv").read_text() == "Well.\n"


def test_an_interruption_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: Path
) -> None:
    out = tmp_path / "t.jsonl"
    make(f"out={out}", "count=3")
    before = out.read_bytes()

    def stopped(*_: object) -> object:
        yield from islice(triplets(0, 2), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr("amlm.text.synthetic.make_triplets.corpus_triplets", stopped)
    with pytest.raises(KeyboardInterrupt):
        make(f"out={out}", f"source={text}")
    assert out.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"t.jsonl", "some.txt"}
