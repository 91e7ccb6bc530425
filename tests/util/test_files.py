"""Files and folders that are whole or not there: a write that fails half-way against what was there
before, and one that ends with what is on disk."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
from pathlib import Path

import pytest

from amlm.util.errors import InputError
from amlm.util.files import GrowingFile, aside, make_folder, read_json, write_json


def test_a_file_and_its_folder_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_json(path, {"é": 1})
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1}
    assert [each.name for each in path.parent.iterdir()] == ["b.json"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.json"
    write_json(path, 1)

    def half(self: Path, text: str, encoding: str) -> None:
        with self.open("w", encoding=encoding) as file:
            file.write(text[: len(text) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="disk full"):
        write_json(path, [2] * 100)
    assert json.loads(path.read_text()) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["b.json"]


def test_a_folder_takes_the_place_of_another_once_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for content in ("old", "new"):
        with pytest.raises(RuntimeError), aside(folder) as temporary:
            temporary.mkdir()
            raise RuntimeError("half-way")
        with aside(folder) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
        assert [each.name for each in folder.iterdir()] == [content]
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o007, 0o660, 0o770)]
)
def test_files_have_the_permissions_of_the_umask(
    tmp_path: Path, umask: int, file: int, folder: int
) -> None:
    before = os.umask(umask)
    try:
        with aside(tmp_path / "hf") as temporary:
            temporary.mkdir(mode=0o700)
            for name in ("a", "b/c"):
                (temporary / name).parent.mkdir(exist_ok=True)
                (temporary / name).touch(mode=0o600)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.rglob("*")}
    assert modes == {"hf": folder, "a": file, "b": folder, "c": file}


def test_content_is_synced_before_it_is_renamed_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def renamed(self: Path, target: Path) -> Path:
        done.append(("rename", target.name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_json(tmp_path / "new" / "b.json", 1)
    assert done[0] == ("sync", tmp_path.name)  # which has the new folder
    assert done[1:] == [("sync", ".b.json.aside"), ("rename", "b.json"), ("sync", "new")]


def test_errors_of_libraries_are_those_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError) as raised, aside(tmp_path / "x"):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    assert (raised.value.errno, raised.value.filename) == (28, str(tmp_path / "x"))

    def write() -> None:
        try:
            raise OSError(27, "File too large")
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")  # as torch.save does

    with pytest.raises(OSError, match="File too large"), aside(tmp_path / "x"):
        write()


def test_new_folders_are_returned_innermost_first(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b") == [tmp_path / "a" / "b", tmp_path / "a"]
    assert make_folder(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("content", ["", '{"a": 1', "[1]", "\0\0\0"])
def test_a_damaged_json_file_is_named_with_what_to_do(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"run\.json is damaged, it is not .*: remove it"):
        read_json(path, "remove it")


def test_a_growing_file_knows_its_position_and_is_cut_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    grows = GrowingFile(path)
    at = [grows.position()]
    for part in (b"one", b"two", b"three"):
        grows.append(part)
        at.append(grows.position())
    assert (at[2].bytes, at[2].sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    again = GrowingFile(path)
    assert again.position() == at[3]
    again.cut(at[1])
    again.append(b"two")
    assert again.position() == at[2]
    assert path.read_bytes() == b"onetwo"
    again.clear()
    assert not path.exists() and again.position() == at[0]
    assert again.fault(at[0]) is None


def test_an_error_in_words_is_not_replaced_by_the_one_behind_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="say what to do"), aside(tmp_path / "file"):
        try:
            (tmp_path / "nothing").read_text()
        except OSError as error:
            raise InputError("say what to do") from error
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_an_error_with_the_files_name(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    grown = GrowingFile(tmp_path / "grown")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError) as whole:
            write_json(tmp_path / "whole", "x" * 1_000)
        with pytest.raises(OSError) as part:
            grown.append(b"x" * 1_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, was)
    for raised, name in ((whole, "whole"), (part, "grown")):
        assert str(raised.value) == f"[Errno 27] File too large: '{tmp_path / name}'"
