"""Progress of long loops: a bar on a terminal, otherwise a plain line every minute."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import Any

from tqdm import tqdm

MINUTE = 60.0  # seconds
RATE = "{rate_fmt}{postfix}"
LINE = "{desc}: {percentage:.0f}% ({n_fmt} of {total_fmt}{unit}, {remaining} left), " + RATE
ENDLESS_LINE = "{desc}: {n_fmt}{unit}, " + RATE
TIME_LINE = "{desc}: {elapsed}"
TICK = 1.0  # seconds


class Timer:
    """`passed` is true once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = monotonic()

    def passed(self) -> bool:
        now = monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


class _Lines(tqdm):  # type: ignore[misc]
    """Writes a new line each time, where ``tqdm`` redraws its bar."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._minutes = Timer(MINUTE)
        super().__init__(*arguments, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        if msg is None and self._minutes.passed():
            self.fp.write(f"{self}\n")
            self.fp.flush()
        return False


def progress_bar(
    iterable: Iterable[Any] | None = None,
    *,
    total: int | None = None,
    desc: str,
    unit: str,
    initial: int = 0,
    scale: bool = False,
) -> tqdm[Any]:
    """A ``tqdm`` over an iterable, or to update by hand, that disappears when done.

    ``unit`` includes its leading space; ``scale`` shows numbers as 1.2k, 3.4M. The other arguments
    are those of ``tqdm``.
    """
    options: dict[str, Any] = {"desc": desc, "total": total, "initial": initial, "leave": False}
    options |= {"unit": unit, "unit_scale": scale}
    if sys.stderr.isatty():
        return tqdm(iterable, **options)
    line = ENDLESS_LINE if total is None else LINE
    return _Lines(iterable, bar_format=line, **options)


@contextmanager
def passing_time(desc: str) -> Iterator[None]:
    """Shows the time that passes during work that does not say how far it is."""
    over = Event()
    kind = tqdm if sys.stderr.isatty() else _Lines
    with kind(desc=desc, leave=False, bar_format=TIME_LINE) as bar:

        def tick() -> None:
            while not over.wait(TICK):
                bar.refresh()

        ticking = Thread(target=tick, name="passing time", daemon=True)
        ticking.start()
        try:
            yield
        finally:
            over.set()
            ticking.join()
