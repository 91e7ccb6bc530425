"""The process's memory against what a fresh process is known to take."""

from __future__ import annotations

import subprocess
import sys

import pytest

from amlm.util.memory import resident_peak

CODE = """
from amlm.util.memory import resident_peak
before = resident_peak()
taken = bytearray(80_000_000)
after = resident_peak()
del taken
print(before, after, resident_peak())
"""


def test_the_peak_rises_by_what_is_taken_and_stays_when_it_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    before, after, later = map(int, done.stdout.split())
    assert after - before == pytest.approx(80_000_000, rel=0.05)
    assert later == pytest.approx(after, abs=1_000_000)  # Linux counts in batches
    # A process does not inherit its parent's.
    mine = resident_peak()
    assert mine is not None and before < mine
