"""Submits a run as a job of SLURM, through submitit: ``impl=slurm``."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from amlm.config.schema import Config
from amlm.training.run_folder import JOB_LOGS, new_folder
from amlm.training.stopping import Stopped
from amlm.util.errors import InputError


@dataclass
class Job:
    """A run as a job; each of its tasks calls it. A requeued job resumes the run."""

    config: Config

    def __call__(self) -> Any:
        from submitit.core.job_environment import JobEnvironment
        from submitit.helpers import TorchDistributedEnvironment

        from amlm.training.run import run

        preempted = JobEnvironment._usr_sig()
        requeue = signal.getsignal(preempted)
        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        try:
            return run(self.config)
        except Stopped as stop:
            # The time is nearly up and the run is saved: submitit requeues and exits, in the first
            # task. The others must not end before it, since that would end the job.
            if stop.signum == preempted and callable(requeue):
                requeue(stop.signum, None)
                time.sleep(60)
            raise

    def checkpoint(self) -> Any:
        """Called by submitit: what the requeued job runs."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def submit(config: Config) -> tuple[Path, Any]:
    """Submits a run.

    Returns: its folder, and submitit's job.

    Raises:
        InputError: submitit is not installed, there is no SLURM, or it refuses the options.
    """
    if find_spec("submitit") is None:
        raise InputError("impl=slurm needs submitit: pip install 'amlm[slurm]'")
    import submitit

    options, devices = config.slurm, config.trainer.devices
    if devices == 0:
        raise InputError(
            "impl=slurm needs the number of devices of a node: trainer.devices=4, for example"
        )
    folder = Path(config.run_dir).expanduser() if config.run_dir else new_folder(config)
    empty = not config.run_dir or not folder.exists()
    parts = replace(config, run_dir=str(folder.resolve()), slurm=replace(options, submit="none"))
    try:
        executor = submitit.AutoExecutor(
            folder / JOB_LOGS,
            cluster=options.submit,
            **{f"{options.submit}_max_num_timeout": options.requeues},
        )
        executor.update_parameters(**_parameters(config))
        job = executor.submit(Job(parts))
    except (RuntimeError, ValueError, NameError) as error:  # among them submitit's own
        if empty:
            shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"slurm.submit={options.submit} failed ({' '.join(str(error).split())}): is this a "
            "machine from which `sbatch` works, and are the options of slurm. right?"
        ) from error
    return folder, job


def _parameters(config: Config) -> dict[str, Any]:
    """The options as submitit names them; those for SLURM alone begin with ``slurm_``."""
    options, devices = config.slurm, config.trainer.devices
    given = {
        "partition": options.partition,
        "account": options.account,
        "signal_delay_s": options.signal_seconds,
        **options.options,
    }
    return {
        "name": str(config.name)[:60],
        "nodes": options.nodes,
        "tasks_per_node": devices,
        "gpus_per_node": 0 if config.trainer.accelerator == "cpu" else devices,
        "cpus_per_task": options.cpus,
        "timeout_min": options.minutes,
        **({} if options.memory is None else {"mem_gb": options.memory}),
        **{f"slurm_{name}": value for name, value in given.items() if value is not None},
    }


def inside_job() -> bool:
    """Whether this process runs in a job already, where ``impl=slurm`` submits no other."""
    return "SLURM_JOB_ID" in os.environ
