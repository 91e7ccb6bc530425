"""The substring table against brute force (`a in b` for all pairs of strings), and the cache
against files torn on purpose."""

from __future__ import annotations

import inspect
import logging
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amlm.models.substrings import (
    SubstringTable,
    build_substring_table,
    cached_substring_table,
    fingerprint_of,
    load_table,
    save_table,
)


def random_surfaces(count: int, seed: int = 0) -> list[str | None]:
    """Strings over a small alphabet, so that they often contain each other."""
    draw = random.Random(seed)
    alphabet = "aaabbcd▁éß日本🙂\u0301"
    surfaces: list[str | None] = [
        "".join(draw.choices(alphabet, k=draw.choice([1, 1, 2, 2, 3, 4, 6, 9])))
        for _ in range(count)
    ]
    surfaces[0] = surfaces[1] = surfaces[count // 2] = None
    surfaces[5] = surfaces[4]
    surfaces[-1] = "ab▁" * 25
    return surfaces


def brute_force(surfaces: list[str | None], include_self: bool) -> list[list[int]]:
    return [
        [
            u
            for u, piece in enumerate(surfaces)
            if surface is not None
            and piece is not None
            and piece in surface
            and (include_self or u != v)
        ]
        for v, surface in enumerate(surfaces)
    ]


def rows_of(table: SubstringTable) -> list[list[int]]:
    return [table.row(v).tolist() for v in range(len(table))]


@pytest.mark.parametrize("include_self", [True, False])
def test_table_is_what_all_pairs_say(include_self: bool) -> None:
    surfaces = random_surfaces(800)
    assert len({s for s in surfaces if s}) < len([s for s in surfaces if s])  # duplicates occur
    table = build_substring_table(surfaces, include_self)
    assert rows_of(table) == brute_force(surfaces, include_self)
    assert table.indices.dtype == np.int32 and table.offsets.dtype == np.int64
    assert table.offsets[0] == 0 and table.offsets[-1] == len(table.indices)


def test_word_boundary_is_a_character_and_specials_take_no_part() -> None:
    surfaces = [None, "▁cat", "cat", "▁c", "at", "▁", "t", "ct", None, "cats"]
    table = build_substring_table(surfaces)
    assert table.row(1).tolist() == [1, 2, 3, 4, 5, 6]
    assert table.row(9).tolist() == [2, 4, 6, 9]
    assert table.row(0).tolist() == table.row(8).tolist() == []


def test_without_self_the_twin_of_a_duplicate_stays() -> None:
    table = build_substring_table(["ab", "ab", "a"], include_self=False)
    assert rows_of(table) == [[1, 2], [0, 2], []]


def test_vocabulary_without_any_surface() -> None:
    table = build_substring_table([None, None])
    assert rows_of(table) == [[], []]


def test_forty_thousand_types_are_right() -> None:
    draw = random.Random(1)
    syllables = [
        "".join(draw.choices("etaoinshrdlucmfw", k=draw.choice([1, 2, 2, 3]))) for _ in [0] * 400
    ]
    words: dict[str, None] = {}
    while len(words) < 40_000:
        stem = "".join(draw.choices(syllables, k=draw.choice([1, 2, 3, 4, 5])))
        words[draw.choice(["", "▁"]) + stem] = None
    surfaces: list[str | None] = [None, *list(words)[1:]]
    table = build_substring_table(surfaces)
    assert len(table) == 40_000
    for v in draw.sample(range(40_000), 40):
        surface = surfaces[v]
        expected = [
            u
            for u, piece in enumerate(surfaces)
            if surface and piece is not None and piece in surface
        ]
        assert table.row(v).tolist() == expected


def same(a: SubstringTable, b: SubstringTable) -> bool:
    return rows_of(a) == rows_of(b) and a.indices.dtype == b.indices.dtype


def test_second_call_reads_the_first_one_s_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    surfaces = random_surfaces(60)
    first = cached_substring_table(surfaces, True, tmp_path)
    assert same(first, build_substring_table(surfaces))
    assert len(list(tmp_path.iterdir())) == 1  # nothing is left lying aside

    def never(*_: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr("amlm.models.substrings.build_substring_table", never)
    assert same(cached_substring_table(surfaces, True, tmp_path), first)


def test_other_surfaces_or_another_option_are_built_anew(tmp_path: Path) -> None:
    surfaces = random_surfaces(60)
    cached_substring_table(surfaces, True, tmp_path)
    changed = [*surfaces[:7], "ab", *surfaces[8:]]
    for others, include_self in ((surfaces, False), (changed, True)):
        table = cached_substring_table(others, include_self, tmp_path)
        assert same(table, build_substring_table(others, include_self))
    assert len(list(tmp_path.iterdir())) == 3


def test_fingerprint_tells_apart_what_differs() -> None:
    variants: list[list[str | None]] = [
        ["a", None],
        ["a", "None"],
        ["a"],
        [None, "a"],
        ["a,", None],
        ["é", None],
    ]
    prints = {fingerprint_of(v, flag) for v in variants for flag in (True, False)}
    assert len(prints) == 2 * len(variants)
    assert fingerprint_of(("a", None), True) == fingerprint_of(["a", None], True)


@pytest.mark.parametrize("damage", ["empty", "half", "flipped", "text", "array", "foreign"])
def test_damaged_cache_is_built_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    surfaces = random_surfaces(300)
    expected = cached_substring_table(surfaces, True, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    if damage == "foreign":
        save_table(build_substring_table(["b"]), path, fingerprint_of(["b"], True))
    elif damage == "array":
        with path.open("wb") as file:
            np.save(file, np.arange(3))
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        contents = {"empty": b"", "half": whole[: len(whole) // 2], "text": b"hello"}
        path.write_bytes(contents.get(damage, bytes(flipped)))
    fingerprint = fingerprint_of(surfaces, True)
    with pytest.raises(ValueError, match="substring"):
        load_table(path, fingerprint)
    with caplog.at_level(logging.WARNING):
        assert same(cached_substring_table(surfaces, True, tmp_path), expected)
    assert "building the substring table again" in caplog.text
    assert same(load_table(path, fingerprint), expected)  # and the file is whole again


def test_folder_that_cannot_be_written_to_costs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        table = cached_substring_table(["a", "ab"], True, tmp_path / "missing")
    assert rows_of(table) == [[0], [0, 1]]
    assert "not cached" in caplog.text


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.npz"
    table = build_substring_table(["a", "ab"])
    save_table(table, path, "one")

    def torn(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", torn)
    with pytest.raises(OSError, match="disk full"):
        save_table(table, path, "two")
    assert same(load_table(path, "one"), table)
    assert [p.name for p in tmp_path.iterdir()] == ["table.npz"]


def test_importing_it_does_not_load_torch() -> None:
    # By path: what the packages above it import is not its affair.
    path = Path(inspect.getfile(build_substring_table))
    code = f"import runpy, sys; runpy.run_path({str(path)!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
