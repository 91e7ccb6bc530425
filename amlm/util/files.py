"""Durable files: a file or folder is complete and on disk, or it is what it was before."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amlm.util.errors import InputError


def sync(path: Path) -> None:
    """Waits until a file, or a folder with everything in it, is on disk."""
    for each in [path, *(path.rglob("*") if path.is_dir() else ())]:
        _sync_one(each)


def _sync_one(path: Path) -> None:
    """Syncs a file, or the names in a folder: a renamed file then has its new name on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns the new ones, innermost first.

    Raises:
        OSError: it can't be made, or is a file.
    """
    if folder.is_dir():
        return []
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    above = make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError as error:  # as in /proc, though the folder above is there
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder)) from error
    _sync_one(folder.parent)
    return [folder, *above]


def check_folder(option: str, folder: str | None) -> None:
    """Raises InputError if an option that names a folder to write to names a file."""
    if folder is not None and Path(folder).expanduser().is_file():
        raise InputError(f"{option}={folder} is a file: give a folder, which is made if needed")


def grant_usual_access(path: Path) -> None:
    """Adds the permissions that the umask leaves new files, to a file or all files in a folder.

    safetensors and `tempfile` make files and folders that only their owner can read.
    """
    umask = os.umask(0o077)  # the only way to read it
    os.umask(umask)
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        usual = (0o777 if each.is_dir() else 0o666) & ~umask
        mode = each.stat().st_mode
        if mode | usual != mode:
            each.chmod(stat.S_IMODE(mode) | usual)


def remove(path: Path) -> None:
    """Removes a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yields a name beside ``path``, under which a file or folder is written.

    At the end it is synced and takes the place of ``path``. After an error it is removed, and what
    was there before stays. A folder that replaces a folder is the only thing not done in one step:
    for an instant there is none, and the old one lies aside.

    Raises:
        OSError: it can't be written, also where a library says so with an exception of its own.
    """
    make_folder(path.parent)
    temporary, old = (path.with_name(f".{path.name}.{end}") for end in ("aside", "old"))
    try:
        remove(temporary)
        yield temporary
        grant_usual_access(temporary)
        sync(temporary)
        if path.is_dir():
            remove(old)
            path.rename(old)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            remove(temporary)
        ours = isinstance(error, (InputError, OSError)) or not isinstance(error, Exception)
        if not ours and (cause := os_error(error, path)):
            _name(cause, path)
            raise cause from error
        _name(error, path)
        raise
    _sync_one(path.parent)
    remove(old)


def _name(error: BaseException, path: Path) -> None:
    """Gives an error the name of the file, which it lacks where a write fails."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        error.filename = str(path)


def os_error(error: BaseException, path: Path) -> OSError | None:
    """The operating system's error behind a library's own: torch.save handles it when it raises,
    the libraries in Rust (safetensors, tokenizers) have its number in their text."""
    if isinstance(error.__context__, OSError):
        return error.__context__
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1])), str(path)) if found else None


def write_aside(path: Path, text: str) -> None:
    """Writes a text file with `aside`."""
    with aside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Writes a JSON file with `aside`; dataclasses in it become objects."""
    text = json.dumps(content, ensure_ascii=False, indent=indent, default=asdict)
    write_aside(path, text + "\n")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        InputError: the file is damaged; ``remedy`` says what to do.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged, it is not JSON ({error}): {remedy}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged, it is not a JSON object: {remedy}")
    return content


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Position:
    """What a file that only grows holds: its size in bytes and the SHA-256 of them."""

    bytes: int
    sha256: str


class GrowingFile:
    """A file that is only appended to, and that can be cut back to an earlier position."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes, self._hash = self._read(None)

    def _read(self, limit: int | None) -> tuple[int, Any]:
        content = hashlib.sha256()
        size = 0
        if self.path.exists():
            with self.path.open("rb") as file:
                while chunk := file.read(1 << 20 if limit is None else min(1 << 20, limit - size)):
                    content.update(chunk)
                    size += len(chunk)
        return size, content

    def append(self, data: bytes) -> None:
        try:
            with self.path.open("ab") as file:
                file.write(data)
        except OSError as error:
            _name(error, self.path)
            raise
        self._hash.update(data)
        self._bytes += len(data)

    def position(self) -> Position:
        return Position(self._bytes, self._hash.hexdigest())

    def sync(self) -> None:
        if self.path.exists():
            sync(self.path)

    def fault(self, position: Position) -> str | None:
        """What keeps the file from being cut back to a position; None if nothing does."""
        size, content = self._read(position.bytes)
        if size < position.bytes:
            return f"{self.path.name} has {size:,} bytes, {position.bytes:,} when it was saved"
        if content.hexdigest() != position.sha256:
            return f"{self.path.name} has changed since it was saved"
        return None

    def cut(self, position: Position) -> None:
        """Cuts the file back to a position that has no `fault`."""
        if self.path.exists():
            os.truncate(self.path, position.bytes)
        self._bytes, self._hash = self._read(position.bytes)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._bytes, self._hash = 0, hashlib.sha256()
