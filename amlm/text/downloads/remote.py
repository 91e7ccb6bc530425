"""Files on a server: those that are not here yet are fetched, resumed where they stopped.

`pooch` verifies a file and then renames it into place, so a file that has its name is whole. By
itself it would start every download over and overwrite a user's file.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pooch
import requests
import urllib3
from tenacity import RetryCallState
from tqdm import tqdm

from amlm.util.errors import InputError
from amlm.util.progress_bar import progress_bar
from amlm.util.retry import retrying

T = TypeVar("T")

ATTEMPTS = 6  # in a row, without a byte of progress
TIMEOUT = 60.0  # seconds without an answer, or without further bytes
READ_BYTES = 1 << 16
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)

pooch.get_logger().setLevel("WARNING")  # there is a progress bar


class Unreachable(InputError):
    """A server did not give what it was asked for."""


class RemoteFile(NamedTuple):
    """What a download must bring."""

    path: str  # relative to the folder it goes to, divided by "/"
    size: int
    checksum: str  # "sha256:<digits>" or "md5:<digits>"
    url: str


def place(folder: Path, name: str) -> Path:
    """Where a file goes that somebody else has named: never out of the folder."""
    if {"..", ""} & set(name.split("/")) or any(sign in name for sign in "\\:\0"):
        raise InputError(f"{name!r} is no name for a file in {folder}: nothing was written there")
    return folder / name


def in_the_way(path: Path) -> InputError:
    return InputError(
        f"{path} is there already, with another content: move it away, or choose another "
        "out=<folder>"
    )


def check_space(folder: Path, size: int) -> None:
    """Raises InputError if the disk of a folder has less than so many bytes left."""
    if size > (free := shutil.disk_usage(folder).free):
        raise InputError(
            f"{folder} needs {size:,} bytes and its disk has {free:,} left: make room, or choose "
            "another out=<folder>"
        )


def repeatedly(task: Callable[[], T], url: str, progress: Callable[[], int] = int) -> T:
    """Makes a request, and makes it again while its failure may pass.

    Args:
        task: the request; raises one of `FAILURES`.
        url: what is asked, for messages.
        progress: what grows when an attempt gets somewhere; failures are then counted anew.

    Raises:
        Unreachable: it failed for good, or `ATTEMPTS` times in a row.
    """
    reached = progress()

    def count_anew(state: RetryCallState) -> None:
        nonlocal reached
        if progress() > reached:
            reached, state.attempt_number = progress(), 1

    def tell(state: RetryCallState) -> None:
        why = _why(url, state.outcome.exception() if state.outcome else None)
        tqdm.write(f"{why}; again in {state.upcoming_sleep:,.0f} s", file=sys.stderr)

    patient = retrying(FAILURES, ATTEMPTS, 1.0, after=count_anew, before_sleep=tell)
    try:
        return patient(task)
    except FAILURES as error:
        attempts = patient.statistics["attempt_number"]
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        raise Unreachable(_why(url, error) + tried) from error


def _why(url: str, error: BaseException | None) -> str:
    """The failure in a few words; requests wraps what it is told by the library below it."""
    answer = getattr(error, "response", None)
    if answer is not None:
        return f"{url} answered {answer.status_code} {answer.reason}"
    inner = error.args[0] if error and error.args else error
    return f"{url}: {getattr(inner, 'reason', inner)}"


def fetch(files: Sequence[RemoteFile], folder: Path) -> None:
    """Brings those files into a folder that it lacks; resumes what an earlier command has left.

    Raises:
        Unreachable: the server does not give one, or gives something else; that is removed again.
        InputError: a file of the user's is in the way, or there is no room; what has arrived stays.
    """
    missing = []
    for file in files:
        path = place(folder, file.path)
        if not path.exists():
            missing.append((file, path, path.with_name(f"{path.name}.part")))
        elif not (path.is_file() and pooch.hashes.hash_matches(path, file.checksum)):
            raise in_the_way(path)
    total = sum(file.size for file, _, _ in missing)
    begun = sum(_begun(file, part) for file, _, part in missing)
    check_space(folder, total - begun)
    with progress_bar(total=total, initial=begun, desc="downloading", unit="B", scale=True) as bar:
        for file, path, part in missing:
            bar.set_postfix_str(file.path)
            _fetch(file, path, part, bar)


def _fetch(file: RemoteFile, path: Path, part: Path, bar: tqdm[None]) -> None:
    def resume(url: str, output: str, _: object) -> None:
        repeatedly(lambda: _request_rest(file, part, bar), url, lambda: _begun(file, part))
        part.replace(output)

    try:
        pooch.retrieve(file.url, file.checksum, path.name, path.parent, downloader=resume)
    except InputError:
        raise
    except ValueError as error:  # another checksum
        raise Unreachable(f"{file.url}: {str(error).removesuffix('.')}") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"the disk is full: {part} is kept; make room and give the same command again"
        ) from error


def _begun(file: RemoteFile, part: Path) -> int:
    """Bytes that an earlier attempt has left; more than there can be are of something else."""
    size = part.stat().st_size if part.is_file() else 0
    return size if size <= file.size else 0


def _request_rest(file: RemoteFile, part: Path, bar: tqdm[None]) -> None:
    start = _begun(file, part)
    if start == file.size > 0:
        return
    headers = {"Accept-Encoding": "identity"}  # byte numbers are those of the file
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        bar.update(0 if resumed else -start)  # a server without ranges begins at the beginning
        with part.open("ab" if resumed else "wb") as out:
            while received := answer.raw.read(READ_BYTES):
                out.write(received)
                bar.update(len(received))
            out.flush()
            os.fsync(out.fileno())
    if _begun(file, part) < file.size:
        raise requests.ConnectionError("the answer ended early")
