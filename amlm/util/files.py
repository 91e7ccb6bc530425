"""Atomic writes: a file is complete or does not exist."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any


def write_aside(path: Path, text: str) -> None:
    """Writes a temporary file and renames it, so that no reader ever sees an incomplete file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.aside")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Writes a JSON file with `write_aside`; dataclasses in it become objects."""
    text = json.dumps(content, ensure_ascii=False, indent=indent, default=asdict)
    write_aside(path, text + "\n")
