"""Dataset repositories, against a local stand-in of the Hugging Face Hub.

The stand-in answers the four requests that huggingface_hub makes for a repository without Xet
storage: its commit, its tree, and HEAD and GET of a file. Xet transfers are not tested here.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from amlm.text.downloads.download import Download, download
from amlm.util.errors import InputError

COMMIT = "c" * 40
LARGE = "data/a.train.txt"


class Hub(ThreadingHTTPServer):
    """The stand-in.

    Attributes:
        files: contents by path; `LARGE` is in large-file storage, known by its SHA-256.
        sent: what it sends instead, by path.
        error: status and code of every answer about the repository, if it refuses.
        asked: addresses that its commit was asked at.
        got: paths of files asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = {"README.md": b"# Text\n", LARGE: b"a line\n" * 500}
        self.sent: dict[str, bytes] = {}
        self.error: tuple[int, str] | None = None
        self.asked: list[str] = []
        self.got: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def entry(self, path: str) -> dict[str, Any]:
        content = self.files[path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if path == LARGE:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
        return entry


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/datasets/owner/name") and self.server.error:
            status, code = self.server.error
            self.answer(status, {"X-Error-Code": code}, b"{}")
        elif path in ("/api/datasets/owner/name", "/api/datasets/owner/name/revision/v2"):
            self.server.asked.append(path)
            self.answer(200, {}, json.dumps({"id": "owner/name", "sha": COMMIT}).encode())
        elif path == f"/api/datasets/owner/name/tree/{COMMIT}":
            entries = [self.server.entry(each) for each in self.server.files]
            self.answer(200, {}, json.dumps(entries).encode())
        elif path.startswith(start := f"/datasets/owner/name/resolve/{COMMIT}/"):
            name = path.removeprefix(start)
            entry = self.server.entry(name)
            etag = entry.get("lfs", entry)["oid"]
            if self.command == "GET":
                self.server.got.append(name)
            content = self.server.sent.get(name, self.server.files[name])
            self.answer(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, content)
        else:
            self.answer(404, {"X-Error-Code": "RepoNotFound"}, b"{}")

    do_HEAD = do_GET

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Hub()
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def get(hub: Hub, out: Path, what: str = "hub:owner/name") -> None:
    download(Download(what, str(out)), hub=hub.address, say=lambda text: None)


def test_all_files_come_once(hub: Hub, tmp_path: Path) -> None:
    get(hub, tmp_path)
    for name, content in hub.files.items():
        assert (tmp_path / name).read_bytes() == content
    assert sorted(hub.got) == sorted(hub.files)
    get(hub, tmp_path)
    assert sorted(hub.got) == sorted(hub.files)


def test_the_revision_is_requested(hub: Hub, tmp_path: Path) -> None:
    get(hub, tmp_path, "hub:owner/name@v2")
    assert hub.asked == ["/api/datasets/owner/name/revision/v2"]
    assert (tmp_path / LARGE).read_bytes() == hub.files[LARGE]


@pytest.mark.parametrize("name", ["README.md", LARGE])
def test_wrong_contents_of_the_right_size_are_deleted(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.sent[name] = bytes(len(hub.files[name]))
    with pytest.raises(InputError, match="1 files with wrong contents"):
        get(hub, tmp_path)
    assert not (tmp_path / name).exists()
    hub.sent.clear()
    get(hub, tmp_path)
    assert (tmp_path / name).read_bytes() == hub.files[name]


@pytest.mark.parametrize("name", ["README.md", LARGE])
def test_an_existing_file_is_never_overwritten(hub: Hub, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already, with other contents"):
        get(hub, tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert not hub.got


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (403, "GatedRepo", "hf auth login"),
        (401, "RepoNotFound", "does not exist, or is private"),
        (404, "RevisionNotFound", "has no revision v9"),
    ],
)
def test_a_refusal_gives_advice(
    hub: Hub, tmp_path: Path, status: int, code: str, text: str
) -> None:
    hub.error = (status, code)
    with pytest.raises(InputError, match=text) as error:
        get(hub, tmp_path, "hub:owner/name@v9")
    assert "https://huggingface.co/datasets/owner/name" in str(error.value)


def test_an_unreachable_hub_is_reported(hub: Hub, tmp_path: Path) -> None:
    gone = Hub()
    gone.server_close()
    with pytest.raises(InputError, match="owner/name: "):
        get(gone, tmp_path)


@pytest.mark.parametrize("what", ["hub:", "hub:a/b/c", "hub:a b/c"])
def test_a_malformed_name_is_refused(hub: Hub, tmp_path: Path, what: str) -> None:
    with pytest.raises(InputError, match="is not of the form"):
        get(hub, tmp_path, what)
