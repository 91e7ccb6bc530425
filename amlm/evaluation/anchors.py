"""Public results by the rules of 2026, to set beside one's own (``anchors=2026``)."""

from __future__ import annotations

from dataclasses import dataclass

from amlm.evaluation.rules import RULES, Columns


@dataclass(frozen=True)
class Anchor:
    """A system, its columns of the leaderboard in per cent, and where they are published."""

    name: str
    columns: Columns
    source: str


BOARD = "the leaderboard on 8 September 2026"
BASELINE = "baselines in the README of babylm-org/babylm-eval"
CALIBRATION = (
    "mean of 3 seeds from yywhsgnd/babylm_2026: the paper's model and schedule without adaptive "
    "masking, on the text of 2026, scored by the official pipeline"
)
# Strict-small first. Columns: BLiMP, supplement, EWoK, entity tracking, COMPS, GLUE, GlobalPIQA,
# reading, age of acquisition.
_PUBLISHED = (
    ("small: MLM 40 to 15 %, DeBERTa-v2", CALIBRATION,
     (66.95, 58.54, 50.83, 21.38, 51.96, 65.06, 37.43, 5.69, 0.00)),
    ("small: Qiushi", BOARD,
     (68.27, 63.28, 49.82, 29.40, 52.16, 69.05, 40.05, 8.20, 0.00)),
    ("small: wwm_curriculum", BOARD,
     (67.20, 56.01, 56.07, 28.45, 53.57, 69.79, 39.67, 5.42, 0.00)),
    ("small: BabySteps MurphysLaw", BOARD,
     (71.60, 63.93, 51.94, 27.95, 53.13, 70.44, 36.15, 7.67, -15.10)),
    ("small: GPT-2", BASELINE,
     (65.23, 57.25, 50.63, 19.10, 51.81, 63.80, 35.09, 5.63, -12.15)),
    ("strict: BabySteps SidBert", BOARD,
     (79.53, 71.86, 56.36, 24.52, 59.41, 73.03, 40.67, 6.85, 0.00)),
    ("strict: RecGPT-100M", BOARD,
     (80.07, 69.28, 59.05, 19.50, 60.55, 71.84, 43.15, 7.34, -11.80)),
    ("strict: GPT-2", BASELINE,
     (74.73, 65.00, 54.37, 16.91, 55.85, 67.75, 36.62, 6.93, -11.58)),
)  # fmt: skip
ANCHORS = {
    "2026": tuple(
        Anchor(name, dict(zip(RULES["2026"].columns, values, strict=True)), source)
        for name, source, values in _PUBLISHED
    )
}
