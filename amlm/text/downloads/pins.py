"""SHA-256 sums that downloads must match, in a file as ``sha256sum`` writes and checks it.

The first download of a folder leaves its sums there, and later ones must match: a server that
changes a file says so in its own checksum, and only a sum from elsewhere shows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pooch

from amlm.text.downloads.remote import RemoteFile, path_in
from amlm.util.errors import InputError
from amlm.util.files import write_aside

SUMS_FILE = "SHA256SUMS"
LINE = re.compile(r"(?P<sum>[0-9a-fA-F]{64}) [ *](?P<path>.+)")


def read_sums(path: Path) -> dict[str, str]:
    """The sums in a file, by path; InputError if a line has another form."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        match = LINE.fullmatch(line)
        if not match:
            raise InputError(
                f"{path}, line {number}: not of the form '<64 hexadecimal digits>  <path>', as "
                "sha256sum writes it"
            )
        found[match["path"]] = match["sum"].lower()
    return found


def pinned(files: Sequence[RemoteFile], sums: Mapping[str, str], place: Path) -> list[RemoteFile]:
    """The files with the sums of a file ``place`` instead of the server's checksums.

    Raises:
        InputError: the server's checksum differs.
    """
    for file in files:
        kind, _, offered = file.checksum.partition(":")
        known = sums.get(file.path, offered)
        if kind == "sha256" and offered.lower() != known:
            raise InputError(
                f"{file.url} has changed: its SHA-256 is {offered}, but {place} has {known} for "
                f"{file.path}. Nothing was downloaded; if you trust the new file, remove that line"
            )
    return [
        file._replace(checksum=f"sha256:{sums[file.path]}") if file.path in sums else file
        for file in files
    ]


def note_sums(files: Sequence[RemoteFile], folder: Path) -> None:
    """Adds the sums of downloaded files to the folder's `SUMS_FILE`."""
    path = folder / SUMS_FILE
    known = read_sums(path) if path.is_file() else {}
    for file in files:
        if file.path not in known:
            known[file.path] = pooch.file_hash(str(path_in(folder, file.path)))
    write_aside(path, "".join(f"{digits}  {name}\n" for name, digits in sorted(known.items())))
