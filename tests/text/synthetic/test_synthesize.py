"""Synthetic text, made with a stub server and a tiny model, against what they were made to say."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from amlm.config.composition import parse
from amlm.text.synthetic.chat_server import Server
from amlm.text.synthetic.completers import Request, Sampling
from amlm.text.synthetic.synthesize import (
    SynthesizeOptions,
    completed,
    first_words,
    main,
    row_seed,
    synthesize,
)
from amlm.util.errors import InputError

LINES = [f"Number {i} is a rather long line of text." for i in range(40)]
SAMPLING = Sampling("Go on: {prompt}", max_new_tokens=8, temperature=0.5)
Answer = tuple[int, dict[str, str], bytes]


class Stub:
    """A server that answers as `answer` says; each prompt is echoed with its seed by default."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Message] = []
        self.answer: Callable[[int, dict[str, Any]], Answer] = lambda _, body: self.good(body)
        self.lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with stub.lock:
                    number = len(stub.bodies)
                    stub.bodies.append({**body, "path": self.path})
                    stub.headers.append(self.headers)
                status, headers, content = stub.answer(number, body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    @staticmethod
    def good(body: dict[str, Any]) -> Answer:
        prompt = body["messages"][0]["content"].rpartition(": ")[2]
        text = f"{prompt} sentence {body['seed'] % 1000}. And another one."
        return 200, {}, json.dumps({"choices": [{"message": {"content": text}}]}).encode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def make(*arguments: str) -> None:
    synthesize(parse(SynthesizeOptions, arguments))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asking(stub: Stub, **options: Any) -> tuple[Server, list[float]]:
    pauses: list[float] = []
    server = Server(stub.url, "m", SAMPLING, workers=2, pause=pauses.append, **options)
    return server, pauses


def ask(server: Server, count: int = 1) -> list[str]:
    return list(server.replies([Request(line, 7) for line in LINES[:count]], 0))


# --- prompts and replies ------------------------------------------------------------------------


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


# --- the server ---------------------------------------------------------------------------------


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


def test_requests_to_busy_and_failing_servers_are_retried(stub: Stub) -> None:
    troubles: list[Answer] = [
        (429, {"Retry-After": "3"}, b""),
        (503, {}, b""),
        (200, {}, b"{nothing"),
        (200, {}, b'{"choices": []}'),
    ]
    stub.answer = lambda n, body: troubles[n] if n < len(troubles) else stub.good(body)
    server, pauses = asking(stub)
    assert ask(server) == [f"{LINES[0]} sentence 7. And another one."]
    assert pauses == [3.0, 1.0, 2.0, 4.0]
    assert "Authorization" not in stub.headers[0]


def test_a_date_to_retry_after_is_understood(stub: Stub) -> None:
    long_ago = "Wed, 21 Oct 2015 07:28:00 GMT"
    stub.answer = lambda n, body: stub.good(body) if n else (429, {"Retry-After": long_ago}, b"")
    server, pauses = asking(stub)
    ask(server)
    assert pauses == [0.0]


def test_it_gives_up_in_the_end(stub: Stub) -> None:
    stub.answer = lambda *_: (500, {}, b"")
    server, pauses = asking(stub, retries=3)
    with pytest.raises(InputError, match="status 500, after 4 attempts: repeat the command"):
        ask(server)
    assert pauses == [0.5, 1.0, 2.0]


def test_a_server_that_asks_for_more_than_an_hour_is_not_waited_for(stub: Stub) -> None:
    stub.answer = lambda *_: (429, {"Retry-After": "3601"}, b"")
    server, pauses = asking(stub)
    with pytest.raises(InputError, match="status 429, after 1 attempts: repeat the command"):
        ask(server)
    assert pauses == []


def test_no_request_or_wait_after_the_end(stub: Stub) -> None:
    waiting = threading.Event()

    def busy(number: int, body: dict[str, Any]) -> Answer:
        if LINES[0] in body["messages"][0]["content"]:
            waiting.wait(5)
            return stub.good(body)
        waiting.set()
        return 503, {"Retry-After": "60"}, b""

    stub.answer = busy
    server = Server(stub.url, "m", SAMPLING, workers=2)
    replies = server.replies([Request(line, 7) for line in LINES[:2]], 0)
    next(replies)
    start = time.monotonic()
    replies.close()
    assert time.monotonic() - start < 30
    assert len(stub.bodies) == 2


def test_requests_to_a_silent_server_are_retried(stub: Stub) -> None:
    heard = threading.Event()

    def silent(number: int, body: dict[str, Any]) -> Answer:
        if number == 0:
            heard.wait(5)
        heard.set()
        return stub.good(body)

    stub.answer = silent
    server, pauses = asking(stub, timeout=0.3)
    assert len(ask(server)) == 1
    assert pauses == [0.5]


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (401, ["status 401", "key_variable", "response: no no"]),
        (403, ["status 403", "may not use this model"]),
        (404, ["status 404", "no model 'm'", "/v1"]),
        (400, ["status 400", "rejects the request"]),
    ],
)
def test_permanent_errors_are_not_retried(stub: Stub, status: int, parts: list[str]) -> None:
    stub.answer = lambda *_: (status, {}, b"no\nno")
    server, pauses = asking(stub)
    with pytest.raises(InputError) as error:
        ask(server)
    assert all(part in str(error.value) for part in parts), error.value
    assert pauses == [] and len(stub.bodies) == 1


def test_no_server_at_the_address(stub: Stub) -> None:
    stub.close()
    server, _ = asking(stub)
    with pytest.raises(InputError, match=r"cannot be reached.*is the server running"):
        ask(server)


def test_a_missing_client_is_named(
    prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"url=http://b needs .*pip install 'amlm\[synthesize\]'"):
        make(
            f"prompts={prompts}", f"out={tmp_path / 'o'}", "words=5", "url=http://b", "api_model=c"
        )


# --- stops --------------------------------------------------------------------------------------


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
    main(arguments(stub, prompts, tmp_path / "out.jsonl"))
    assert "words" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["prompts=no.txt", "out=o.jsonl", "words=5", "model=a"])
    assert "error: prompts=no.txt is not a file" in capsys.readouterr().err


# --- the model on this machine ------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """So small a model is faster without the threads' bookkeeping."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny_model(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 with a byte-level tokenizer of these lines."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(folder)
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    config = GPT2Config(
        vocab_size=size, n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def local(tiny_model: Path, prompts: Path, out: Path, *more: str) -> bytes:
    make(
        f"prompts={prompts}", f"out={out}", "words=150", f"model={tiny_model}", "batch=4",
        "max_new_tokens=12", *more,
    )  # fmt: skip
    return out.read_bytes()


def test_a_local_model_is_seeded(tiny_model: Path, prompts: Path, tmp_path: Path) -> None:
    first = local(tiny_model, prompts, tmp_path / "a.jsonl")
    state = torch.random.get_rng_state()
    assert local(tiny_model, prompts, tmp_path / "b.jsonl") == first
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's draws change
    other = local(tiny_model, prompts, tmp_path / "c.jsonl", "seed=1")
    assert [json.loads(line)["text"] for line in other.splitlines()] != [
        json.loads(line)["text"] for line in first.splitlines()
    ]
    for row in rows(tmp_path / "a.jsonl"):
        assert row["text"].startswith(row["prompt"]) and row["text"] != row["prompt"]
        assert row["text"] == " ".join(row["text"].split())


@pytest.mark.parametrize("share", [0.3, 0.55, 0.9])
def test_a_local_model_resumes_with_the_same_text(
    tiny_model: Path, prompts: Path, tmp_path: Path, share: float
) -> None:
    out = tmp_path / "a.jsonl"
    whole = local(tiny_model, prompts, out)
    out.write_bytes(whole[: int(len(whole) * share)])
    assert local(tiny_model, prompts, out) == whole


def test_a_chat_model_is_given_the_instruction(
    tiny_model: Path, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "chat"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_model)
    tokenizer.chat_template = "{{ messages[0].role }}: {{ messages[0].content }} >"
    tokenizer.save_pretrained(folder)
    GPT2LMHeadModel.from_pretrained(tiny_model).save_pretrained(folder)
    seen: list[str] = []
    generate = GPT2LMHeadModel.generate

    def watched(self: Any, ids: Any, **options: Any) -> Any:
        seen.extend(tokenizer.batch_decode(ids, skip_special_tokens=True))
        return generate(self, ids, **options)

    monkeypatch.setattr(GPT2LMHeadModel, "generate", watched)
    local(folder, prompts, tmp_path / "a.jsonl", "instruction='Go on: {prompt}'", "temperature=0")
    assert seen[0] == "user: Go on: Number 0 is a >"
    assert not any(row["text"].startswith("user") for row in rows(tmp_path / "a.jsonl"))
