"""Files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_aside(path: Path, text: str) -> None:
    """Writes a file beside its place and renames it, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.aside")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Writes a JSON file with `write_aside`."""
    write_aside(path, json.dumps(content, ensure_ascii=False, indent=indent) + "\n")
