"""The parts of a measurement: one that hangs, fails or crashes does not cost the others' results.

Nothing heavy is imported here, because processes of parts import this file too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlm.benchmark.parts import Lines, Part, read_lines, run_parts


def hang(options: Any, lines: Lines) -> None:
    lines.tell(known=options)
    time.sleep(600)


def crash(options: Any, lines: Lines) -> None:
    lines.tell(known=options)
    os._exit(3)


def fail(options: Any, lines: Lines) -> None:
    raise ValueError("out of memory")


def work(options: Any, lines: Lines) -> None:
    lines.tell(known=options + 1)


def found(path: Path) -> list[dict[str, Any]]:
    lines = read_lines(path)
    for line in lines:
        line.pop("where", None)
        if "seconds" in line:
            line["seconds"] = None
    return lines


@pytest.mark.parametrize(
    ("broken", "limit", "outcome"),
    [
        (hang, 4.0, {"stopped": "at its limit of 4 s"}),
        (crash, 60.0, {"failed": "the process ended with code 3"}),
    ],
)
def test_a_part_that_hangs_or_crashes_has_told_what_it_knew_and_the_next_runs(
    broken: Callable[[Any, Lines], None], limit: float, outcome: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "lines.jsonl"
    parts = [Part("broken", limit, broken), Part("next", 60.0, work)]
    run_parts(parts, 1, path, 100.0, alone=True)
    assert found(path) == [
        {"part": "broken", "known": 1},
        {"part": "broken", **outcome},
        {"part": "broken", "seconds": None},
        {"part": "next", "known": 2},
        {"part": "next", "seconds": None},
    ]


def test_an_error_is_told_and_the_next_part_runs(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    run_parts([Part("bad", 9.0, fail), Part("next", 9.0, work)], 1, path, 100.0, alone=False)
    assert found(path)[0] == {"part": "bad", "failed": "ValueError: out of memory"}
    assert found(path)[2] == {"part": "next", "known": 2}


def test_a_part_is_left_out_when_the_time_is_up(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    run_parts([Part("late", 60.0, work)], 1, path, 4.0, alone=False)
    assert found(path) == [{"part": "late", "left_out": "4 s are left"}]


def test_a_line_that_was_cut_off_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    assert read_lines(path) == []
    Lines(path, "a").tell(speed=1.5)
    with path.open("a") as file:
        file.write('{"part": "b", "spe')
    assert read_lines(path) == [{"part": "a", "speed": 1.5}]
