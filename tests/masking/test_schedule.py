"""Mask-ratio schedules against values calculated by hand, and as pure functions of the step."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from amlm.config.components import build
from amlm.masking.schedule import Constant, Cosine, Linear, Realised, Schedule, Step
from amlm.util.errors import InputError

ALL: list[Schedule] = [Constant(), Linear(), Cosine(), Step()]
IDS = ["constant", "linear", "cosine", "step"]
FALLING = ALL[1:]


def test_defaults_are_the_papers() -> None:
    assert Constant()(123, 1000) == 0.15
    for schedule in FALLING:
        assert schedule(0, 1000) == 0.40
        assert schedule(1000, 1000) == pytest.approx(0.15, rel=1e-15)


def test_linear_by_hand() -> None:
    values = [Linear()(step, 1000) for step in (0, 1, 200, 250, 500, 999, 1000)]
    assert values == pytest.approx([0.40, 0.39975, 0.35, 0.3375, 0.275, 0.15025, 0.15], rel=1e-14)
    assert Linear(0.1, 0.5)(3, 4) == pytest.approx(0.4)


def test_cosine_by_hand() -> None:
    values = [Cosine()(step, 12) for step in (0, 2, 3, 4, 6, 8, 12)]
    root3, root2 = math.sqrt(3), math.sqrt(2)
    done = [0, (2 - root3) / 4, (2 - root2) / 4, 0.25, 0.5, 0.75, 1]
    assert values == pytest.approx([0.40 - 0.25 * each for each in done], rel=1e-14)


def test_step_by_hand() -> None:
    levels = [0.40, 0.40, 0.35, 0.35, 0.30, 0.30, 0.25, 0.25, 0.20, 0.20, 0.15, 0.15, 0.15]
    assert [Step()(step, 12) for step in range(13)] == pytest.approx(levels, rel=1e-14)
    two = Step(0.3, 0.1, stairs=2)
    assert [two(step, 5) for step in range(6)] == pytest.approx([0.3, 0.3, 0.3, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("stairs", [2, 3, 6, 7, 10, 49])
def test_step_levels_have_equal_length(stairs: int) -> None:
    schedule = Step(stairs=stairs)
    for total in [stairs, 2 * stairs, 1000, 8137]:
        for step in range(total):
            stair = step * stairs // total  # integer arithmetic
            expected = 0.40 - 0.25 * stair / (stairs - 1)
            assert schedule(step, total) == pytest.approx(expected, rel=1e-12), (step, total)


@pytest.mark.parametrize("schedule", ALL, ids=IDS)
def test_schedules_depend_only_on_the_fraction_of_the_run(schedule: Schedule) -> None:
    forward = [schedule(step, 300) for step in range(301)]
    backward = [schedule(step, 300) for step in range(300, -1, -1)]
    assert forward == backward[::-1]
    assert [schedule(2 * step, 600) for step in range(301)] == forward
    assert type(schedule)()(77, 300) == forward[77]
    assert all(type(value) is float for value in forward)


@pytest.mark.parametrize("schedule", ALL, ids=IDS)
def test_schedules_stay_at_their_end_value_after_the_last_step(schedule: Schedule) -> None:
    assert schedule(1001, 1000) == schedule(5000, 1000) == schedule(1000, 1000)
    assert schedule(1000, 1000) == pytest.approx(0.15, rel=1e-15)


@pytest.mark.parametrize("kind", [Linear, Cosine, Step])
@pytest.mark.parametrize(("start", "end"), [(0.40, 0.15), (0.15, 0.40)])
def test_schedules_are_monotonic_and_within_bounds(kind: Any, start: float, end: float) -> None:
    values = [kind(start, end)(step, 997) for step in range(998)]
    sign = 1 if end > start else -1
    moves = [sign * (b - a) for a, b in itertools.pairwise(values)]
    assert min(moves) >= 0
    assert sum(move > 0 for move in moves) == (5 if kind is Step else 997)
    assert min(values) >= min(start, end) - 1e-15 and max(values) <= max(start, end) + 1e-15


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Constant", {"value": 0.0}, "schedule.value=0.0 is out of range: it must be above 0"),
        ("Constant", {"value": 1.0}, "schedule.value=1.0 is out of range"),
        ("Linear", {"start": 1.5}, "schedule.start=1.5 is out of range"),
        ("Cosine", {"end": -0.1}, "schedule.end=-0.1 is out of range"),
        ("Step", {"stairs": 1}, "schedule.stairs=1 is out of range: it must be at least 2"),
        (
            "Linear",
            {"strat": 0.3},
            r"unknown option schedule.strat \(did you mean schedule\.start\?\)",
        ),
        ("Linear", {"start": "high"}, "schedule: .*high"),
    ],
)
def test_invalid_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    node = {"_target_": f"amlm.masking.schedule.{name}", **options}
    with pytest.raises(InputError, match=message):
        build(node, "schedule")


def test_realised_repeats_the_ratios_of_another_run(tmp_path: Path) -> None:
    def line(kind: str, step: int, ratio: float) -> str:
        return f'{{"kind": "{kind}", "step": {step}, "realised_ratio": {ratio}}}\n'

    log = line("train", 10, 0.4) + line("validation", 10, 0.9) + line("train", 20, 0.3)
    (tmp_path / "log.jsonl").write_text(log + line("train", 30, 0.2) + '{"kind": "summary"}\n')
    schedule = Realised(str(tmp_path))
    by_step = {0: 0.4, 9: 0.4, 10: 0.3, 19: 0.3, 20: 0.2, 29: 0.2, 30: 0.2, 99: 0.2}
    assert {step: schedule(step, 30) for step in by_step} == by_step
    assert [schedule(step, 6) for step in range(7)] == [0.4, 0.4, 0.3, 0.3, 0.2, 0.2, 0.2]


def test_realised_needs_a_run_that_has_finished(tmp_path: Path) -> None:
    node = {"_target_": "amlm.masking.schedule.Realised", "run": str(tmp_path)}
    with pytest.raises(InputError, match=r"masking.schedule: run=.* no readable log.*name a run"):
        build(node, "masking.schedule")
    log = '{"kind": "train", "step": 10, "realised_ratio": 0.4}\n'
    (tmp_path / "log.jsonl").write_text(log + '{"kind": "summ')
    with pytest.raises(InputError, match=r"run=.* has not finished, its log.*let that run finish"):
        build(node, "masking.schedule")
    (tmp_path / "log.jsonl").write_text('{"kind": "summary"}\n')
    with pytest.raises(InputError, match=r"run=.* has no mask ratios.*name the folder of a run"):
        build(node, "masking.schedule")
