"""The substring index against brute force (`a in b` for all pairs of strings), and the cache
against damaged files."""

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
    SubstringIndex,
    build_substring_index,
    cached_substring_index,
    fingerprint_of,
    load_index,
    save_index,
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


def rows_of(index: SubstringIndex) -> list[list[int]]:
    return [index.row(v).tolist() for v in range(len(index))]


@pytest.mark.parametrize("include_self", [True, False])
def test_index_equals_brute_force_over_all_pairs(include_self: bool) -> None:
    surfaces = random_surfaces(800)
    assert len({s for s in surfaces if s}) < len([s for s in surfaces if s])  # duplicates occur
    index = build_substring_index(surfaces, include_self)
    assert rows_of(index) == brute_force(surfaces, include_self)
    assert index.indices.dtype == np.int32 and index.offsets.dtype == np.int64
    assert index.offsets[0] == 0 and index.offsets[-1] == len(index.indices)


def test_word_boundary_is_a_character_and_special_types_are_excluded() -> None:
    surfaces = [None, "▁cat", "cat", "▁c", "at", "▁", "t", "ct", None, "cats"]
    index = build_substring_index(surfaces)
    assert index.row(1).tolist() == [1, 2, 3, 4, 5, 6]
    assert index.row(9).tolist() == [2, 4, 6, 9]
    assert index.row(0).tolist() == index.row(8).tolist() == []


def test_without_self_another_id_with_the_same_surface_stays() -> None:
    index = build_substring_index(["ab", "ab", "a"], include_self=False)
    assert rows_of(index) == [[1, 2], [0, 2], []]


def test_a_vocabulary_without_surfaces_has_empty_rows() -> None:
    index = build_substring_index([None, None])
    assert rows_of(index) == [[], []]


def test_index_of_forty_thousand_types_equals_brute_force_on_a_sample() -> None:
    draw = random.Random(1)
    syllables = [
        "".join(draw.choices("etaoinshrdlucmfw", k=draw.choice([1, 2, 2, 3]))) for _ in [0] * 400
    ]
    words: dict[str, None] = {}
    while len(words) < 40_000:
        stem = "".join(draw.choices(syllables, k=draw.choice([1, 2, 3, 4, 5])))
        words[draw.choice(["", "▁"]) + stem] = None
    surfaces: list[str | None] = [None, *list(words)[1:]]
    index = build_substring_index(surfaces)
    assert len(index) == 40_000
    for v in draw.sample(range(40_000), 40):
        surface = surfaces[v]
        expected = [
            u
            for u, piece in enumerate(surfaces)
            if surface and piece is not None and piece in surface
        ]
        assert index.row(v).tolist() == expected


def same(a: SubstringIndex, b: SubstringIndex) -> bool:
    return rows_of(a) == rows_of(b) and a.indices.dtype == b.indices.dtype


def test_a_second_call_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surfaces = random_surfaces(60)
    first = cached_substring_index(surfaces, True, tmp_path)
    assert same(first, build_substring_index(surfaces))
    assert len(list(tmp_path.iterdir())) == 1  # no temporary file remains

    def never(*_: object) -> None:
        raise AssertionError("rebuilt")

    monkeypatch.setattr("amlm.models.substrings.build_substring_index", never)
    assert same(cached_substring_index(surfaces, True, tmp_path), first)


def test_other_surfaces_or_options_get_their_own_cache_file(tmp_path: Path) -> None:
    surfaces = random_surfaces(60)
    cached_substring_index(surfaces, True, tmp_path)
    changed = [*surfaces[:7], "ab", *surfaces[8:]]
    for others, include_self in ((surfaces, False), (changed, True)):
        index = cached_substring_index(others, include_self, tmp_path)
        assert same(index, build_substring_index(others, include_self))
    assert len(list(tmp_path.iterdir())) == 3


def test_fingerprints_differ_between_vocabularies_and_options() -> None:
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
def test_a_damaged_cache_file_is_rebuilt(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    surfaces = random_surfaces(300)
    expected = cached_substring_index(surfaces, True, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    if damage == "foreign":
        save_index(build_substring_index(["b"]), path, fingerprint_of(["b"], True))
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
        load_index(path, fingerprint)
    with caplog.at_level(logging.WARNING):
        assert same(cached_substring_index(surfaces, True, tmp_path), expected)
    assert "rebuilding the substring index" in caplog.text
    assert same(load_index(path, fingerprint), expected)  # and the file is whole again


def test_a_folder_that_is_not_writable_causes_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        index = cached_substring_index(["a", "ab"], True, tmp_path / "missing")
    assert rows_of(index) == [[0], [0, 1]]
    assert "not cached" in caplog.text


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.npz"
    index = build_substring_index(["a", "ab"])
    save_index(index, path, "one")

    def fail_halfway(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail_halfway)
    with pytest.raises(OSError, match="disk full"):
        save_index(index, path, "two")
    assert same(load_index(path, "one"), index)
    assert [p.name for p in tmp_path.iterdir()] == ["index.npz"]


def test_importing_substrings_does_not_load_torch() -> None:
    # Run by path, so that imports of the parent packages do not count.
    path = Path(inspect.getfile(build_substring_index))
    code = f"import runpy, sys; runpy.run_path({str(path)!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
