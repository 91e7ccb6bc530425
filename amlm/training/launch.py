"""How the processes of a run are started, and the place of this one among them.

`torchrun` and `srun` start the processes themselves; otherwise `start_ranks` does, for
``trainer.devices`` above 1. In all three cases a process finds its place in torch's variables
(``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``, ``MASTER_ADDR``, ``MASTER_PORT``), and Lightning reads it
there. Lightning's own detection of SLURM is not used: it takes any job for one of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from amlm.util.errors import InputError
from amlm.util.processes import end_with_parent, kill, passed_on, status_of, stopped
from amlm.util.terminal import survive_encoding

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
HANGS = 124  # exit status, that of `timeout`
GRACE = 3.0  # seconds that the other processes have to end by themselves after one has died


@dataclass(frozen=True)
class Ranks:
    """This process among those of the run: ``rank`` of ``size``, spread evenly over ``nodes``."""

    rank: int = 0
    size: int = 1
    nodes: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def per_node(self) -> int:
        return self.size // self.nodes


def launched() -> Ranks | None:
    """The place of this process if a launcher started several, else None.

    Raises:
        InputError: SLURM's tasks are spread unevenly over its nodes.
    """
    if not all(name in os.environ for name in VARIABLES):
        _read_slurm()
    if not all(name in os.environ for name in VARIABLES):
        return None
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if size == 1:
        return None
    return Ranks(rank, size, size // int(os.environ.get("LOCAL_WORLD_SIZE", size)))


def _read_slurm() -> None:
    """Sets torch's variables from SLURM's, in one of several tasks that `srun` started."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("SLURM_NTASKS") or 1)
    # A batch script has the variables of its first task without being one.
    script = os.environ.get("ENVIRONMENT") == "BATCH" and "SLURM_STEP_NUM_TASKS" not in os.environ
    if tasks == 1 or script or "SLURM_PROCID" not in os.environ:
        return
    nodes = int(os.environ.get("SLURM_STEP_NUM_NODES") or os.environ.get("SLURM_NNODES") or 1)
    if tasks % nodes:
        raise InputError(
            f"srun started {tasks} tasks on {nodes} nodes: each node needs the same number; use "
            "--ntasks-per-node"
        )
    lists = ("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST")
    named = next((os.environ[name] for name in lists if os.environ.get(name)), "127.0.0.1")
    job, step = (int(os.environ.get(f"SLURM_{name}_ID") or 0) for name in ("JOB", "STEP"))
    os.environ.setdefault("MASTER_ADDR", SLURMEnvironment.resolve_root_node_address(named))
    # Below the ports that systems hand out, another one for each job and step.
    os.environ.setdefault("MASTER_PORT", str(15_000 + (job * 31 + step) % 17_000))
    place = {
        "RANK": os.environ["SLURM_PROCID"],
        "WORLD_SIZE": str(tasks),
        "LOCAL_RANK": os.environ.get("SLURM_LOCALID", "0"),
        "LOCAL_WORLD_SIZE": str(tasks // nodes),
        "GROUP_RANK": os.environ.get("SLURM_NODEID", "0"),
    }
    os.environ.update(place)


@contextmanager
def joined(ranks: Ranks, timeout: float, cuda: bool) -> Iterator[None]:
    """Joins the process group of the run; ``timeout`` is how long (s) to wait for another rank."""
    if ranks.size == 1:
        yield
        return
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "nccl" if cuda else "gloo"
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
        yield
    except (RuntimeError, InputError) as error:
        if "timed out" not in str(error).lower():
            raise
        sys.stderr.write(
            f"error: process {ranks.rank} of {ranks.size} waited for another one for longer than "
            f"trainer.rank_timeout={timeout:g} seconds: it hangs or never started\n"
        )
        raise SystemExit(HANGS) from error
    dist.destroy_process_group()  # not after an error: the others may be gone


def share(value: Any) -> Any:
    """What the first rank gave, on every rank."""
    if not dist.is_initialized():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def start_ranks(task: Callable[[Any], Any], argument: Any, size: int) -> Any:
    """Calls ``task(argument)`` in ``size`` new processes of this machine, one rank each.

    This process only watches. It passes on the signals that it gets, and ends all of them when one
    fails.

    Returns: what the first rank returns.

    Raises:
        InputError: raised by the first rank.
        SystemExit: a rank failed, with its exit status (128 + signal if a signal ended it).
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    place = (size, _free_port(), sender)
    ranks = [
        context.Process(target=_as_rank, args=(task, argument, i, *place)) for i in range(size)
    ]
    for each in ranks:
        each.start()
    sender.close()
    with passed_on(ranks):
        result, failed = _watch(ranks, receiver)
    if failed is not None:
        status = status_of(ranks[failed])
        if not stopped(status):
            what = "ended with status" if status < 128 else "was ended by signal"
            number = status if status < 128 else status - 128
            sys.stderr.write(
                f"error: process {failed} of {size} {what} {number}; the others were ended too\n"
            )
        raise SystemExit(status)
    if isinstance(result, Exception):
        raise result
    return result


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _as_rank(
    task: Callable[[Any], Any], argument: Any, rank: int, size: int, port: int, sender: Connection
) -> None:
    """A new process: takes its place, runs the task, and reports to the process that started it."""
    os.setpgid(0, 0)  # Ctrl-C reaches the starting process alone, which passes it on
    threading.Thread(target=end_with_parent, daemon=True).start()
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    survive_encoding()
    try:
        result = task(argument)
    except InputError as error:
        if rank:
            raise SystemExit(2) from error  # its place is said by the starting process
        result = error
    if rank == 0:
        sender.send(result)


def _watch(ranks: list[Any], receiver: Connection) -> tuple[Any, int | None]:
    """Waits for all ranks; returns the first one's result and the rank that failed first."""
    result, failed, deadline = None, None, float("inf")
    waiting: list[Any] = [receiver]
    while running := [each for each in ranks if each.exitcode is None]:
        ready = wait([*waiting, *(each.sentinel for each in running)], timeout=0.2)
        if receiver in ready:
            with suppress(EOFError):  # the first rank ended without a result
                result = receiver.recv()
            waiting = []
        bad = [i for i, each in enumerate(ranks) if each.exitcode]
        if bad and failed is None:
            # Of two that ended at once, the one that a signal ended is the cause.
            failed = min(bad, key=lambda i: ranks[i].exitcode >= 0)
            if not stopped(status_of(ranks[failed])):  # else they save, and end by themselves
                deadline = time.monotonic() + GRACE
        if isinstance(result, Exception):
            deadline = min(deadline, time.monotonic() + GRACE)
        if time.monotonic() > deadline:
            kill(ranks)
    if waiting and receiver.poll():
        with suppress(EOFError):
            result = receiver.recv()
    return result, None if isinstance(result, Exception) else failed
