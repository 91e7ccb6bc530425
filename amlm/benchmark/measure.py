"""All numbers of one shape."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch

from amlm.benchmark.agreement import differences
from amlm.benchmark.cost import step_operations
from amlm.benchmark.memory import peak_memory
from amlm.benchmark.options import Options, configuration
from amlm.benchmark.steps import BATCHES, OurStep, TheirStep
from amlm.benchmark.text import made_up_store
from amlm.benchmark.timing import Spread, in_turn, matrix_rate, seconds
from amlm.masking.policy import Corruption, MaskedRows
from amlm.masking.signals import Predictions


def quiet(options: Options) -> None:
    """Silences what Lightning says of itself, and sets the number of threads."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    if options.threads:
        torch.set_num_threads(options.threads)


def measure(options: Options) -> dict[str, Any]:
    """Numbers of one shape by name; those that were taken in several rounds are a `Spread`."""
    device, dtype = options.torch_device, torch.bfloat16 if options.bfloat16 else torch.float32
    store = made_up_store(configuration(options))
    ours = OurStep(options, store, "masking/signal=hard")
    theirs = TheirStep(ours)
    difference = differences(ours, theirs)
    uniform, nhot = (
        OurStep(options, store, more) for more in ("masking/signal=uniform", "model/nhot=add")
    )
    tokens = ours.config.data.tokens_per_step

    def stepping(step: OurStep | TheirStep) -> Callable[[], float]:
        numbers = iter(range(10**9))
        return lambda: seconds(lambda: step.take(next(numbers)), device)

    def optimizing() -> float:
        for parameter in ours.module.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return seconds(ours.optimize, device)

    fetched = iter(ours.data.train_dataloader())
    times = in_turn(
        {
            "ours": stepping(ours),
            "theirs": stepping(theirs),
            "nhot": stepping(nhot),
            "optimizer": optimizing,
            "masking": lambda: _masking_seconds(ours),
            "uniform": lambda: _masking_seconds(uniform),
            "fetch": lambda: seconds(lambda: next(fetched), device, 10),
            "rate": lambda: matrix_rate(device, dtype),
        },
        options.rounds,
        options.name,
    )

    def over_ours(times_of: list[float]) -> Spread:
        return Spread.of(t / own for t, own in zip(times_of, times["ours"], strict=True))

    labelled = sum(sum(batch.maskable) for batch in ours.batches) / BATCHES * options.ratio
    operations = step_operations(ours.module.model, tokens, options.length, labelled)
    pairs = zip(times["masking"], times["uniform"], strict=True)
    numbers: dict[str, Any] = {
        "tokens": tokens,
        "parameters": sum(p.numel() for p in ours.module.model.parameters()),
        "step_operations": operations,
        "matrix_rate": Spread.of(times["rate"]),
        "tokens_per_s": Spread.of(tokens / t for t in times["ours"]),
        "tokens_per_s_hugging_face": Spread.of(tokens / t for t in times["theirs"]),
        "speedup": over_ours(times["theirs"]),
        "useful_flops_share": Spread.of(
            operations / (t * rate) for t, rate in zip(times["ours"], times["rate"], strict=True)
        ),
        "optimizer_share": over_ours(times["optimizer"]),
        "masking_share": over_ours(times["masking"]),
        "adaptive_overhead": over_ours([adaptive - plain for adaptive, plain in pairs]),
        "batch_fetch_share": over_ours(times["fetch"]),
        "nhot_overhead": Spread.of(
            t / own - 1 for t, own in zip(times["nhot"], times["ours"], strict=True)
        ),
        "max_abs_diff": difference,
    }
    if options.memory:
        numbers["peak_memory"] = peak_memory(options, "ours")
        numbers["peak_memory_hugging_face"] = peak_memory(options, "theirs")
    return numbers


def _masking_seconds(step: OurStep, times: int = 5) -> float:
    """Seconds of all that the masking policy does for a step, its share of an update included."""
    policy, device = step.module.masking, step.options.torch_device
    batch = step.batches[0]

    def draw() -> tuple[Corruption, MaskedRows]:
        drawn = policy.corrupt(batch.ids_GL, batch.step)
        return drawn, policy.rows(batch.ids_GL, drawn, batch.rows, batch.maskable, batch.step)

    rows = draw()[1]
    seen = Predictions(
        labels_M=rows.labels_M,
        correct_M=rows.valid_M,
        nll_M=rows.labels_M.float(),
        shows_mask_M=rows.shows_mask_M,
        valid_M=rows.valid_M,
    )

    def work() -> None:
        draw()
        policy.observe(seen)

    update = seconds(lambda: policy.update(batch.step), device)
    return seconds(work, device, times) + update / step.config.masking.update_every
