"""Reports of made-up runs of the paper's size, each a group of its own: what they cost.

``python -m tests.report.paper_size 1 20`` reports one run, then 20, of 40,000 types, 8,325 steps
and 41 updates, each in a fresh process.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.token_store import TokenStore, open_store
from tests.report.made_up_runs import make_up_run

TYPES, STEPS, UPDATE_EVERY = 40_000, 8_325, 200
REPORT = """
import sys, time
from amlm.report.__main__ import ReportOptions, write_report
from amlm.util.memory import resident_peak
since = time.perf_counter()
page = write_report(ReportOptions(sys.argv[2:], sys.argv[1]))
print(time.process_time(), time.perf_counter() - since, resident_peak() / 1e9,
      page.stat().st_size / 1e6)
"""


def large_store(folder: Path) -> TokenStore:
    """A store with 40,000 types, of random words with Zipf-like frequencies."""
    dice = random.Random(0)
    parts = [
        a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")
    ]
    words = ["".join(dice.choices(parts, k=dice.randint(1, 5))) for _ in range(60_000)]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    for name, lines in (("text.train", 20_000), ("text.dev", 2_000)):
        text = "\n".join(" ".join(dice.choices(words, weights, k=14)) for _ in range(lines))
        (folder / name).write_text(" ".join(words) + "\n" + text + "\n", encoding="utf-8")
    data = DataConfig(sources={"text": {"path": str(folder)}})
    return open_store(data, TokenizerConfig(vocab_size=TYPES), folder / "cache")


def measure(runs: Sequence[Path], out: Path) -> str:
    """Writes a report of runs in a fresh process; what it took, in a line."""
    command = [sys.executable, "-c", REPORT, str(out), *map(str, runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu, elapsed, memory, page = map(float, done.stdout.splitlines()[-1].split())
    return (
        f"{len(runs):>3} runs: {cpu:.1f} s of processor time with imports, {elapsed:.1f} s "
        f"elapsed, {memory:.2f} GB resident at most, a page of {page:.1f} MB"
    )


def main(counts: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text").mkdir()
        store = large_store(folder / "text")
        assert store.vocab_size == TYPES
        runs = [
            make_up_run(
                folder / "runs" / str(n),
                store,
                group=f"group{n}",
                seed=n,
                steps=STEPS,
                update_every=UPDATE_EVERY,
            )
            for n in range(max(counts))
        ]
        for count in counts:
            print(measure(runs[:count], folder / f"report{count}"), flush=True)  # noqa: T201


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [1, 20])
