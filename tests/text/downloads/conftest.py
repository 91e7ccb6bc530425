"""Local stand-ins of OSF and of the Hugging Face Hub.

The latter answers the four requests that huggingface_hub makes for a repository without Xet
storage: its commit, its tree, and HEAD and GET of a file. Xet transfers are not tested here.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from amlm.text.downloads.download import Download, download
from tests.local_server import Handler, Server, serving
from tests.text.downloads.osf_server import BLIMP, Osf, zipped

COMMIT = "c" * 40
LARGE = "data/a.train.txt"


class Hub(Server):
    """The stand-in.

    Attributes:
        repositories: contents by path, by name; `LARGE` files are in large-file storage, known by
            their SHA-256.
        files: those of the repository ``owner/name``.
        gated: repositories whose files other than ``README.md`` are refused.
        sent: what it sends instead, by path.
        error: status and code of every answer about the repository, if it refuses.
        wait: further headers of these answers.
        asked: addresses that its commit was asked at.
        got: paths of files asked for.
    """

    def __init__(self) -> None:
        super().__init__(Answer)
        self.files = {"README.md": b"# Text\n", LARGE: b"a line\n" * 500}
        self.repositories = {"owner/name": self.files}
        self.gated: set[str] = set()
        self.sent: dict[str, bytes] = {}
        self.error: tuple[int, str] | None = None
        self.wait: dict[str, str] = {}
        self.asked: list[str] = []
        self.got: list[str] = []

    def entry(self, repository: str, path: str) -> dict[str, Any]:
        content = self.repositories[repository][path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if path == LARGE:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
        return entry


class Answer(Handler):
    server: Hub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        api = path.startswith("/api/")
        owner, name, *rest = path.removeprefix("/api").removeprefix("/datasets/").split("/")
        repository, asked = f"{owner}/{name}", "/".join(rest)
        if repository not in self.server.repositories:
            self.send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        elif api and self.server.error:
            status, code = self.server.error
            self.send(status, {"X-Error-Code": code, **self.server.wait}, b"{}")
        elif api and asked in ("", "revision/v2"):
            self.server.asked.append(path)
            self.send(200, {}, json.dumps({"id": repository, "sha": COMMIT}).encode())
        elif api and asked == f"tree/{COMMIT}":
            files = self.server.repositories[repository]
            entries = [self.server.entry(repository, each) for each in files]
            self.send(200, {}, json.dumps(entries).encode())
        else:
            self.answer_file(repository, asked.removeprefix(f"resolve/{COMMIT}/"))

    def answer_file(self, repository: str, name: str) -> None:
        if repository in self.server.gated and name != "README.md":
            self.send(403, {"X-Error-Code": "GatedRepo"}, b"{}")
            return
        entry = self.server.entry(repository, name)
        etag = entry.get("lfs", entry)["oid"]
        if self.command == "GET":
            self.server.got.append(name)
        content = self.server.sent.get(name, self.server.repositories[repository][name])
        self.send(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, content)

    do_HEAD = do_GET


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Hub()) as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client would have waited, instead of waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> Iterator[Osf]:
    """The stand-in with the small track, a development archive and a few evaluation items."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Osf()
    text = random.Random(0).randbytes(5_000)
    made.files = {
        "text/train_10M.zip": zipped({"train_10M/a.train": text, "train_10M/b.train": b"b\n"}),
        "text/dev.zip": zipped({"dev/a.dev": b"a\n", "__MACOSX/dev/._a.dev": b"\0"}),
        **{f"{BLIMP}/{name}.jsonl": name.encode() * 9 for name in "abcdefgh"},
        "evaluation_data/fast_eval/reading/reading_data.csv": b"item,word\n",
        "evaluation_data/fast_eval/empty.txt": b"",
        "evaluation_data/full_eval/blimp_filtered/a.jsonl": b"not asked for",
    }
    made.guids = {"y7djq": "text/train_10M.zip", "uyd7v": "text/dev.zip"}
    with serving(made):
        yield made


@pytest.fixture
def get(server: Osf, tmp_path: Path) -> Callable[..., list[str]]:
    """``get(what, sums)`` downloads into ``tmp_path / "out"``; returns what it said."""

    def run(what: str, sums: Path | None = None) -> list[str]:
        said: list[str] = []
        options = Download(what, str(tmp_path / "out"), str(sums) if sums else None)
        download(options, api=server.api, say=said.append)
        return said

    return run
