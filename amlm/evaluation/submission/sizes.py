"""Number of predictions that the leaderboard requires for each group (names in lower case)."""

from __future__ import annotations

import json
from pathlib import Path

_SIZES = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
FULL: dict[str, dict[str, int]] = _SIZES["full"]
FAST: dict[str, dict[str, int]] = {
    **{name: groups for name, groups in FULL.items() if name != "comps"},
    "blimp": dict.fromkeys(FULL["blimp"], 200),
    "supplement": dict.fromkeys(FULL["supplement"], 50),
    "ewok": dict.fromkeys(FULL["ewok"], 100),
    "entity_tracking": {
        name: size for name, size in FULL["entity_tracking"].items() if name.startswith("regular")
    },
}
SIZES = {"full": FULL, "fast": FAST}
GLUE: dict[str, int] = _SIZES["glue"]
CONTEXTS = 8_005  # contexts in the age-of-acquisition task, at each checkpoint
MILLIONS = {  # millions of words at the checkpoints of a track
    "strict-small": (*range(1, 10), *range(10, 101, 10)),
    "strict": (*range(1, 10), *range(10, 100, 10), *range(100, 1_001, 100)),
}
