"""Peak memory of a step, measured in a separate process."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from amlm.benchmark.bench_options import Options, configuration
from amlm.benchmark.steps import OurStep, TheirStep, zero_gradients
from amlm.benchmark.synthetic_text import synthetic_store
from amlm.util.memory import resident_peak


def peak_memory(options: Options) -> dict[str, int]:
    """Peak memory of training in bytes: weights, optimizer, activations, gradients.

    On a CPU, this is the increase over the process's memory after all imports; on a GPU, the count
    of torch's allocator. The processes run one after the other: in parallel, their threads would
    wait for each other.
    """
    torch.cuda.empty_cache()  # frees GPU memory that this process has cached
    peaks = {}
    for whose, name in (("ours", "peak_memory"), ("theirs", "peak_memory_hugging_face")):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            peaks[name] = process.submit(_measure, options, whose).result()
    return peaks


def _measure(options: Options, whose: str) -> int:
    if options.threads:
        torch.set_num_threads(options.threads)
    synthetic_store(configuration(options))
    before = resident_peak()
    assert before is not None, "memory=false is needed: this system does not say"
    ours = OurStep(options)
    step: OurStep | TheirStep = ours
    if whose == "theirs":
        step = TheirStep(ours)
        del ours
    # The peak includes the optimizer's state, which is created at its first step.
    zero_gradients(step.optimizer)
    step.optimizer.step()
    step.optimizer.zero_grad()
    step.take(0)
    if options.on_gpu:
        return torch.cuda.max_memory_allocated()
    after = resident_peak()
    assert after is not None
    return after - before
