"""Peak memory of a step, measured in a separate process: ``python -m amlm.benchmark.memory``."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import torch

from amlm.benchmark.bench_options import Options, configuration
from amlm.benchmark.steps import OurStep, TheirStep, zero_gradients
from amlm.benchmark.synthetic_text import synthetic_store


def peak_memory(options: Options) -> dict[str, int]:
    """Peak memory of training in bytes: weights, optimizer, activations, gradients.

    On a CPU, this is the increase over the process's memory after all imports; on a GPU, the count
    of torch's allocator. The processes run one after the other: in parallel, their threads would
    wait for each other.
    """
    torch.cuda.empty_cache()  # frees GPU memory that this process has cached
    shape = json.dumps(dataclasses.asdict(options))
    peaks = {}
    for whose, name in (("ours", "peak_memory"), ("theirs", "peak_memory_hugging_face")):
        process = subprocess.run(
            [sys.executable, "-m", __name__, whose, shape], capture_output=True, text=True
        )
        if process.returncode:
            raise RuntimeError(f"the process that measures memory failed:\n{process.stderr}")
        peaks[name] = int(process.stdout.splitlines()[-1])
    return peaks


def _resident_peak() -> int:
    # Not `getrusage`: its peak is inherited from the parent process.
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource  # not available on Windows, where memory=false is needed

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _measure(options: Options, whose: str) -> int:
    if options.threads:
        torch.set_num_threads(options.threads)
    store = synthetic_store(configuration(options))
    before = _resident_peak()
    ours = OurStep(options, store)
    step: OurStep | TheirStep = ours
    if whose == "theirs":
        step = TheirStep(ours)
        del ours
    # The peak includes the optimizer's state, which is created at its first step.
    zero_gradients(step.optimizer)
    step.optimizer.step()
    step.optimizer.zero_grad()
    step.take(0)
    return torch.cuda.max_memory_allocated() if options.on_gpu else _resident_peak() - before


if __name__ == "__main__":
    print(_measure(Options(**json.loads(sys.argv[2])), sys.argv[1]))  # noqa: T201
