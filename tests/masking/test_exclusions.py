"""Exclusions and noise against cases by hand."""

from __future__ import annotations

import pytest
import torch

from amlm.masking.exclusions import excluded_ids, hold, is_noise, noise_warning
from amlm.util.errors import InputError

SURFACES = [None, "▁the", "the", "▁MOT", "<i>", "▁<", "ing"]


@pytest.mark.parametrize(
    ("exclude", "ids"),
    [
        ([], []),
        (["the"], [1, 2]),
        (["▁the"], [1]),
        (["/<.*/"], [4, 5]),
        (["/[A-Z]+/", "ing"], [3, 6]),
    ],
)
def test_excluded_ids_by_hand(exclude: list[str], ids: list[int]) -> None:
    assert excluded_ids(exclude, SURFACES) == ids


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        (["MOTT"], r"masking\.exclude=MOTT matches no token type.*MOT.*between slashes"),
        (["/th/"], r"/th/ matches no token type"),
        (["/(/"], r"masking\.exclude=/\(/ is not a regular expression"),
        (["/.*/"], r"excludes every token type: nothing is left"),
    ],
)
def test_wrong_exclusions_are_named(exclude: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        excluded_ids(exclude, SURFACES)


def test_excluded_types_are_held_at_the_mean() -> None:
    table_V = torch.tensor([0.1, 0.2, 0.3, 0.4])
    held = hold(table_V, torch.tensor([False, True, False, False]), 0.25)
    assert held.tolist() == pytest.approx([0.1 * 3 * 0.25 / 0.8, 0.25, 0.28125, 0.375])
    assert held.mean().item() == pytest.approx(0.25)


@pytest.mark.parametrize("surface", ["▁*", "[", "▁<i>", "&amp", "▁MOT", "CHI", "--", "▁|", "="])
def test_noise(surface: str) -> None:
    assert is_noise(surface)


@pytest.mark.parametrize("surface", ["▁the", "ing", "▁I", "A", "▁Mary", "1999", "▁don't", "▁日本"])
def test_no_noise(surface: str) -> None:
    assert not is_noise(surface)


def test_the_warning_names_noise_from_half_of_the_types_on() -> None:
    assert noise_warning(["▁cat", "▁MOT", "▁dog"]) is None and noise_warning([]) is None
    warning = noise_warning(["▁cat", "▁MOT", "["])
    assert warning is not None
    assert warning.startswith("2 of the 3 types masked most are mark-up, speaker names or single")
    assert "(▁MOT [)" in warning and "masking.exclude" in warning
