"""The substring index against brute force (`a in b` for all pairs of strings)."""

from __future__ import annotations

import inspect
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amlm.models.substrings import SubstringIndex, build_substring_index


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


def test_importing_substrings_does_not_load_torch() -> None:
    # Run by path, so that imports of the parent packages do not count.
    path = Path(inspect.getfile(build_substring_index))
    code = f"import runpy, sys; runpy.run_path({str(path)!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
