"""Runs the parts of a measurement one after the other, each with a time limit.

Each part writes what it finds at once, as a line of JSON: a measurement that is cut off, or that a
part crashes, has told what it knew. On a GPU each part has a process of its own, because after some
errors a process can no longer use the GPU; on a CPU all run in this process.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlm.util.terminal import quiet_lightning, say

SHORTEST = 10.0  # seconds: with less time left a part is not started


@dataclass(frozen=True)
class Lines:
    """A file of JSON lines, and which part writes to it."""

    path: Path
    part: str

    def tell(self, **numbers: Any) -> None:
        """Adds a line, and prints it."""
        found = {"part": self.part, **numbers}
        line = json.dumps(found, default=dataclasses.asdict)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        say(line)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; the last one can be cut off, and is then left out."""
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else [""]
    return [json.loads(line) for line in lines[:-1]]


@dataclass(frozen=True)
class Part:
    """One part: its name, its time limit in seconds, and its work with the options."""

    name: str
    seconds: float
    work: Callable[[Any, Lines], None]


def run_parts(parts: Sequence[Part], options: Any, path: Path, seconds: float, alone: bool) -> None:
    """Runs parts until all are done or the time is up, and writes to `path`.

    Args:
        seconds: time for all parts together; the last to start has what is left.
        alone: run each part in a process of its own; without it there are no time limits.
    """
    end = time.monotonic() + seconds
    for part in parts:
        lines = Lines(path, part.name)
        start = time.monotonic()
        limit = min(part.seconds, end - start)
        if limit < min(SHORTEST, part.seconds):
            lines.tell(left_out=f"{end - start:.0f} s are left")
            continue
        if alone:
            _run_alone(part, options, lines, limit)
        else:
            _work(part, options, lines)
        lines.tell(seconds=round(time.monotonic() - start, 1))


def _run_alone(part: Part, options: Any, lines: Lines, limit: float) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(part, options, lines)
    )
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
        lines.tell(stopped=f"at its limit of {limit:.0f} s")
    elif process.exitcode:
        lines.tell(failed=f"the process ended with code {process.exitcode}")


def _work(part: Part, options: Any, lines: Lines) -> None:
    quiet_lightning()
    try:
        part.work(options, lines)
    except Exception as error:  # the next part is worth trying whatever happened
        where = traceback.format_exc().strip().split("\n")[-8:]
        lines.tell(failed=f"{type(error).__name__}: {error}", where=where)
