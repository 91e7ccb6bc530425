"""Several runs of a sweep at once: ``hydra/launcher=parallel`` in processes of this machine,
``hydra/launcher=ray`` on a Ray cluster, by default one of this machine alone.

Each run has its share of the cores, and writes its output to a file. All end with this process.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from amlm.config.command import Outcome
from amlm.config.launchers import Job, Serial, attempt, ended_with
from amlm.config.schema import Config
from amlm.util.errors import InputError
from amlm.util.processes import end_with_parent, output_in, passed_on, status_of
from amlm.util.terminal import fail, survive_encoding

PLUGINS = "hydra_plugins.amlm"  # Hydra accepts only launchers of its plugins' package
# Options of the launchers, under `hydra.launcher`.
OPTIONS: dict[str, dict[str, Any]] = {
    "serial": {},
    "parallel": {"n_jobs": 2},  # runs at once
    # `address: auto` is the cluster of this machine; CPUs and GPUs are those of a run.
    "ray": {"address": None, "cpus": 1, "gpus": 0},
}


def register_launchers() -> None:
    """Makes the choices of ``hydra/launcher``, and the module in which Hydra looks for them."""
    package, _, name = PLUGINS.rpartition(".")
    try:  # of other plugins
        parent = import_module(package)
    except ModuleNotFoundError:
        parent = sys.modules.setdefault(package, ModuleType(package))
    module = sys.modules.setdefault(PLUGINS, ModuleType(PLUGINS))
    setattr(parent, name, module)
    for launcher in (Serial, Parallel, Ray):
        name = launcher.__name__
        node = {"_target_": f"{PLUGINS}.{name}", **OPTIONS[name.lower()]}
        ConfigStore.instance().store(group="hydra/launcher", name=name.lower(), node=node)
        if not hasattr(module, name):
            setattr(module, name, type(name, (launcher,), {"__module__": PLUGINS}))
            Plugins.instance().register(getattr(module, name))


def check_launcher(launcher: Any) -> None:
    """Raises InputError if a launcher (``hydra.launcher``) has wrong options or lacks Ray."""
    for name, lowest in {"n_jobs": 1, "cpus": 1, "gpus": 0}.items():
        value = launcher.get(name, lowest)
        if launcher._target_.startswith(PLUGINS) and (not isinstance(value, int) or value < lowest):
            raise InputError(f"hydra.launcher.{name}={value}: use a whole number from {lowest} on")
    if launcher._target_ == f"{PLUGINS}.Ray" and find_spec("ray") is None:
        raise InputError("hydra/launcher=ray needs Ray: pip install 'amlm[ray]'")


def gpus_of(slot: int, jobs: int, visible: Sequence[str]) -> Sequence[str]:
    """The share of the visible GPUs for one of ``jobs`` runs at once; a GPU may serve several."""
    share = max(1, len(visible) // jobs)
    first = slot * share % max(1, len(visible))
    return visible[first : first + share]


def _visible_gpus() -> list[str]:
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [each for each in named.split(",") if each]
    return [str(i) for i in range(len([*Path("/dev").glob("nvidia[0-9]*")]))]


def _set_threads(options: Any, cores: int) -> None:
    if isinstance(options, Config) and not options.trainer.threads:
        options.trainer.threads = max(1, cores // max(1, options.trainer.devices))


def _run(job: Job) -> Outcome:
    """Runs a job in a process that is not the sweep's."""
    os.environ.update(job.environment)
    with output_in(job.output):
        return attempt(job.task, job.options)


def _run_in_child(job: Job, sender: Connection) -> None:
    os.setpgid(0, 0)  # Ctrl-C reaches the starting process alone, which passes it on
    threading.Thread(target=end_with_parent, daemon=True).start()
    survive_encoding()
    sender.send(_run(job))


class Parallel(Serial):
    """Runs each run in a new process of this machine, ``n_jobs`` at once."""

    def __init__(self, n_jobs: int) -> None:
        self.jobs = n_jobs
        self.processes: list[BaseProcess] = []
        # A server that imports once what a run needs, and forks: it has no threads and no GPU.
        self.server = multiprocessing.get_context("forkserver")

    @contextmanager
    def ready(self) -> Iterator[None]:
        self.server.set_forkserver_preload([self.sweep.command.preload])
        with passed_on(self.processes) as self.signals:
            yield

    def start(self, job: Job) -> tuple[BaseProcess, Connection]:
        _set_threads(job.options, len(os.sched_getaffinity(0)) // self.jobs)
        if len(visible := _visible_gpus()) > 1:
            mine = {"CUDA_VISIBLE_DEVICES": ",".join(gpus_of(job.slot, self.jobs, visible))}
            job.environment = mine | job.environment
        receiver, sender = self.server.Pipe(duplex=False)
        process = self.server.Process(target=_run_in_child, args=(job, sender))
        process.start()
        sender.close()
        self.processes.append(process)
        return process, receiver

    def ended(self, handles: list[tuple[BaseProcess, Connection]]) -> tuple[int, Outcome]:
        ready = wait([each for process, pipe in handles for each in (process.sentinel, pipe)])
        i = next(i for i, (p, pipe) in enumerate(handles) if {p.sentinel, pipe} & {*ready})
        process, pipe = handles[i]
        outcome = None
        with suppress(EOFError):  # it died
            outcome = pipe.recv()
        process.join()
        return i, outcome or ended_with(status_of(process))


def _run_on_node(job: Job, folder: str) -> Outcome:
    os.chdir(folder)
    return _run(job)


class Ray(Serial):
    """Runs each run as a task of a Ray cluster, as many at once as it has room for."""

    def __init__(self, address: str | None, cpus: int, gpus: int) -> None:
        self.address, self.cpus, self.gpus = address, cpus, gpus

    @contextmanager
    def ready(self) -> Iterator[None]:
        import ray

        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers
            ray.init(self.address, include_dashboard=False, logging_level="ERROR")
        room = ray.cluster_resources()
        self.jobs = int(room.get("CPU", 0) // self.cpus)
        if self.gpus:
            self.jobs = min(self.jobs, int(room.get("GPU", 0) // self.gpus))
        if self.jobs < 1:
            fail(
                InputError(
                    f"a run needs hydra.launcher.cpus={self.cpus} hydra.launcher.gpus={self.gpus}, "
                    f"and the Ray cluster has {room.get('CPU', 0):g} CPUs and "
                    f"{room.get('GPU', 0):g} GPUs: give a run fewer"
                )
            )
        yield

    def start(self, job: Job) -> Any:
        import ray

        _set_threads(job.options, self.cpus)
        # Ray does not start a dead run again: the same command does, and resumes it.
        limits = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": 0}
        return ray.remote(**limits)(_run_on_node).remote(job, str(Path.cwd()))

    def ended(self, handles: list[Any]) -> tuple[int, Outcome]:
        import ray

        (first,), _ = ray.wait(handles, num_returns=1)
        try:
            outcome = ray.get(first)
        except ray.exceptions.RayError as error:
            outcome = Outcome("failed", why=str(error).partition("\n")[0])
        return handles.index(first), outcome
