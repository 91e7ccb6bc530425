"""Progress without a terminal: whole lines, one a minute, with a fake clock."""

from __future__ import annotations

import gc
import io
import re
import sys
import threading
import time

import pytest

from amlm.util import progress_bar as module
from amlm.util.progress_bar import MINUTE, Timer, passing_time, progress_bar


class Clock:
    now = 1_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", lambda: clock.now)
    return clock


def test_minutes_passed_is_true_once_a_minute(clock: Clock) -> None:
    minutes = Timer(MINUTE)
    passed = []
    for clock.now in (1_059, 1_060, 1_061, 1_119, 1_121, 1_400, 1_401):
        passed.append(minutes.passed())
    assert passed == [False, True, False, False, True, True, False]


def test_a_pipe_gets_one_line_per_minute(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(total=400, desc="reading", unit=" lines") as bar:
        for number in range(400):
            clock.now = 1_000 + number / 2  # 200 seconds
            bar.set_postfix_str(f"file {number // 100}")
            bar.update()
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 4 and lines[-1] == ""
    for line, share, file in zip(lines[:-1], (30, 60, 90), (1, 2, 3), strict=True):
        assert line.startswith(f"reading: {share}% (")
        assert " of 400 lines, " in line and line.endswith(f", file {file}")


def test_a_pipe_gets_a_line_without_progress_and_over_several_short_bars(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(module, "TICK", 0.001)
    for number in range(3):
        with progress_bar(total=4, desc=f"bar {number}", unit=" steps"):
            clock.now += 25
            time.sleep(0.01)
            until = time.monotonic() + 20
            while number == 2 and shown.getvalue() == "" and time.monotonic() < until:
                time.sleep(0.001)
    assert shown.getvalue().startswith("bar 2: 0% (0 of 4 steps, ")
    assert shown.getvalue().count("\n") == 1
    clock.now += 61  # nothing went on
    with progress_bar(total=4, desc="later", unit=" steps") as bar:
        bar.refresh()
    assert shown.getvalue().count("\n") == 1


def test_an_abandoned_bar_says_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK", 0.001)
    bar = progress_bar(total=4, desc="reading", unit=" lines")
    ticking = [each for each in threading.enumerate() if each.name == "passing time"]
    assert ticking and bar.total == 4
    del bar
    gc.collect()
    for each in ticking:
        each.join(20)
        assert not each.is_alive()


def test_an_iterable_is_passed_through_silently(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress_bar(iter(range(5)), desc="counting", unit=" lines")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar(total=2, desc="reading", unit=" lines") as bar:
        bar.update(2)
    shown = capsys.readouterr().err
    assert shown.startswith("\rreading:   0%|") and "\n" not in shown


def test_time_that_passes_is_shown_while_nothing_else_is_known(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()  # not `capsys`, which loses what a thread writes while it is read
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(module, "TICK", 0.001)
    with passing_time("learning merges"):
        assert shown.getvalue() == ""  # not a minute yet
        clock.now += 60
        until = time.monotonic() + 20
        while not shown.getvalue().endswith("\n") and time.monotonic() < until:
            time.sleep(0.001)
    assert re.fullmatch(r"learning merges: \d\d:\d\d\n", shown.getvalue())
    with pytest.raises(KeyError), passing_time("learning merges"):
        raise KeyError
    assert not [each for each in threading.enumerate() if each.name == "passing time"]
