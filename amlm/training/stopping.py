"""Stopping a run by a signal: what stops it, and the exit status that says so."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from amlm.util.processes import SIGNALS, exit_status


class Stopped(SystemExit):
    """Ends a run that a signal stopped, after its checkpoint is saved."""

    def __init__(self, signum: int) -> None:
        super().__init__(exit_status(signum))
        self.signum = signum


class StopRequest:
    """Notes that a signal asks the run to stop; a second Ctrl-C ends the process at once.

    As a context, it restores the handlers that were there before.

    Attributes:
        signum: the first signal, 0 while there is none.
    """

    def __init__(self) -> None:
        self.signum = 0
        self._interrupts = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python lets the main thread alone handle signals.
        if threading.current_thread() is threading.main_thread():
            self._before = {signum: signal.getsignal(signum) for signum in SIGNALS}
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def install(self) -> None:
        """Takes the signals over; Lightning, which ends without saving, takes SIGTERM at times."""
        for signum, before in self._before.items():
            if signum != signal.SIGHUP or before != signal.SIG_IGN:  # `nohup` has it ignored
                signal.signal(signum, self._note)

    def _note(self, signum: int, _: FrameType | None) -> None:
        self._interrupts += signum == signal.SIGINT
        if self._interrupts > 1:
            os._exit(exit_status(signum))
        if not self.signum:
            self.signum = signum
            name = signal.Signals(signum).name
            with suppress(OSError):  # the terminal is gone, mostly after SIGHUP
                # Not `print`: it may be what the signal interrupted.
                os.write(2, f"{name}: the run stops after this step\n".encode())
