"""Looks for data in folders: what is hidden is no data, links are followed, look-alikes named."""

from __future__ import annotations

import os
from pathlib import Path

from amlm.util.errors import InputError

SHADOWS = "__MACOSX"  # macOS archives hold a metadata file ._<name> for every file
POINTERS = {
    b"version https://git-lfs.github.com/spec/": "a Git LFS pointer, not the file itself: run "
    "`git lfs pull` where it came from",
    b"/annex/objects/": "a git-annex pointer, not the file itself: run `git annex get` where it "
    "came from",
}


def is_visible(name: str) -> bool:
    """Whether a file or folder of this name can be data."""
    return not name.startswith(".") and name != SHADOWS


def files_below(folder: Path, skipped: dict[str, list[str]] | None = None) -> list[Path]:
    """The visible files in a folder and its subfolders, sorted; links to folders are followed.

    Args:
        folder: to search.
        skipped: gets the names of what is skipped, by the reason.

    Raises:
        InputError: a link leads nowhere.
    """
    found, seen = [], set()
    skipped = {} if skipped is None else skipped
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above
            folders.clear()
            skipped.setdefault("a link to a folder that is searched anyway", []).append(place)
            continue
        seen.add(real)
        if hidden := [each for each in (*folders, *files) if not is_visible(each)]:
            skipped.setdefault("hidden", []).extend(hidden)
        folders[:] = filter(is_visible, folders)
        for path in (Path(place) / name for name in files if is_visible(name)):
            if path.is_symlink() and not path.exists():
                raise InputError(
                    f"{path} is a link to {path.readlink()}, which does not exist: restore it, "
                    "or remove the link"
                )
            found.append(path)
    return sorted(found)


def check_no_pointer(path: Path, start: bytes | None = None) -> None:
    """Raises InputError if a file, whose first bytes can be given, stands for one elsewhere."""
    if start is None:
        with path.open("rb") as file:
            start = file.read(100)
    for first_bytes, what in POINTERS.items():
        if start.startswith(first_bytes):
            raise InputError(f"{path} is {what}")
