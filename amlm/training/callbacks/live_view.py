"""A live view of a run on a terminal: its state in a panel that is drawn anew in its place."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import lightning as L
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from amlm.training.callbacks.progress import Progress
from amlm.training.callbacks.word_checkpoints import WordCheckpoints
from amlm.training.record import Record
from amlm.training.stopping import StopRequest
from amlm.util.terminal import duration


def live_console() -> Console | None:
    """Standard output, if it is a terminal on which lines can be drawn anew."""
    console = Console(file=sys.stdout)
    return console if sys.stdout.isatty() and console.is_interactive else None


def printable(text: str, encoding: str) -> str:
    """A text with escapes for what an encoding lacks and for control characters: their width on a
    terminal would not be known."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def state_of(latest: Mapping[str, Record]) -> dict[str, str | list[str]]:
    """What the last records say of a run, by label: text, or types with their probability.

    Args:
        latest: the last record of each kind, see `amlm.training.run_log.RunLog.latest`.
    """
    rows: dict[str, str | list[str]] = {}
    if train := latest.get("train"):
        rows["training"] = (
            f"loss {train['loss']:.2f}, accuracy {train['accuracy']:.1%}, "
            f"{train['tokens_per_second']:,.0f} tokens/s"
        )
    if validation := latest.get("validation"):
        rows["held out"] = (
            f"loss {validation['loss']:.2f}, accuracy {validation['accuracy']:.1%} "
            f"(step {validation['step']:,})"
        )
    if train:
        rows["mask ratio"] = f"{train['realised_ratio']:.3f} (target {train['ratio']:.3f})"
    if update := latest.get("mask_update"):
        rows["effective types"] = f"{update['effective_types']:,.0f} of {update['vocab_size']:,}"
        if update["kl_first"] > 1e-9:  # otherwise every type is masked alike
            for label, end in (("masked most", "highest"), ("masked least", "lowest")):
                rows[label] = [f"{name} {w:.2f}" for name, w in update[end]]
    return rows


@dataclass(frozen=True)
class OneLine:
    """As many items as one line holds, from the first."""

    items: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        line = ""
        for item in self.items:
            longer = f"{line}  {item}" if line else item
            if cell_len(longer) > options.max_width:
                break
            line = longer
        yield Text(line)


@dataclass(eq=False)
class LiveView(Progress):
    """Shows the state of a run in a panel. What is printed meanwhile appears above it.

    Args:
        title: of the panel.
        checkpoints: which say how many words are left to the next one.
        request: to stop, which prints a line of its own below the panel.
        console: a terminal, see `live_console`.
    """

    title: str
    checkpoints: WordCheckpoints
    request: StopRequest
    console: Console
    _live: Live = field(init=False)
    _handlers: list[tuple[logging.StreamHandler[Any], Any]] = field(init=False)

    seconds = 1.0

    def __post_init__(self) -> None:
        self._live, self._handlers = Live(console=self.console, auto_refresh=False), []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero:
            self._open()
            self.show(trainer.global_step)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.show(trainer.global_step)
        self._close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def show(self, step: int, left: float | None = None) -> None:
        if not self._live.is_started or self.request.signum:
            return  # drawn anew, the panel would hide the line of the request
        try:
            self._live.update(self.panel(step, left), refresh=True)
        except OSError:  # the terminal is gone, which must not end the run
            self._close()

    def panel(self, step: int, left: float | None = None) -> RenderableType:
        """The state after ``step`` completed steps, with ``left`` seconds left, if known."""
        known = [] if left is None else [f"{duration(left)} left"]
        rows = {**state_of(self.run_log.latest), "words": self._words(step)}
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_row(Text("step", style="dim"), ", ".join([self.position(step), *known]))
        table.add_row("", ProgressBar(self.total_steps, step))
        for label, value in rows.items():
            if isinstance(value, str):
                table.add_row(Text(label, style="dim"), Text(self._text(value)))
            else:
                table.add_row(Text(label, style="dim"), OneLine([*map(self._text, value)]))
        # What writes to the terminal directly begins on a line of its own.
        return Group(Panel(table, title=Text(self._text(self.title))), "")

    def _text(self, text: str) -> str:
        return printable(text, self.console.encoding)

    def _words(self, step: int) -> str:
        parts = [f"{self.checkpoints.words.seen(step):,} seen"]
        if ahead := self.checkpoints.ahead(step):
            parts.append(f"{ahead[1]:,} to {ahead[0]}")
        return ", ".join(parts)

    def _open(self) -> None:
        streams = (sys.stdout, sys.stderr)
        handlers = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
        self._handlers = [(each, each.stream) for each in handlers if each.stream in streams]
        self._live.start()
        self.console.show_cursor()  # a process that is killed could not bring it back
        for handler, _ in self._handlers:
            handler.setStream(sys.stdout)  # that of the view, which prints above the panel

    def _close(self) -> None:
        with suppress(OSError):  # the terminal may be gone
            if self._live.is_started and self.request.signum:
                self.console.control(Control.move(0, -1))  # back to where the panel ended
            self._live.stop()
        for handler, stream in self._handlers:
            handler.setStream(stream)
