"""A stand-in of a chat server, the lines that it completes, and the rows that are written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

from tests import local_server

LINES = [f"Number {i} is a rather long line of text." for i in range(40)]


Answer = tuple[int, dict[str, str], bytes]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Handler(local_server.Handler):
    server: Stub

    def do_POST(self) -> None:
        stub, body = self.server, json.loads(self.body())
        with stub.lock:
            number = len(stub.bodies)
            stub.bodies.append({**body, "path": self.path})
            stub.headers.append(self.headers)
        self.send(*stub.answer(number, body))


class Stub(local_server.Server):
    """A server that answers as `answer` says; each prompt is echoed with its seed by default."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Message] = []
        self.answer: Callable[[int, dict[str, Any]], Answer] = lambda _, body: self.good(body)
        self.lock = threading.Lock()
        self.url = f"{self.address}/v1"

    @staticmethod
    def good(body: dict[str, Any]) -> Answer:
        prompt = body["messages"][0]["content"].rpartition(": ")[2]
        text = f"{prompt} sentence {body['seed'] % 1000}. And another one."
        return 200, {}, json.dumps({"choices": [{"message": {"content": text}}]}).encode()
