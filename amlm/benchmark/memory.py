"""Peak memory of a step, measured in a process of its own: ``python -m amlm.benchmark.memory``."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import torch

from amlm.benchmark.bench_options import Options, configuration
from amlm.benchmark.steps import OurStep, TheirStep, zero_gradients
from amlm.benchmark.text import made_up_store


def peak_memory(options: Options) -> dict[str, int]:
    """Bytes that training takes at its peak: weights, optimizer, activations, gradients.

    On a CPU beyond what the process held when it had imported everything; on a GPU as torch's
    allocator counts it. One process after the other: at once, their threads wait for each other.
    """
    torch.cuda.empty_cache()  # of a GPU's memory, what this process keeps for later
    shape = json.dumps(dataclasses.asdict(options))
    peaks = {}
    for whose, name in (("ours", "peak_memory"), ("theirs", "peak_memory_hugging_face")):
        ended = subprocess.run(
            [sys.executable, "-m", __name__, whose, shape], capture_output=True, text=True
        )
        if ended.returncode:
            raise RuntimeError(f"the process that measures memory failed:\n{ended.stderr}")
        peaks[name] = int(ended.stdout.splitlines()[-1])
    return peaks


def _resident_peak() -> int:
    # Not `getrusage`: what that tells of a process begins with the peak of the one it came from.
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource  # not on Windows, where memory=false is needed

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _measure(options: Options, whose: str) -> int:
    if options.threads:
        torch.set_num_threads(options.threads)
    store = made_up_store(configuration(options))
    before = _resident_peak()
    ours = OurStep(options, store)
    step: OurStep | TheirStep = ours
    if whose == "theirs":
        step = TheirStep(ours)
        del ours
    # A step has its peak once the optimizer has its state, which it makes at its first one.
    zero_gradients(step.optimizer)
    step.optimizer.step()
    step.optimizer.zero_grad()
    step.take(0)
    return torch.cuda.max_memory_allocated() if options.on_gpu else _resident_peak() - before


if __name__ == "__main__":
    print(_measure(Options(**json.loads(sys.argv[2])), sys.argv[1]))  # noqa: T201
