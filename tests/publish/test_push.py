"""Uploads against a stub of the Hub's API that keeps branches in memory: the contents of each
branch after a push, after a second push, and after an interrupted one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from amlm.evaluation.places import checkpoints
from amlm.publish.push import check_push, push
from amlm.util.errors import InputError
from tests import local_server

REPOSITORY = "someone/tiny"


class Stub(local_server.Server):
    """A Hub in memory: branches by name, each a dictionary of files, and the list of commits."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.branches: dict[str, dict[str, bytes]] = {}
        self.private: bool | None = None
        self.commits: list[str] = []
        self.refuses: str | None = None  # a branch that refuses commits

    @property
    def api(self) -> HfApi:
        return HfApi(endpoint=self.address, token="a-token")


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


class Handler(local_server.Handler):
    server: Stub

    def answer(self, content: Any, status: int = 200) -> None:
        self.send(status, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def do_GET(self) -> None:
        if self.path == f"/api/models/{REPOSITORY}/refs":
            names = [{"name": n, "ref": n, "targetCommit": "abc"} for n in self.server.branches]
            self.answer({"branches": names, "converts": [], "tags": []})
            return
        branch = self.path.split("?")[0].split("/tree/")[-1].split("/")[0]
        files = self.server.branches[branch]
        self.answer(
            [
                {"type": "file", "path": path, "size": 1, "oid": git_blob(content)}
                for path, content in files.items()
            ]
        )

    def do_POST(self) -> None:
        body = self.body()
        assert self.headers["Authorization"] == "Bearer a-token"
        path, branches = self.path.split("?")[0], self.server.branches
        last = path.rsplit("/", 1)[-1]
        if path == "/api/repos/create":
            url = {"url": f"{self.server.api.endpoint}/{REPOSITORY}"}
            if branches:
                return self.answer({"error": "You already created this model repo", **url}, 409)
            request = json.loads(body)  # "private" before huggingface_hub 2
            self.server.private = request.get("private", request.get("visibility") == "private")
            branches["main"] = {".gitattributes": b"* text"}
            return self.answer(url)
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if f"/api/models/{REPOSITORY}/branch/" in path:
            if last in branches:
                return self.answer({"error": "Reference already exists"}, 409)
            branches[last] = dict(branches["main"])
            return self.answer({})
        if f"/api/models/{REPOSITORY}/preupload/" in path:
            how = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            files = [{"path": f["path"], **how} for f in json.loads(body)["files"]]
            return self.answer({"files": files})
        assert path == f"/api/models/{REPOSITORY}/commit/{last}", path
        if last == self.server.refuses:
            return self.answer({"error": "no more space"}, 403)
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                branches[last][entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "deletedFile":
                branches[last].pop(entry["value"]["path"], None)
        self.server.commits.append(last)
        commit = f"{self.server.api.endpoint}/{REPOSITORY}/commit/abc"
        return self.answer({"commitUrl": commit, "commitOid": "abc"})


@pytest.fixture
def hub() -> Iterator[Stub]:
    with local_server.serving(Stub()) as stub:
        yield stub


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for name in ("chck_1M", "chck_2M", "main"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(f'{{"name": "{name}"}}')
        (tmp_path / name / "README.md").write_text(f"---\nlicense: mit\n---\n# {name}\n")
        (tmp_path / name / "export.json").write_text('{"run": "of this run"}\n')
    return [tmp_path / name for name in ("chck_1M", "chck_2M", "main")]


def expected(folders: list[Path]) -> dict[str, dict[str, bytes]]:
    return {
        folder.name: {
            ".gitattributes": b"* text",
            **{path.name: path.read_bytes() for path in folder.iterdir()},
        }
        for folder in folders
    }


def test_push_makes_each_branch_equal_to_its_folder(hub: Stub, folders: list[Path]) -> None:
    messages: list[str] = []
    push(folders, REPOSITORY, hub.api, private=True, say=messages.append)
    assert hub.branches == expected(folders)
    assert hub.commits == ["main", "chck_1M", "chck_2M"] and hub.private is True
    assert len(messages) == 3 and "chck_2M" in messages[2]

    (folders[0] / "config.json").write_text("changed")
    for branch in hub.branches.values():
        branch["results.txt"] = b"of the user"  # nothing is deleted
    push(folders, REPOSITORY, hub.api, private=True)
    whole = expected(folders)
    assert hub.branches == {
        n: {**files, "results.txt": b"of the user"} for n, files in whole.items()
    }


@pytest.mark.parametrize("branch", ["main", "chck_2M"])
@pytest.mark.parametrize("more", [{}, {"export.json": b'{"run": "of another run"}\n'}])
def test_a_repository_of_something_else_is_left_alone(
    branch: str, more: dict[str, bytes], hub: Stub, folders: list[Path]
) -> None:
    hub.branches = {
        "main": {".gitattributes": b"* text"},
        branch: {".gitattributes": b"* text", "model.safetensors": b"weights", **more},
        "notes": {"thesis.tex": b"another branch does not matter"},
    }
    before = {name: dict(files) for name, files in hub.branches.items()}
    with pytest.raises(InputError) as error:
        push(folders, REPOSITORY, hub.api, private=False)
    assert hub.branches == before and hub.commits == []
    for part in ("push=someone/tiny is not an export of this run", branch, "give a new name"):
        assert part in str(error.value)


def test_an_empty_repository_is_used(hub: Stub, folders: list[Path]) -> None:
    hub.branches = {"main": {".gitattributes": b"* text"}}
    push(folders, REPOSITORY, hub.api, private=False)
    assert hub.branches == expected(folders)


def test_checkpoints_of_a_pushed_model_are_its_branches(hub: Stub, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("main", "chck_10M", "chck_2M", "chck_xM", "other")]
    for folder in folders:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "export.json").write_text("{}")
    push(folders, REPOSITORY, hub.api, private=False)
    assert checkpoints(f"hub:{REPOSITORY}", hub.api) == ["chck_2M", "chck_10M"]
    assert checkpoints(str(tmp_path)) == ["chck_2M", "chck_10M"]
    said = (
        r"model=hub:someone/else: its branches, .* \(\w+: .+\): check the name and the connection"
    )
    with pytest.raises(InputError, match=said) as error:
        checkpoints("hub:someone/else", hub.api)
    assert "\n" not in str(error.value)


def test_an_interrupted_push_can_be_resumed(hub: Stub, folders: list[Path]) -> None:
    hub.refuses = "chck_2M"
    with pytest.raises(InputError, match=r"push=someone/tiny failed.*403") as error:
        push(folders, REPOSITORY, hub.api, private=False)
    assert "\n" not in str(error.value) and "repeat the command to resume" in str(error.value)
    assert hub.commits == ["main", "chck_1M"]
    hub.refuses = None
    push(folders, REPOSITORY, hub.api, private=False)
    assert hub.branches == expected(folders)


def test_push_without_a_connection_is_an_input_error(folders: list[Path], hub: Stub) -> None:
    api = hub.api
    hub.shutdown()
    hub.server_close()
    with pytest.raises(InputError, match="push=someone/tiny failed"):
        push(folders, REPOSITORY, api, private=False)


def test_check_push_checks_name_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tiny", "a/b/c", "some one/tiny", "/tiny"):
        with pytest.raises(InputError, match="user/name"):
            check_push(name, HfApi(token="a-token"))
    monkeypatch.setattr("amlm.publish.push.get_token", lambda: None)
    with pytest.raises(InputError, match="token"):
        check_push(REPOSITORY, HfApi())
    check_push(REPOSITORY, HfApi(token="a-token"))
