"""Measures one shape."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from amlm.benchmark.agreement import max_differences
from amlm.benchmark.bench_options import Options
from amlm.benchmark.memory import peak_memory
from amlm.benchmark.steps import BATCHES, OurStep, TheirStep, zero_gradients
from amlm.benchmark.timing import Spread, matrix_rate, run_interleaved, time_task
from amlm.masking.rows import Corruption, MaskedRows
from amlm.masking.signals import Predictions
from amlm.models.cost import step_operations
from amlm.models.substrings import build_substring_index
from amlm.tokenizers.surfaces import surfaces_of

STEPS_ON_GPU = 10  # in one measurement


def measure(options: Options) -> dict[str, Any]:
    """The numbers of one shape by name; those measured in several rounds are a `Spread`."""
    # Compilations for other shapes count towards torch's recompilation limit, and would make this
    # shape's sizes dynamic.
    torch.compiler.reset()
    ours = OurStep(options, "masking/signal=hard")
    operations = operations_of(ours)
    numbers: dict[str, Any] = {
        "tokens": ours.config.data.tokens_per_step,
        "parameters": sum(p.numel() for p in ours.module.model.parameters()),
        "step_operations": operations,
    }
    # These two first: the plain step allocates its memory from the system again and again, and
    # slows down with everything else that the process holds.
    numbers |= compare_steps(options, ours, operations)
    numbers |= measure_components(options, ours)
    if options.memory:
        numbers |= peak_memory(options)
    return numbers


def operations_of(step: OurStep) -> float:
    """Necessary floating-point operations of a step."""
    labelled = sum(sum(batch.maskable) for batch in step.batches) / BATCHES * step.options.ratio
    tokens = step.config.data.tokens_per_step
    return step_operations(step.module.model, tokens, step.options.length, labelled)


def compare_steps(options: Options, ours: OurStep, operations: float) -> dict[str, Any]:
    """Our step and Hugging Face's, interleaved, and the machine's rate of matrix products."""
    theirs = TheirStep(ours)
    difference = max_differences(ours, theirs)
    dtype = torch.bfloat16 if options.bfloat16 else torch.float32
    times = run_interleaved(
        {
            "ours": step_timer(ours),
            "theirs": step_timer(theirs),
            "rate": lambda: matrix_rate(options.torch_device, dtype),
        },
        options.rounds,
        f"{options.name}: both steps",
    )
    tokens = ours.config.data.tokens_per_step
    return {
        "matrix_rate": Spread.of(times["rate"]),
        "tokens_per_s": Spread.of(tokens / times["ours"]),
        "tokens_per_s_hugging_face": Spread.of(tokens / times["theirs"]),
        "speedup": Spread.of(times["theirs"] / times["ours"]),
        "useful_flops_share": Spread.of(operations / (times["ours"] * times["rate"])),
        "max_abs_diff": difference,
    }


def measure_components(options: Options, ours: OurStep) -> dict[str, Any]:
    """The cost of components of our step, and the overhead of its options."""
    device = options.torch_device
    uniform = OurStep(options, "masking/signal=uniform")
    nhot = OurStep(options, "model/nhot=add")
    fetched = (batch for _ in itertools.count() for batch in ours.data.train_dataloader())

    def time_optimizer() -> float:
        zero_gradients(ours.optimizer)
        return time_task(ours.optimize, device)

    times = run_interleaved(
        {
            "ours": step_timer(ours),
            "nhot": step_timer(nhot),
            "optimizer": time_optimizer,
            "masking": lambda: time_masking(ours),
            "uniform": lambda: time_masking(uniform),
            "fetch": lambda: time_task(lambda: next(fetched), device, 10),
        },
        options.rounds,
        f"{options.name}: components",
    )
    step = times["ours"]
    surfaces = surfaces_of(ours.data.training.store.tokenizer)
    building = [time_task(lambda: build_substring_index(surfaces), device) for _ in range(3)]
    return {
        "optimizer_share": Spread.of(times["optimizer"] / step),
        "masking_share": Spread.of(times["masking"] / step),
        "adaptive_overhead": Spread.of((times["masking"] - times["uniform"]) / step),
        "batch_fetch_share": Spread.of(times["fetch"] / step),
        "nhot_overhead": Spread.of(times["nhot"] / step - 1),
        "substring_table_s": Spread.of(building),
    }


def step_timer(step: OurStep | TheirStep) -> Callable[[], float]:
    """A function that returns the seconds of a step.

    On a GPU they are the mean of several steps, between which the host need not wait.
    """
    if step.options.compile != "none":
        for number in range(BATCHES):  # batches differ in their number of labels, hence in shapes
            step.take(number)
    numbers, device = itertools.count(), step.options.torch_device
    times = 1 if device.type == "cpu" else STEPS_ON_GPU
    return lambda: time_task(lambda: step.take(next(numbers)), device, times)


def time_masking(step: OurStep, times: int = 5) -> float:
    """Seconds per step spent in the masking policy, including its share of table updates."""
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

    update = time_task(lambda: policy.update(batch.step), device)
    return time_task(work, device, times) + update / step.config.masking.update_every
