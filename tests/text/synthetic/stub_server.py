"""A stand-in of a chat server, the lines that it completes, and the rows that are written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LINES = [f"Number {i} is a rather long line of text." for i in range(40)]


Answer = tuple[int, dict[str, str], bytes]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


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
