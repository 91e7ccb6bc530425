"""Seeds: different ones for different points of a run; one pinned, for runs depend on it."""

from __future__ import annotations

from typing import Any

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


def test_derived_seed_is_blake2b_of_its_arguments() -> None:
    # printf '0:masking:0' | b2sum -l 64, as a big-endian integer, without its lowest bit
    golden: dict[tuple[Any, ...], int] = {
        (0, "masking", 0): 0xF645E4DAC3737B9F,
        (0, "masking", 1): 0xE20B78410614B908,
        (1, "masking", 0): 0x52BBAE07E8DBFAAD,
        (7, "dropout", 3, 0, 1): 0x90DCC6E1A69D18D2,
        (12345, "masking", 7999): 0x7F406E3EEDA861FE,
    }
    for arguments, digest in golden.items():
        assert derived_seed(*arguments) == digest >> 1
    assert derived_seed(0, "masking", 0) == 8872920767478218191
    counters = [(a, b) for a in range(6) for b in range(6)]
    seeds = {derived_seed(s, p, a, b) for s in range(6) for p in "xy" for a, b in counters}
    assert len(seeds) == 432 and all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(1, "x", 23) != derived_seed(1, "x", 2, 3) != derived_seed(12, "x", 3)
