"""The live view, drawn on terminals of several widths and encodings, whose screen a small emulator
shows, and in a real run."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.callbacks import TQDMProgressBar
from rich.console import Console

from amlm.config.schema import Config
from amlm.training.assemble import make_callbacks, make_parts
from amlm.training.callbacks.live_view import LiveView, live_console, state_of
from amlm.training.callbacks.progress import ProgressLines
from amlm.training.run import _open_store
from amlm.training.run_log import RunLog
from amlm.training.stopping import StopRequest

TRAIN = {"loss": 4.834, "accuracy": 0.2126, "tokens_per_second": 2_048.3}
RATIOS = {"ratio": 0.3102, "realised_ratio": 0.3098}
UPDATE = {
    "effective_types": 8_066.4,
    "vocab_size": 8_192,
    "kl_first": 0.01,
    "highest": [["▁barn", 0.249], ["▁[red]", 0.25], ["\x1b", 0.24], *[["▁type", 0.2]] * 9],
    "lowest": [[".", 0.012], ["語", 0.013], *[["▁the", 0.02]] * 9],
}
CODES = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")
WAIT = 300.0  # seconds for a run, on a machine that other work keeps busy


def screen(text: str) -> tuple[list[str], bool]:
    """What a terminal of any height shows, and whether it has a cursor."""
    lines, row, column, cursor = [""], 0, 0, True
    for found in CODES.finditer(text.replace("\r\n", "\n")):
        given, code = found[1], found[2]
        if found[0] in "\r\n":
            row, column = row + (found[0] == "\n"), 0
            lines += [""] * (row + 1 - len(lines))
        elif code is None:
            before = lines[row].ljust(column)
            lines[row] = before[:column] + found[0] + before[column + len(found[0]) :]
            column += len(found[0])
        elif code == "A":
            row -= int(given or 1)
            assert row >= 0
        elif code == "K":
            assert given == "2"
            lines[row] = ""
        elif code in "hl":
            assert given == "?25"
            cursor = code == "h"
        else:
            assert code == "m", found[0]
    return [line.rstrip() for line in lines], cursor


def terminal(file: Any, width: int) -> Console:
    return Console(
        file=file, width=width, height=40, force_terminal=True, force_interactive=True,
        color_system="standard", _environ={"TERM": "xterm"},
    )  # fmt: skip


def make_view(folder: Path, console: Console) -> LiveView:
    """The view of a run of 3,000 steps, 2,000 words each."""
    words = SimpleNamespace(seen=lambda step: 2_000 * step)
    exports: Any = SimpleNamespace(words=words, ahead=lambda step: ("chck_3M", 880_000))
    return LiveView(RunLog(folder), 3_000, "hard_decay-seed0", exports, StopRequest(), console)


def drawn(view: LiveView, step: int, left: float | None = None) -> list[str]:
    file: Any = view.console.file
    view.console.print(view.panel(step, left))
    return screen(file.getvalue())[0]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Console], LiveView]:
    """Makes the view of a run that has written each kind of record."""

    def make(console: Console) -> LiveView:
        view = make_view(tmp_path, console)
        view.run_log.write("validation", {"step": 1_000, "loss": 4.5, "accuracy": 0.25})
        view.run_log.write("mask_update", {"step": 1_000, **UPDATE})
        view.run_log.write("train", {"step": 1_050, **TRAIN, **RATIOS})
        return view

    return make


def test_a_wide_terminal_shows_all(written: Callable[[Console], LiveView]) -> None:
    assert drawn(written(terminal(StringIO(), 80)), 1_060, 7_800) == [
        "╭────────────────────────────── hard_decay-seed0 ──────────────────────────────╮",
        "│ step             1,060 of 3,000 (35%), 2 h 10 min left                       │",
        "│                  ━━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ │",
        "│ training         loss 4.83, accuracy 21.3%, 2,048 tokens/s                   │",
        "│ held out         loss 4.50, accuracy 25.0% (step 1,000)                      │",
        "│ mask ratio       0.310 (target 0.310)                                        │",
        "│ effective types  8,066 of 8,192                                              │",
        "│ masked most      ▁barn 0.25  ▁[red] 0.25  \\x1b 0.24  ▁type 0.20  ▁type 0.20  │",
        "│ masked least     . 0.01  語 0.01  ▁the 0.02  ▁the 0.02  ▁the 0.02  ▁the 0.02 │",
        "│ words            2,120,000 seen, 880,000 to chck_3M                          │",
        "╰──────────────────────────────────────────────────────────────────────────────╯",
        "",
        "",
    ]


def test_a_narrow_terminal_has_fewer_types_and_longer_texts_on_two_lines(
    written: Callable[[Console], LiveView],
) -> None:
    lines = drawn(written(terminal(StringIO(), 50)), 1_060, 7_800)
    assert max(map(len, lines)) == 50
    for line in (
        "│ step             1,060 of 3,000 (35%), 2 h 10  │",
        "│                  min left                      │",
        "│ masked most      ▁barn 0.25  ▁[red] 0.25       │",
        "│ words            2,120,000 seen, 880,000 to    │",
    ):
        assert line in lines


def test_an_ascii_terminal_gets_escapes_of_known_width(
    written: Callable[[Console], LiveView],
) -> None:
    raw = BytesIO()
    file = TextIOWrapper(raw, encoding="ascii", newline="")  # fails at any other character
    view = written(terminal(file, 80))
    view.console.print(view.panel(1_060, 60))
    file.flush()
    lines = screen(raw.getvalue().decode("ascii"))[0]
    assert (
        lines[0]
        == "+------------------------------ hard_decay-seed0 ------------------------------+"
    )
    (types,) = (line for line in lines if line.startswith("| masked most"))
    assert types.split()[3:9] == ["\\u2581barn", "0.25", "\\u2581[red]", "0.25", "\\x1b", "0.24"]
    assert {len(line) for line in lines if line} == {80}


def test_before_the_first_records_only_the_step_and_words_are_known(tmp_path: Path) -> None:
    lines = drawn(make_view(tmp_path, terminal(StringIO(), 80)), 0)
    assert [line[:25] for line in lines[1:4]] == [
        "│ step   0 of 3,000 (0%) ",
        "│        ━━━━━━━━━━━━━━━━",
        "│ words  0 seen, 880,000 ",
    ]


def test_uniform_masking_has_no_extreme_types() -> None:
    rows = state_of({"mask_update": {**UPDATE, "kl_first": 0.0}})
    assert rows == {"effective types": "8,066 of 8,192"}


Opened = tuple[LiveView, StringIO, logging.StreamHandler[Any]]


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A view that is shown, the terminal, and a handler of logging that writes to it."""
    file = StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    handler = logging.StreamHandler(file)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    view = make_view(folder, terminal(file, 60))
    trainer: Any = SimpleNamespace(is_global_zero=True, global_step=0)
    view.on_train_start(trainer, trainer)
    return view, file, handler


def test_what_is_printed_or_logged_meanwhile_stays_above_one_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, file, handler = opened(tmp_path, monkeypatch)
    assert screen(file.getvalue())[1], "a killed run would leave a terminal without a cursor"
    print("a line")  # noqa: T201
    view.show(1, 60.0)
    logging.getLogger().warning("a warning")
    view.show(2, 60.0)
    trainer: Any = SimpleNamespace(is_global_zero=True, global_step=3)
    view.on_train_end(trainer, trainer)
    print("the end")  # noqa: T201
    lines, cursor = screen(file.getvalue())
    assert lines[:2] == ["a line", "a warning"] and lines[-2:] == ["the end", ""]
    assert sum(line.startswith("╭") for line in lines) == 1
    assert any("3 of 3,000" in line for line in lines) and cursor
    assert sys.stdout is file and handler.stream is file


def test_a_request_to_stop_leaves_one_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, file, _ = opened(tmp_path, monkeypatch)
    file.write("^CSIGINT: the run stops after this step\n")  # as `StopRequest` does, below all else
    view.request.signum = signal.SIGINT
    view.show(1, 60.0)
    assert "stops after this step" in screen(file.getvalue())[0][-2]
    trainer: Any = None
    view.on_exception(trainer, trainer, KeyboardInterrupt())
    lines, cursor = screen(file.getvalue())
    assert sum(line.startswith("╭") for line in lines) == 1 and cursor
    assert lines[-3].startswith("╰") and sys.stdout is file


def test_a_terminal_that_is_gone_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, file, _ = opened(tmp_path, monkeypatch)

    def gone(text: str) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(file, "write", gone)
    view.show(1, 60.0)
    view.show(2, 60.0)
    assert sys.stdout is file


@pytest.mark.parametrize(
    ("is_terminal", "kind", "shown"),
    [(True, "xterm", LiveView), (True, "dumb", ProgressLines), (False, "xterm", ProgressLines)],
)
def test_a_terminal_gets_the_panel_and_all_else_lines(
    is_terminal: bool,
    kind: str,
    shown: type[Any],
    tiny: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = StringIO()
    monkeypatch.setattr(file, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes a terminal of everything, says rich
    assert (live_console() is not None) == (shown is LiveView)
    config = tiny("trainer.max_steps=2")
    parts = make_parts(config, _open_store(config))
    found = make_callbacks(config, parts, RunLog(tmp_path), StopRequest())
    displays = (LiveView, ProgressLines, TQDMProgressBar)
    assert [type(each) for each in found if isinstance(each, displays)] == [shown]


def test_a_run_on_an_ascii_terminal_is_stopped_by_ctrl_c(
    command: list[str], tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
    modes = termios.tcgetattr(theirs)
    options = ["trainer.max_steps=100000", "trainer.log_every=5", "masking.update_every=10"]
    environ = {"TERM": "xterm", "PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        [*command, *options, "name=tiny"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, **environ}, cwd=tmp_path,
    )  # fmt: skip
    output, asked, deadline = b"", False, time.monotonic() + WAIT
    try:
        while run.poll() is None or select.select([ours], [], [], 0)[0]:
            assert time.monotonic() < deadline, output[-3_000:]
            if select.select([ours], [], [], 0.1)[0]:
                output += os.read(ours, 65_536)
            if not asked and b"masked least" in output:
                asked = True
                run.send_signal(signal.SIGINT)
    finally:
        run.kill()
    lines, cursor = screen(output.decode("ascii"))
    assert run.returncode == 130 and cursor, lines
    assert termios.tcgetattr(theirs) == modes
    assert sum(line.startswith("+---") and "tiny-seed0" in line for line in lines) == 1, lines
    (panel_end,) = (
        i for i, line in enumerate(lines) if line.startswith("+---") and "t" not in line
    )
    assert lines[panel_end - 2].startswith("| masked least")
    (last,) = (line for line in lines[panel_end + 1 :] if line)
    assert last.startswith("stopped; to resume: the same command with run_dir=")
