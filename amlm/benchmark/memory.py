"""Peak memory of a step, measured in a process of its own: ``python -m amlm.benchmark.memory``."""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
from pathlib import Path

import torch

from amlm.benchmark.options import Options, configuration
from amlm.benchmark.steps import OurStep, TheirStep
from amlm.benchmark.text import made_up_store


def peak_memory(options: Options) -> dict[str, int]:
    """Bytes that training takes at its peak: weights, optimizer, activations, gradients.

    On a CPU beyond what the process held when it had imported everything; on a GPU as torch's
    allocator counts it. Both processes run at once.
    """
    torch.cuda.empty_cache()  # of a GPU's memory, what this process keeps for later
    names = {"ours": "peak_memory", "theirs": "peak_memory_hugging_face"}
    shape = json.dumps(dataclasses.asdict(options))
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", __name__, whose, shape],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for whose, name in names.items()
    }
    said = {name: process.communicate() for name, process in running.items()}
    for name, process in running.items():
        if process.returncode:
            raise RuntimeError(f"the process that measures memory failed:\n{said[name][1]}")
    return {name: int(out.splitlines()[-1]) for name, (out, _) in said.items()}


def _resident_peak() -> int:
    # Not `getrusage`: what that tells of a process begins with the peak of the one it came from.
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
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
    for number in range(2):  # at the second, the optimizer has its state
        step.take(number)
    return torch.cuda.max_memory_allocated() if options.on_gpu else _resident_peak() - before


if __name__ == "__main__":
    print(_measure(Options(**json.loads(sys.argv[2])), sys.argv[1]))  # noqa: T201
