"""Downloads missing files from a server and resumes partial ones.

`pooch` verifies a file before it renames it into place, so a file under its final name is complete.
On its own it would restart every download and overwrite a user's file.
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

ATTEMPTS = 6  # consecutive attempts without a byte of progress
TIMEOUT = 60.0  # seconds without a response, or without further bytes
READ_BYTES = 1 << 16
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)

pooch.get_logger().setLevel("WARNING")  # there is a progress bar


class Unreachable(InputError):
    """A server did not provide a file or a listing."""


class RemoteFile(NamedTuple):
    """The expected result of a download."""

    path: str  # relative to the target folder, separated by "/"
    size: int
    checksum: str  # "sha256:<digits>" or "md5:<digits>"
    url: str


def path_in(folder: Path, name: str) -> Path:
    """The path of a file whose name is not ours to choose; refuses one outside the folder."""
    if {"..", ""} & set(name.split("/")) or any(character in name for character in "\\:\0"):
        raise InputError(f"{name!r} is not a valid file name in {folder}: nothing was written")
    return folder / name


def conflict(path: Path) -> InputError:
    return InputError(
        f"{path} exists already, with other contents: move it, or choose another out=<folder>"
    )


def check_space(folder: Path, size: int) -> None:
    """Raises InputError if the folder's disk has fewer free bytes."""
    if size > (free := shutil.disk_usage(folder).free):
        raise InputError(
            f"{folder} needs {size:,} bytes, but its disk has {free:,} free: make room, or choose "
            "another out=<folder>"
        )


def request_with_retries(task: Callable[[], T], url: str, progress: Callable[[], int] = int) -> T:
    """Makes a request, and repeats it after transient failures.

    Args:
        task: the request; raises one of `FAILURES`.
        url: its address, for messages.
        progress: a number that grows with progress, which resets the count of failures.

    Raises:
        Unreachable: it failed permanently, or `ATTEMPTS` times in a row.
    """
    reached = progress()

    def reset_after_progress(state: RetryCallState) -> None:
        nonlocal reached
        if progress() > reached:
            reached, state.attempt_number, state.idle_for = progress(), 1, 0.0

    def report(state: RetryCallState) -> None:
        reason = _reason(url, state.outcome.exception() if state.outcome else None)
        tqdm.write(f"{reason}; retrying in {state.upcoming_sleep:,.0f} s", file=sys.stderr)

    retry = retrying(FAILURES, ATTEMPTS, 1.0, after=reset_after_progress, before_sleep=report)
    try:
        return retry(task)
    except FAILURES as error:
        attempts = retry.statistics["attempt_number"]
        suffix = f" ({attempts} attempts)" if attempts > 1 else ""
        raise Unreachable(_reason(url, error) + suffix) from error


def _reason(url: str, error: BaseException | None) -> str:
    """A short reason for a failure; requests wraps the errors of the library below it."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"{url} responded {response.status_code} {response.reason}"
    inner = error.args[0] if error and error.args else error
    return f"{url}: {getattr(inner, 'reason', inner)}"


def fetch(files: Sequence[RemoteFile], folder: Path) -> None:
    """Downloads the files that a folder lacks; resumes partial downloads.

    Raises:
        Unreachable: the server does not provide a file, or serves other contents, which are
            deleted.
        InputError: a file exists with other contents, or the disk is full; partial files are kept.
    """
    missing = []
    for file in files:
        path = path_in(folder, file.path)
        if not path.exists():
            missing.append((file, path, path.with_name(f"{path.name}.part")))
        elif not (path.is_file() and pooch.hashes.hash_matches(path, file.checksum)):
            raise conflict(path)
    total = sum(file.size for file, _, _ in missing)
    received = sum(_received(file, part) for file, _, part in missing)
    check_space(folder, total - received)
    with progress_bar(
        total=total, initial=received, desc="downloading", unit="B", scale=True
    ) as bar:
        for file, path, part in missing:
            bar.set_postfix_str(file.path)
            _fetch(file, path, part, bar)


def _fetch(file: RemoteFile, path: Path, part: Path, bar: tqdm[None]) -> None:
    def resume(url: str, output: str, _: object) -> None:
        request_with_retries(
            lambda: _request_rest(file, part, bar), url, lambda: _received(file, part)
        )
        part.replace(output)

    try:
        pooch.retrieve(file.url, file.checksum, path.name, path.parent, downloader=resume)
    except InputError:
        raise
    except ValueError as error:  # wrong checksum
        raise Unreachable(f"{file.url}: {str(error).removesuffix('.')}") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"the disk is full: {part} is kept; make room and repeat the command"
        ) from error


def _received(file: RemoteFile, part: Path) -> int:
    """Bytes received so far; a part that is longer than the file belongs to something else."""
    size = part.stat().st_size if part.is_file() else 0
    return size if size <= file.size else 0


def _request_rest(file: RemoteFile, part: Path, bar: tqdm[None]) -> None:
    start = _received(file, part)
    if start == file.size > 0:
        return
    headers = {"Accept-Encoding": "identity"}  # so that ranges refer to the file's bytes
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        bar.update(0 if resumed else -start)  # a server without ranges sends the whole file
        with part.open("ab" if resumed else "wb") as out:
            # A byte more than there should be is enough to know that it is something else.
            while received := response.raw.read(min(READ_BYTES, file.size + 1 - out.tell())):
                out.write(received)
                bar.update(len(received))
            out.flush()
            os.fsync(out.fileno())
    if part.stat().st_size > file.size:
        part.unlink()
        raise Unreachable(
            f"{file.url} sends more than the {file.size:,} bytes that it announced; what came was "
            "deleted"
        )
    if _received(file, part) < file.size:
        raise requests.ConnectionError("the response ended early")
