"""Chunks of lines, of short and of very long ones."""

from __future__ import annotations

import pytest

from amlm.util import chunks as module
from amlm.util.chunks import chunks


def test_chunks_have_a_bounded_size_and_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_LINES", 3)
    monkeypatch.setattr(module, "CHUNK_CHARACTERS", 10)
    lines = ["a", "b", "c", "d", "", "e" * 25, "f" * 6, "g" * 4, "h"]
    expected = [["a", "b", "c"], ["d", "", "e" * 25], ["f" * 6, "g" * 4], ["h"]]
    assert list(chunks(iter(lines))) == expected
    assert list(chunks(iter(lines), 2)) == [
        *(["a", "b"], ["c", "d"], ["", "e" * 25], ["f" * 6, "g" * 4], ["h"]),
    ]
    assert list(chunks([])) == []
