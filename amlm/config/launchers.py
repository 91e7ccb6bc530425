"""A sweep's runs, one after the other, by a launcher of Hydra's kind: ``hydra/launcher=serial``.
Those that run several at once are built on it.

This process composes and checks the options of each run and starts it; one that fails does not stop
the others.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import RunMode
from omegaconf import open_dict

from amlm.config.build_options import build_options
from amlm.config.command import Command, Outcome
from amlm.config.place import place
from amlm.config.schema import Config
from amlm.config.sweep_lines import Run, line, names, summary
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError
from amlm.util.processes import exit_status, stopped
from amlm.util.terminal import report_errors, say, say_error


@dataclass
class Sweep:
    """What Hydra runs: a single run, or the runs of a sweep, of which it knows how they ended.

    Attributes:
        total: number of runs.
        again: how those that are missing at the end are trained.
        swept: keys of the overrides that have several values.
    """

    command: Command[Any]
    runs: list[Run] = field(default_factory=list)
    total: int = 0
    again: str = ""
    swept: set[str] = field(default_factory=set)

    def options(self, cfg: Any) -> Any:
        """The checked options of a run, while Hydra runs it."""
        made = build_options(cfg, self.command.schema)
        if isinstance(made, Config):
            job = HydraConfig.get()
            place(made, job, job.mode == RunMode.MULTIRUN, self.swept)
        return made

    def __call__(self, cfg: Any) -> float | None:
        """A single run, or one of a sweep with a launcher that is not ours."""
        with report_errors(HydraConfig.get().mode == RunMode.MULTIRUN):
            return _outcome(self.command.task(self.options(cfg))).objective

    def summary(self) -> str:
        return summary(self.runs, self.total, self.again)


def _outcome(result: object) -> Outcome:
    if isinstance(result, Outcome):
        return result
    return Outcome("finished", result if isinstance(result, float) else None)


def attempt(task: Callable[[Any], object], options: Any) -> Outcome:
    """Runs a task; whatever it raises becomes its outcome."""
    try:
        return _outcome(task(options))
    except KeyboardInterrupt:
        return Outcome("stopped", signum=signal.SIGINT)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
        return ended_with(status)
    except Exception as error:
        why = str(error).partition("\n")[0]
        if isinstance(error, InputError):
            return Outcome("failed", why=why)
        if not isinstance(error, OSError) or error.errno not in ENVIRONMENT_ERRNOS:
            traceback.print_exc()
        return Outcome("failed", why=f"{type(error).__name__}: {why}")


def ended_with(status: int) -> Outcome:
    """The outcome of a run that ended with an exit status."""
    if stopped(status):
        return Outcome("stopped", signum=status - exit_status(0))
    killed = ": it was killed, perhaps for want of memory" if status == 137 else ""
    return Outcome("failed", why=f"it ended with status {status}{killed}")


@dataclass
class Job:
    """A run to start.

    Attributes:
        slot: its place among those that run at once, from 0.
        environment: variables to set for it.
        output: the file for its output, unless it shares this process's.
    """

    task: Callable[[Any], object]
    options: Any
    slot: int
    environment: dict[str, str]
    output: Path


@dataclass
class _Started:
    run: Run
    job: Job | None
    result: JobReturn
    handle: Any


class Serial(Launcher):  # type: ignore[misc]
    """Runs each run in this process."""

    jobs = 1  # at once

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        assert isinstance(task_function, Sweep)
        self.context, self.sweep, self.config = hydra_context, task_function, config
        self.signals: list[int] = []  # that have asked the sweep to stop

    @contextmanager
    def ready(self) -> Iterator[None]:
        """While runs are started and waited for."""
        yield

    def start(self, job: Job) -> Any:
        """Starts a run; returns what `ended` knows it by."""
        return attempt(job.task, job.options)

    def ended(self, handles: list[Any]) -> tuple[int, Outcome]:
        """Waits until one of some runs has ended: which, and how."""
        return 0, handles[0]

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        setup_globals()
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose)
        Path(str(hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        # A sweeper that draws calls this for each of its batches.
        known = hydra.sweeper.get("n_trials") or 0
        self.sweep.total = max(known, initial_job_idx + len(job_overrides))
        fixed = [str(each) for each in hydra.overrides.task]
        named = names(job_overrides, fixed)
        varied = {*chain(*job_overrides)} - {*fixed}
        self.sweep.swept = {each.lstrip("+~").partition("=")[0] for each in varied}
        running: list[_Started] = []
        results: list[JobReturn] = []
        with self.ready():
            for i, overrides in enumerate(job_overrides):
                while len(running) >= self.jobs:
                    self._settle(running)
                if self.signals:
                    break
                taken = {each.job.slot for each in running if each.job}
                slot = min({*range(self.jobs)} - taken)
                running.append(self._begin(initial_job_idx + i, overrides, Run(named[i]), slot))
                results.append(running[-1].result)
                configure_log(hydra.hydra_logging, hydra.verbose)
            while running:
                self._settle(running)
        if self.signals:
            raise SystemExit(exit_status(self.signals[0]))
        return results

    def _begin(self, number: int, overrides: Sequence[str], run: Run, slot: int) -> _Started:
        cfg = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(cfg):
            cfg.hydra.job.id = cfg.hydra.job.num = number
        self.sweep.runs.append(run)
        job = None

        def start(cfg: Any) -> Any:
            nonlocal job
            here = HydraConfig.get()
            environment = {str(name): str(value) for name, value in here.job.env_set.items()}
            output = Path(here.sweep.dir).resolve() / f"run-{number + 1}.txt"
            options = self.sweep.options(cfg)
            if isinstance(options, Config):
                run.whole = options.run_dir is None or not Path(options.run_dir).exists()
                self.sweep.again = AGAIN if options.run_dir else NAME_IT
            job = Job(self.sweep.command.task, options, slot, environment, output)
            return self.start(job)

        result = run_job(
            hydra_context=self.context,
            task_function=start,
            config=cfg,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        return _Started(run, job, result, result._return_value)

    def _settle(self, running: list[_Started]) -> None:
        """Waits until a run has ended, and says so."""
        wrong = [i for i, each in enumerate(running) if each.result.status == JobStatus.FAILED]
        if wrong:
            i, outcome = wrong[0], Outcome("failed", why=str(running[wrong[0]].handle))
        else:
            i, outcome = self.ended([each.handle for each in running])
        each = running.pop(i)
        if outcome.why and each.job and each.job.output.exists():
            outcome = replace(outcome, why=f"{outcome.why} (its output: {each.job.output})")
        each.run.end(outcome)
        each.result.status, each.result.return_value = JobStatus.COMPLETED, outcome.objective
        if outcome.word == "stopped":
            self.signals.append(outcome.signum)
        if outcome.word == "failed":
            say_error(outcome.why)
            if "BasicSweeper" not in self.config.hydra.sweeper._target_:
                each.result.status = JobStatus.FAILED
                each.result.return_value = CompactHydraException(outcome.why)
        say(line(each.run, self.sweep.runs, self.sweep.total, self.jobs))


AGAIN = "the same command trains those that are missing"
NAME_IT = "with a name, sweep=<name>, the same command would train those that are missing alone"
