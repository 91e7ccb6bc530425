"""Synthetic text, made with a stand-in of a server, against what it was made to say."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from amlm.config.command_line import run
from amlm.config.composition import parse
from amlm.text.synthetic.synthesize import (
    COMMAND,
    SynthesizeOptions,
    completed,
    first_words,
    row_seed,
    synthesize,
)
from amlm.util.errors import InputError
from tests.text.synthetic.stub_server import Answer, Stub, rows


def make(*arguments: str) -> None:
    synthesize(parse(SynthesizeOptions, arguments))


def test_first_words_of_longer_lines_each_once() -> None:
    lines = ["a b c d e", "a b c d", "x y z", "a b c d f", "b b c d e f"]
    assert list(first_words(lines, 4)) == ["a b c d", "b b c d"]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("He went to the zoo.", "He went to the zoo."),
        ("he went TO the\n  zoo. It was hot.", "He went to the zoo."),
        ("“He went to the zoo!”", "He went to the zoo!"),
        ("zoo with Mr. Smith? Yes.", "He went to the zoo with Mr. Smith?"),
        ("zoo and slept", "He went to the zoo and slept"),
        ('He went to the sign "Stop!" and read.', 'He went to the sign "Stop!"'),
        ("He went to the", ""),
        (" ... ", ""),
        ("", ""),
    ],
)
def test_one_sentence_of_a_prompt_and_a_reply(reply: str, text: str) -> None:
    assert completed("He went to the", reply) == text


def test_rows_come_in_the_order_of_the_prompts(
    stub: Stub, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    out, first = tmp_path / "out.jsonl", threading.Event()

    def late(number: int, body: dict[str, Any]) -> Answer:
        if "Number 0" in body["messages"][0]["content"]:
            first.wait(5)  # the first reply comes last
        elif number >= 3:
            first.set()
        return stub.good(body)

    stub.answer = late
    make(
        f"prompts={prompts}", f"out={out}", "words=50", f"url={stub.url}", "api_model=m",
        "key_variable=MY_KEY", "batch=4", "workers=4", "seed=5", "temperature=0.25",
        "max_new_tokens=9", "instruction='Go on: {prompt}'",
    )  # fmt: skip
    seeds = [row_seed(5, index) for index in range(9)]
    assert rows(out) == [
        {
            "prompt": f"Number {index} is a",
            "text": f"Number {index} is a sentence {seed % 1000}.",
            "seed": seed,
            "index": index,
            "model": "m",
        }
        for index, seed in enumerate(seeds)
    ]
    assert len(set(seeds)) == 9
    body = next(body for body in stub.bodies if body["seed"] == seeds[0])
    assert body == {
        "path": "/v1/chat/completions",
        "model": "m",
        "messages": [{"role": "user", "content": "Go on: Number 0 is a"}],
        "temperature": 0.25,
        "max_tokens": 9,
        "seed": seeds[0],
    }
    assert all(headers["Authorization"] == "Bearer secret" for headers in stub.headers)


def test_a_missing_client_is_named(
    prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"url=http://b needs .*pip install 'amlm\[synthesize\]'"):
        make(
            f"prompts={prompts}", f"out={tmp_path / 'o'}", "words=5", "url=http://b", "api_model=c"
        )


def arguments(stub: Stub, prompts: Path, out: Path, words: int = 120) -> list[str]:
    return [
        f"prompts={prompts}", f"out={out}", f"words={words}", f"url={stub.url}", "api_model=m",
        "batch=5", "workers=2", "retries=0",
    ]  # fmt: skip


@pytest.fixture
def uninterrupted(stub: Stub, prompts: Path, tmp_path: Path) -> bytes:
    out = tmp_path / "whole.jsonl"
    make(*arguments(stub, prompts, out))
    stub.bodies.clear()
    return out.read_bytes()


@pytest.mark.parametrize("alive", [0, 1, 7, 10])
def test_a_server_that_dies_and_comes_back(
    stub: Stub, prompts: Path, tmp_path: Path, uninterrupted: bytes, alive: int
) -> None:
    out = tmp_path / "out.jsonl"
    stub.answer = lambda n, body: stub.good(body) if n < alive else (500, {}, b"")
    with pytest.raises(InputError, match="status 500"):
        make(*arguments(stub, prompts, out))
    # Requests go out side by side: of those that were answered the last may have no place yet.
    assert uninterrupted.startswith(out.read_bytes())
    done = len(rows(out))
    assert alive - 2 < done <= alive
    stub.answer = lambda _, body: stub.good(body)
    stub.bodies.clear()
    make(*arguments(stub, prompts, out))
    assert out.read_bytes() == uninterrupted
    asked = {body["seed"] for body in stub.bodies}
    assert not asked & {row_seed(0, index) for index in range(done)}  # what is there is not bought


def test_a_truncated_last_line_is_replaced(
    stub: Stub, prompts: Path, tmp_path: Path, uninterrupted: bytes
) -> None:
    out = tmp_path / "out.jsonl"
    make(*arguments(stub, prompts, out))
    for size in (len(uninterrupted) - 1, len(uninterrupted) // 2, 3):
        out.write_bytes(uninterrupted[:size])
        make(*arguments(stub, prompts, out))
        assert out.read_bytes() == uninterrupted


def test_more_words_go_on_and_a_full_file_asks_nothing(
    stub: Stub, prompts: Path, tmp_path: Path, uninterrupted: bytes
) -> None:
    out = tmp_path / "out.jsonl"
    make(*arguments(stub, prompts, out, words=40))
    assert len(out.read_bytes()) < len(uninterrupted)
    make(*arguments(stub, prompts, out))
    assert out.read_bytes() == uninterrupted
    stub.bodies.clear()
    make(*arguments(stub, prompts, out))
    assert stub.bodies == []


def test_empty_replies_leave_no_row(stub: Stub, prompts: Path, tmp_path: Path) -> None:
    nothing = json.dumps({"choices": [{"message": {"content": None}}]}).encode()
    empty = {row_seed(0, index) for index in (1, 3, 4)}
    stub.answer = lambda _, b: (200, {}, nothing) if b["seed"] in empty else stub.good(b)
    out = tmp_path / "out.jsonl"
    make(*arguments(stub, prompts, out, words=18))
    assert [row["index"] for row in rows(out)] == [0, 2, 5]
    make(*arguments(stub, prompts, out, words=30))
    assert [row["index"] for row in rows(out)] == [0, 2, 5, 6, 7]


def test_half_an_emoji_is_replaced(stub: Stub, prompts: Path, tmp_path: Path) -> None:
    half = json.dumps({"choices": [{"message": {"content": "It went \ud83d."}}]}).encode()
    stub.answer = lambda _, body: (200, {}, half)
    make(*arguments(stub, prompts, tmp_path / "out.jsonl", words=5))
    assert rows(tmp_path / "out.jsonl")[0]["text"].endswith(" It went ?.")


def test_other_options_are_refused(stub: Stub, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    made = arguments(stub, prompts, out)
    make(*made)
    with pytest.raises(InputError, match=r"other options \(seed, temperature; see"):
        make(*made, "seed=1", "temperature=0.5")
    prompts.write_text("Some other line of text.\n")
    with pytest.raises(InputError, match=r"other options \(prompts; see"):
        make(*made)
    (tmp_path / "out.jsonl.json").unlink()
    with pytest.raises(InputError, match="its options are not in"):
        make(*made)


def test_a_file_of_something_else_is_refused(stub: Stub, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    make(*arguments(stub, prompts, out))
    first, second, *_ = out.read_text().splitlines(keepends=True)
    for text in (second + first, "{}\n" + first):
        out.write_text(text)
        with pytest.raises(InputError, match=r"line [12]: not a row"):
            make(*arguments(stub, prompts, out))
        assert out.read_text() == text


def test_prompts_that_run_out(stub: Stub, prompts: Path, tmp_path: Path) -> None:
    prompts.write_text("One two three four five.\n")
    out = tmp_path / "out.jsonl"
    with pytest.raises(InputError, match=r"too few prompts: .* has 6 words, 114 are missing"):
        make(*arguments(stub, prompts, out))
    assert len(rows(out)) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "either model=<folder or hub:owner/name> or url="),
        (["model=a", "url=b", "api_model=c"], "either model="),
        (["url=http://b"], "url=... needs api_model"),
        (["model=a", "instruction=go"], "needs a {prompt}"),
        (["model=no/such"], "model=no/such: there is no such folder; .* write model=hub:"),
    ],
)
def test_conflicting_options_are_refused(
    prompts: Path, tmp_path: Path, given: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make(f"prompts={prompts}", f"out={tmp_path / 'o.jsonl'}", "words=5", *given)


def test_the_command(
    stub: Stub,
    prompts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amlm.util.progress_bar.MINUTE", 0.0)  # a line of progress at once
    run(COMMAND, arguments(stub, prompts, tmp_path / "out.jsonl"))
    assert "words" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(COMMAND, ["prompts=no.txt", "out=o.jsonl", "words=5", "model=a"])
    assert "error: prompts=no.txt is not a file" in capsys.readouterr().err
