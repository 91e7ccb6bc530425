"""Seeds: different ones for different points of a run; one pinned, for runs depend on it."""

from __future__ import annotations

from amlm.util.seeds import derived_seed


def test_seeds_differ_by_seed_purpose_and_counters() -> None:
    seeds = [
        derived_seed(0, "masking", 1),
        derived_seed(1, "masking", 1),
        derived_seed(0, "dropout", 1),
        derived_seed(0, "masking", 2),
        derived_seed(0, "masking"),
        derived_seed(0, "masking", 1, 1),
        derived_seed(0, "masking", 11),
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_never_changes() -> None:
    assert derived_seed(0, "masking", 1) == 8_144_122_348_992_879_748
