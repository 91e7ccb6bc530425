"""Datasets read by the real libraries of the Hub, in a process of their own, from a small server
that answers as the Hub does: against what its repositories hold, and errors against messages."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from amlm.text.readers import hub_revision, read_hub
from amlm.util.errors import InputError
from tests.local_server import Handler, Server, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = b"""---
configs:
- config_name: strict
  default: true
  data_files:
  - {split: train, path: strict.jsonl.gz}
- config_name: small
  data_files:
  - {split: train, path: small.jsonl}
---
"""


def _lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    out = io.BytesIO()
    table = pytest.importorskip("pyarrow").table(columns)
    pytest.importorskip("pyarrow.parquet").write_table(table, out)
    return out.getvalue()


def repositories() -> dict[str, dict[str, bytes]]:
    """The files of each dataset."""
    return {
        "kind/texts": {
            "data/train-00000-of-00002.jsonl": _lines(
                {"text": "one  two\nthree", "id": 1}, {"text": "", "id": 2}
            ),
            "data/train-00001-of-00002.jsonl": _lines({"text": "four", "id": 3}),
            "data/validation-00000-of-00001.jsonl": _lines({"text": "five", "id": 4}),
        },
        "kind/configs": {
            "README.md": CARD,
            "strict.jsonl.gz": gzip.compress(_lines({"text": "six"}, {"text": None})),
            "small.jsonl": _lines({"text": "seven"}),
        },
        "kind/triplets": {
            "train.parquet": _parquet({"anchor": ["a", "b", "c"], "other": ["x ", "y\nz", ""]}),
        },
        "kind/blank": {"train.jsonl": _lines({"text": " "})},
        "kind/broken": {"train.jsonl": b'{"text": "one"}\n{"text": \n'},
    }


class Hub(Handler):
    """The few answers of the Hub that reading a dataset asks for."""

    protocol_version = "HTTP/1.1"
    repositories: dict[str, dict[str, bytes]]

    def answer(self, status: int, body: bytes | object = b"", **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)

    def refuse(self, code: str) -> None:
        self.answer(404, {}, X_Error_Code=code)

    def do_GET(self) -> None:
        body = self.body()
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        match parts:
            case ["api", "datasets", owner, name, *rest]:
                pass
            case ["datasets", owner, name, "resolve", *rest]:
                rest = ["resolve", *rest]
            case _:
                return self.answer(404)
        files = self.repositories.get(f"{owner}/{name}")
        if files is None:
            return self.refuse("RepoNotFound")
        match rest:
            case [_, revision, *_] if revision not in ("main", COMMIT):
                return self.refuse("RevisionNotFound")
            case [] | ["revision", _]:
                return self.answer(200, {"id": f"{owner}/{name}", "sha": COMMIT, "siblings": []})
            case ["tree", _, *folder]:
                return self.answer(200, self.listed(files, "".join(f"{each}/" for each in folder)))
            case ["paths-info", _]:
                wanted = parse_qs(body.decode())["paths"]
                return self.answer(
                    200, [each for each in self.listed(files, "") if each["path"] in wanted]
                )
            case ["resolve", _, *path]:
                return self.send_file(files.get("/".join(path)))
            case _:
                return self.answer(404)

    do_HEAD = do_POST = do_GET

    @staticmethod
    def listed(files: dict[str, bytes], folder: str) -> list[dict[str, Any]]:
        inside = [path.removeprefix(folder) for path in files if path.startswith(folder)]
        return [
            {"type": "file", "path": path, "size": len(files[path]), "oid": "0" * 40}
            if (path := folder + name) in files
            else {"type": "directory", "path": path, "size": 0, "oid": "0" * 40}
            for name in sorted({path.split("/")[0] for path in inside})
        ]

    def send_file(self, body: bytes | None) -> None:
        about = {"X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes", "ETag": f'"{hash(body)}"'}
        if body is None:
            self.answer(404, X_Error_Code="EntryNotFound", **about)
        elif wanted := self.headers.get("Range"):
            first, last = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
            part = body[first : last + 1]
            span = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
            self.answer(206, part, Content_Range=span, **about)
        else:
            self.answer(200, body, **about)


CHILD = """
import json, sys
import amlm.text.readers as readers
for name, *arguments in json.loads(sys.argv[1]):
    found = []
    try:
        answer = getattr(readers, name)(*arguments)
        if isinstance(answer, str):
            found = answer
        else:
            found.extend(answer)
        error = None
    except readers.InputError as raised:
        error = str(raised)
    print("answer:", json.dumps([found, error]))
"""
Case = tuple[list[Any], Any, str | None]  # a call, what it gives, the error that it ends with

READ: list[Case] = [
    (["hub_revision", "kind/texts"], COMMIT, None),
    (["hub_revision", "kind/texts/default@main"], COMMIT, None),
    (["hub_revision", "kind/texts@v2"], [], "hub:kind/texts@v2: the dataset has no such revision"),
    (["hub_revision", "no/such"], [], "hub:no/such: the Hub has no such dataset, or it is private"),
    (["read_hub", "kind/texts", "train", ["text"]], [["one two"], ["three"], ["four"]], None),
    (["read_hub", f"kind/texts@{COMMIT}", "validation", ["text"]], [["five"]], None),
    (["read_hub", "kind/texts", "dev", ["text"]], [], "hub:kind/texts: .*dev.*train.*validation"),
    (
        ["read_hub", "kind/texts", "train", ["txt"]],
        [],
        r"hub:kind/texts, train: no column txt \(did you mean text\?\): there is text, id",
    ),
    (
        ["read_hub", "kind/texts", "train", ["text", "id"]],
        [],
        "hub:kind/texts, train row 1: column id is 1, which is not text",
    ),
    (["read_hub", "kind/texts@v2", "train", ["text"]], [], "hub:kind/texts@v2: .*Revision 'v2'"),
    (["read_hub", "no/such", "train", ["text"]], [], "hub:no/such: .*doesn't exist on the Hub"),
    (["read_hub", "kind/configs", "train", ["text"]], [["six"]], None),
    (
        ["read_hub", "kind/triplets", "train", ["other", "anchor"]],
        [["x", "a"], ["y z", "b"]],
        "hub:kind/triplets, train row 3: column other is empty",
    ),
    (["read_hub", "kind/configs/small", "train", ["text"]], [["seven"]], None),
    (
        ["read_hub", "kind/configs/big", "train", ["text"]],
        [],
        "hub:kind/configs/big: .*strict.*small",
    ),
    (["read_hub", "kind/blank", "train", ["text"]], [], "hub:kind/blank, train contains no text"),
    (["read_hub", "kind/broken", "train", ["text"]], [], "hub:kind/broken: .*JSON"),
]
PINNED = f"kind/texts@{COMMIT}"
OFFLINE: list[Case] = [
    (["hub_revision", PINNED], COMMIT, None),
    (["hub_revision", "kind/texts"], [], "hub:kind/texts: can't reach the Hub .*hf download"),
    (["read_hub", PINNED, "train", ["text"]], [], "can't reach the Hub .*hf download kind/texts "),
]


def answers(cases: list[Case], folder: Path, endpoint: str, **environment: str) -> list[Any]:
    """What the calls give, with the message of an `InputError`; any other error fails."""
    finished = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([call for call, _, _ in cases])],
        env=os.environ
        | {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1"}
        | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    return [json.loads(line.removeprefix("answer:")) for line in lines if "answer:" in line]


def check(cases: list[Case], found: list[Any]) -> None:
    assert len(found) == len(cases)
    for (call, expected, message), (answer, error) in zip(cases, found, strict=True):
        assert answer == expected, (call, error)
        assert (error is None) == (message is None), (call, error)
        assert message is None or re.search(message, error), (call, error)
        assert error is None or (len(error) < 400 and "\n" not in error)


@pytest.fixture
def endpoint() -> Iterator[str]:
    Hub.repositories = repositories()
    with serving(Server(Hub)) as server:
        yield server.address


def test_datasets_of_the_hub(tmp_path: Path, endpoint: str) -> None:
    pytest.importorskip("datasets")
    # A folder of that name is not the dataset of that name.
    (tmp_path / "kind" / "texts").mkdir(parents=True)
    (tmp_path / "kind" / "texts" / "train.jsonl").write_text('{"text": "of the folder"}\n')
    check(READ, answers(READ, tmp_path, endpoint))


def test_without_a_connection(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    nobody = "http://127.0.0.1:9"
    check(OFFLINE, answers(OFFLINE, tmp_path, nobody, HF_HUB_OFFLINE="1"))
    refused = OFFLINE[:2]  # the other calls try again for half a minute
    check(refused, answers(refused, tmp_path, nobody))


@pytest.mark.parametrize("name", ["texts", "kind/", "kind/texts/a/b", "kind/texts@", "a b/c", ""])
def test_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"is not of the form hub:owner/name\[/config\]"):
        hub_revision(name)
    with pytest.raises(InputError, match="is not of the form"):
        list(read_hub(name, "train", ["text"]))


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"hub:kind/texts: .* pip install 'amlm\[data\]'"):
        list(read_hub("kind/texts", "train", ["text"]))
