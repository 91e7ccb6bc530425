"""Files on a server: which of them are here, and the others fetched, resumed where they stopped.

A file is written to ``<name>.part`` and gets its name when its checksum is right, so a file that
has its name is whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import httpx2
from tqdm import tqdm

from amlm.util.errors import InputError

T = TypeVar("T")

ATTEMPTS = 6  # in a row, without a byte of progress
PASSING = (408, 429, 500, 502, 503, 504)  # statuses of a server that may answer later
LONGEST_WAIT = 3_600.0  # seconds; OSF counts requests by the hour
READ_BYTES = 1 << 20


class Unreachable(InputError):
    """A server did not give what it was asked for."""


@dataclass(frozen=True)
class RemoteFile:
    """What a download must bring.

    Attributes:
        path: relative to the folder it goes to, divided by ``/``.
        size: its bytes.
        algorithm: of the checksum: ``sha256``, ``md5`` ..., or ``git`` for the id of a git blob.
        checksum: in hexadecimal digits.
        url: where it is fetched.
    """

    path: str
    size: int
    algorithm: str
    checksum: str
    url: str


def place(folder: Path, name: str) -> Path:
    """Where a file goes that somebody else has named: never out of the folder."""
    parts = PurePosixPath(name).parts
    if not parts or {"..", ""} & set(name.split("/")) or any(sign in name for sign in "\\:\0"):
        raise InputError(f"{name!r} is no name for a file in {folder}: nothing was written there")
    return folder.joinpath(*parts)


def checksum(path: Path, algorithm: str) -> str:
    """Checksum of a file; ``git`` is SHA-1 over git's header of a blob and the content."""
    digest = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
    if algorithm == "git":
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            digest.update(part)
    return digest.hexdigest()


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether this file is there with the right size and checksum."""
    return (
        path.is_file()
        and path.stat().st_size == file.size
        and checksum(path, file.algorithm) == file.checksum.lower()
    )


def missing(files: Iterable[RemoteFile], folder: Path) -> list[RemoteFile]:
    """The files that are not in a folder yet.

    Raises:
        InputError: one is there with another content (no file of a user's is overwritten), or the
            disk has no room for the missing ones.
    """
    found = []
    for file in files:
        path = place(folder, file.path)
        if not is_whole(path, file):
            if path.exists():
                raise InputError(
                    f"{path} is there already, with another content ({file.size:,} bytes with "
                    f"{file.algorithm} {file.checksum} were expected): move it away, or choose "
                    "another out=<folder>"
                )
            found.append(file)
    check_space(folder, sum(file.size - begun(file, folder) for file in found))
    return found


def check_space(folder: Path, size: int) -> None:
    """Raises InputError if the disk of a folder, there or not yet, has less than so many bytes."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise InputError(
            f"{folder} needs {size:,} bytes and its disk has {free:,} left: make room, or choose "
            "another out=<folder>"
        )


def begun(file: RemoteFile, folder: Path) -> int:
    """Bytes of a file that an earlier download left behind to go on with."""
    size = _size(_part(place(folder, file.path)))
    return size if size <= file.size else 0


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def persistently(task: Callable[[], T], address: str, progress: Callable[[], int] = int) -> T:
    """Does a request again, after longer and longer waits, while its failure may pass.

    Args:
        task: the request; raises `httpx2.HTTPStatusError` or `httpx2.TransportError`.
        address: what is asked, for messages.
        progress: what grows when an attempt gets somewhere; the count of failures then starts anew.

    Raises:
        Unreachable: it failed for good, or `ATTEMPTS` times in a row.
    """
    failures = 0
    while True:
        before, asked = progress(), 0.0
        try:
            return task()
        except httpx2.HTTPStatusError as error:
            answer = error.response
            trouble = f"{address} answered {answer.status_code} {answer.reason_phrase}"
            if answer.status_code not in PASSING:
                raise Unreachable(trouble) from error
            if answer.headers.get("Retry-After", "").isdecimal():
                asked = float(answer.headers["Retry-After"])
        except httpx2.TransportError as error:
            trouble = f"{address}: {str(error) or type(error).__name__}"
        failures = 1 if progress() > before else failures + 1
        wait = max(asked, 2.0 ** (failures - 1))
        if failures == ATTEMPTS or wait > LONGEST_WAIT:
            raise Unreachable(f"{trouble} ({failures} attempts): try again later")
        tqdm.write(f"{trouble}; again in {wait:,.0f} s", file=sys.stderr)
        time.sleep(wait)


def fetch(client: httpx2.Client, file: RemoteFile, folder: Path, bar: tqdm[None]) -> None:
    """Brings a file into a folder, going on with what an earlier attempt has left.

    Args:
        client: makes the requests.
        file: is not in the folder.
        folder: where it goes.
        bar: advanced by the bytes that arrive.

    Raises:
        Unreachable: the server does not give it, or gives something else; that is removed again.
        InputError: the disk is full; what has arrived is kept.
    """
    path = place(folder, file.path)
    part = _part(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        persistently(lambda: _go_on(client, file, part, bar), file.url, lambda: _size(part))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"the disk is full: {part} is kept; make room and give the same command again"
        ) from error
    if not is_whole(part, file):
        got = f"{_size(part):,} bytes with {file.algorithm} {checksum(part, file.algorithm)}"
        part.unlink()
        raise Unreachable(
            f"{file.url} brought {got} instead of {file.size:,} with {file.checksum}; they were "
            "removed again: give the same command again"
        )
    part.rename(path)


def _go_on(client: httpx2.Client, file: RemoteFile, part: Path, bar: tqdm[None]) -> None:
    start = _size(part)
    if start == file.size > 0:
        return
    if start > file.size:  # no beginning of this file
        part.unlink()
        start = 0
    headers = {"Accept-Encoding": "identity"}  # byte numbers are those of the file
    if start:
        headers["Range"] = f"bytes={start}-"
    with client.stream("GET", file.url, headers=headers) as response:
        response.raise_for_status()
        if start and response.status_code != 206:  # the server begins at the beginning
            bar.update(-start)
            start = 0
        with part.open("ab" if start else "wb") as out:
            for received in response.iter_raw():
                out.write(received)
                bar.update(len(received))
            out.flush()
            os.fsync(out.fileno())
    if _size(part) < file.size:
        raise httpx2.RemoteProtocolError("the answer ended early")
