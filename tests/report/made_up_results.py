"""Results of made-up runs: three groups of five seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlm.report.runs import RunResult


def runs(
    group: str, accuracies: Sequence[float], first_seed: int = 0, **changes: Any
) -> list[RunResult]:
    """Runs of a group; `changes` are attributes of each."""
    defaults: dict[str, Any] = {
        "ratio": 0.275,
        "words_seen": 2_000_000,
        "untrained": {"accuracy": 0.1},
        "options": {"trainer.max_steps": 1500, "masking.floor": 0.005},
    }
    return [
        RunResult(
            run=f"{group}-{seed}",
            group=group,
            seed=seed,
            metrics={"accuracy": value, "loss": 5 - value / 10},
            **{**defaults, **changes},
        )
        for seed, value in enumerate(accuracies, first_seed)
    ]


PLAIN = runs("mlm", [33.1, 34.0, 33.6, 34.4, 33.2])
BETTER = runs("hard", [35.0, 36.1, 35.4, 36.3, 35.3])
SAME = runs("soft", [33.3, 33.8, 33.7, 34.2, 33.4])
