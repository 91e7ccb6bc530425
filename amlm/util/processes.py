"""Processes that this one starts: they get the signals that it gets, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

# SIGHUP: the terminal is gone; SIGUSR1, SIGUSR2: what schedulers send before the time is up.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)


def exit_status(signum: int) -> int:
    """The exit status of a process that a signal ended, as shells give it."""
    return 128 + signum


def stopped(status: int) -> bool:
    """Whether an exit status says that a signal stopped a run."""
    return status in [exit_status(signum) for signum in SIGNALS]


def status_of(process: BaseProcess) -> int:
    """The exit status of a process that has ended."""
    assert process.exitcode is not None
    return process.exitcode if process.exitcode >= 0 else exit_status(-process.exitcode)


def end_with_parent() -> None:
    """Ends this process when the one that started it has ended; to be called in a thread."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(exit_status(signal.SIGKILL))


def leave_signals_to_parent(_worker: int = 0) -> None:
    """Ignores the signals that stop a run, unless the parent sends them to end this process.

    For a worker process of torch, whose `worker_init_fn` it is: torch lets SIGTERM end it, as when
    it is sent to all processes of a job, and the run that misses it would fail before it saves.
    """
    if not hasattr(signal, "sigwaitinfo"):  # macOS
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    # Not `os.getppid`: from Python 3.14 on a server forks the workers.
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    pid = parent.pid

    def end() -> None:
        while signal.sigwaitinfo(SIGNALS).si_pid != pid:
            pass
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()


@contextmanager
def passed_on(processes: Sequence[BaseProcess]) -> Iterator[list[int]]:
    """Passes signals on to all processes, which may become more, and kills those that are left at
    the end; a second Ctrl-C kills them and ends this process at once. Yields the signals so far."""
    received: list[int] = []

    def pass_on(signum: int, _: object) -> None:
        received.append(signum)
        if received.count(signal.SIGINT) > 1:
            kill(processes)
            os._exit(exit_status(signal.SIGINT))
        for each in processes:
            if each.is_alive():
                assert each.pid is not None
                os.kill(each.pid, signum)

    before = {signum: signal.signal(signum, pass_on) for signum in SIGNALS}
    try:
        yield received
    finally:
        kill(processes)
        for signum, handler in before.items():
            signal.signal(signum, handler)


def kill(processes: Sequence[BaseProcess]) -> None:
    for each in processes:
        if each.exitcode is None:
            each.kill()
            each.join()


@contextmanager
def output_in(path: Path) -> Iterator[None]:
    """Appends all that this process and its children write to a file."""
    kept = [os.dup(number) for number in (1, 2)]
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        for number in (1, 2):
            os.dup2(handle, number)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.close(handle)
        for number, was in zip((1, 2), kept, strict=True):
            os.dup2(was, number)
            os.close(was)
