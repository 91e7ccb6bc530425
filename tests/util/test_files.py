"""Files that are whole or not there: a write that fails half-way against what was there before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amlm.util.files import write_json


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
