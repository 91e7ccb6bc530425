"""Progress of long loops: a bar on a terminal, otherwise a plain line every minute, whether or not
there was progress."""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Collection, Iterable, Iterator
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
    """Writes a new line each time, where ``tqdm`` redraws its bar.

    The minutes are those of all bars together: many short ones say something too.
    """

    _written = _open = -math.inf  # when the last line was written, and when a bar was last open

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.over = Event()
        now = monotonic()
        if not 0 <= now - _Lines._open <= MINUTE:  # there was nothing to wait for
            _Lines._written = now
        _Lines._open = now
        super().__init__(*arguments, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        if msg is None:
            now = _Lines._open = monotonic()
            if now - _Lines._written >= MINUTE:
                _Lines._written = now
                self.fp.write(f"{self}\n")
                self.fp.flush()
        return False

    def close(self) -> None:
        self.over.set()
        super().close()


def _tick(bar: tqdm[Any], over: Event) -> Thread:
    """Refreshes a bar every second, until told that it is over or until nobody has the bar."""
    reference = weakref.ref(bar)

    def tick() -> None:
        while not over.wait(TICK):
            if (shown := reference()) is None:
                return
            shown.refresh()
            del shown

    ticking = Thread(target=tick, name="passing time", daemon=True)
    ticking.start()
    return ticking


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
    if total is None and isinstance(iterable, Collection):
        total = len(iterable)
    options: dict[str, Any] = {"desc": desc, "total": total, "initial": initial, "leave": False}
    options |= {"unit": unit, "unit_scale": scale}
    if sys.stderr.isatty():
        return tqdm(iterable, **options)
    line = ENDLESS_LINE if total is None else LINE
    lines = _Lines(iterable, bar_format=line, **options)
    _tick(lines, lines.over)
    return lines


@contextmanager
def passing_time(desc: str) -> Iterator[None]:
    """Shows the time that passes during work that does not say how far it is."""
    over = Event()
    kind = tqdm if sys.stderr.isatty() else _Lines
    with kind(desc=desc, leave=False, bar_format=TIME_LINE) as bar:
        ticking = _tick(bar, over)
        try:
            yield
        finally:
            over.set()
            ticking.join()
