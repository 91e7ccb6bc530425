"""Requests to a chat server, a stand-in that is busy, fails, is silent or refuses."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from amlm.text.synthetic.chat_server import Server
from amlm.text.synthetic.completers import Request, Sampling
from amlm.util.errors import InputError
from tests.text.synthetic.stub_server import LINES, Answer, Stub

SAMPLING = Sampling("Go on: {prompt}", max_new_tokens=8, temperature=0.5)


def asking(stub: Stub, **options: Any) -> tuple[Server, list[float]]:
    pauses: list[float] = []
    server = Server(stub.url, "m", SAMPLING, workers=2, pause=pauses.append, **options)
    return server, pauses


def ask(server: Server, count: int = 1) -> list[str]:
    return list(server.replies([Request(line, 7) for line in LINES[:count]], 0))


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
    stub.shutdown()
    stub.server_close()
    server, _ = asking(stub)
    with pytest.raises(InputError, match=r"cannot be reached.*is the server running"):
        ask(server)
