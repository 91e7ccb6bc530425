"""Number of predictions that the leaderboard requires for each group (names in lower case)."""

from __future__ import annotations

import json
from pathlib import Path

from amlm.evaluation.rules import RULES

_FILE = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
Sizes = dict[str, dict[str, int]]  # by task and group


def _of_year(year: str) -> dict[str, Sizes]:
    # Sizes that differ from those of 2025 are listed by year.
    sizes = {**_FILE["full"]["2025"], **_FILE["full"][year]}
    full = {name: sizes[name] for name in RULES[year].tasks if name in sizes}
    entities = full["entity_tracking"].items()
    fast = {
        **{name: groups for name, groups in full.items() if name != "comps"},
        "blimp": dict.fromkeys(full["blimp"], 200),
        "supplement": dict.fromkeys(full["supplement"], 50),
        "ewok": dict.fromkeys(full["ewok"], 100),
        "entity_tracking": {name: n for name, n in entities if name.startswith("regular")},
    }
    return {"full": full, "fast": fast}


SIZES = {year: _of_year(year) for year in RULES}  # by year and suite
GLUE: dict[str, int] = _FILE["glue"]
CONTEXTS = 8_005  # contexts in the age-of-acquisition task, at each checkpoint
MILLIONS = {  # millions of words at the checkpoints of a track
    "strict-small": (*range(1, 10), *range(10, 101, 10)),
    "strict": (*range(1, 10), *range(10, 100, 10), *range(100, 1_001, 100)),
}
