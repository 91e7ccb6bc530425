"""Checksums of a store's files: written last, verified when it is opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from amlm.store.identity import json_digest
from amlm.text.readers import digest

META_FILE = "meta.json"
# Larger files are hashed at opening only if they were modified after the store was built, and by
# `amlm.data inspect`. BLAKE2b hashes 0.9 GB a second: below this a start costs a second, no more
# than hashing the text does.
ALWAYS_HASHED = 1 << 30  # bytes


def seal(folder: Path, meta: dict[str, Any]) -> None:
    """Writes ``meta.json``: what is given, sizes and digests of all files, and its own digest."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "digest": digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    meta = meta | {"files": files}
    text = json.dumps(meta | {"digest": json_digest(meta)}, indent=2, ensure_ascii=False)
    (folder / META_FILE).write_text(text + "\n", encoding="utf-8")


def fault(folder: Path, key: dict[str, Any], every_file: bool = False) -> str | None:
    """What is wrong with the store in a folder; None if it is valid.

    Args:
        folder: of the store.
        key: what it must have been built from.
        every_file: hash files of any size, see `ALWAYS_HASHED`.
    """
    if not folder.exists():
        return "does not exist"
    try:
        meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
        if meta["key"] != key:
            return "was built by another version"
        files, built = meta["files"], (folder / META_FILE).stat().st_mtime_ns
        if meta.pop("digest") != json_digest(meta):
            return f"is damaged: {META_FILE} does not match its checksum"
        for name, saved in files.items():
            path = folder / name
            size = path.stat().st_size if path.is_file() else 0
            if size != saved["bytes"]:
                return f"is damaged: {name} has {size:,} bytes instead of {saved['bytes']:,}"
            hashed = every_file or size <= ALWAYS_HASHED or path.stat().st_mtime_ns > built
            if hashed and digest(path) != saved["digest"]:
                return f"is damaged: {name} does not match its checksum"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "is damaged: it can't be read"
    return None
