"""All numbers of one shape."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from amlm.benchmark.agreement import differences
from amlm.benchmark.bench_options import Options, configuration
from amlm.benchmark.cost import step_operations
from amlm.benchmark.memory import peak_memory
from amlm.benchmark.steps import BATCHES, OurStep, TheirStep, zero_gradients
from amlm.benchmark.text import made_up_store
from amlm.benchmark.timing import Spread, in_turn, matrix_rate, seconds
from amlm.masking.policy import Corruption, MaskedRows
from amlm.masking.signals import Predictions
from amlm.models.substrings import build_substring_index
from amlm.store.token_store import TokenStore
from amlm.tokenizers.surfaces import surfaces_of
from amlm.util.terminal import quiet_lightning


def set_up(options: Options) -> None:
    """Silences Lightning and sets the number of threads."""
    quiet_lightning()
    if options.threads:
        torch.set_num_threads(options.threads)


def measure(options: Options) -> dict[str, Any]:
    """Numbers of one shape by name; those that were taken in several rounds are a `Spread`."""
    # What was compiled for another shape counts towards the number past which torch compiles no
    # longer, and makes it take this shape's sizes for unknown ones.
    torch.compiler.reset()
    store = made_up_store(configuration(options))
    ours = OurStep(options, store, "masking/signal=hard")
    tokens = ours.config.data.tokens_per_step
    labelled = sum(sum(batch.maskable) for batch in ours.batches) / BATCHES * options.ratio
    operations = step_operations(ours.module.model, tokens, options.length, labelled)
    numbers: dict[str, Any] = {
        "tokens": tokens,
        "parameters": sum(p.numel() for p in ours.module.model.parameters()),
        "step_operations": operations,
    }
    # The two alone first: a step that asks the system for its memory again and again, as a plain
    # one does, is slowed down by whatever else the process holds.
    numbers |= _both(options, ours, operations)
    numbers |= _parts(options, store, ours)
    if options.memory:
        numbers |= peak_memory(options)
    return numbers


def _both(options: Options, ours: OurStep, operations: float) -> dict[str, Any]:
    """Our step and Hugging Face's in turn, and the machine's rate of matrix products."""
    theirs = TheirStep(ours)
    difference = differences(ours, theirs)
    dtype = torch.bfloat16 if options.bfloat16 else torch.float32
    times = in_turn(
        {
            "ours": _stepping(ours),
            "theirs": _stepping(theirs),
            "rate": lambda: matrix_rate(options.torch_device, dtype),
        },
        options.rounds,
        f"{options.name}: both steps",
    )
    tokens = ours.config.data.tokens_per_step
    return {
        "matrix_rate": Spread.of(times["rate"]),
        "tokens_per_s": Spread.of(tokens / t for t in times["ours"]),
        "tokens_per_s_hugging_face": Spread.of(tokens / t for t in times["theirs"]),
        "speedup": Spread.of_quotients(times["theirs"], times["ours"]),
        "useful_flops_share": Spread.of(
            operations / (t * rate) for t, rate in zip(times["ours"], times["rate"], strict=True)
        ),
        "max_abs_diff": difference,
    }


def _parts(options: Options, store: TokenStore, ours: OurStep) -> dict[str, Any]:
    """What parts of our step take, and what is added by options of it."""
    device = options.torch_device
    uniform = OurStep(options, store, "masking/signal=uniform")
    nhot = OurStep(options, store, "model/nhot=add")
    fetched = (batch for _ in itertools.count() for batch in ours.data.train_dataloader())

    def optimizing() -> float:
        zero_gradients(ours.optimizer)
        return seconds(ours.optimize, device)

    times = in_turn(
        {
            "ours": _stepping(ours),
            "nhot": _stepping(nhot),
            "optimizer": optimizing,
            "masking": lambda: _masking_seconds(ours),
            "uniform": lambda: _masking_seconds(uniform),
            "fetch": lambda: seconds(lambda: next(fetched), device, 10),
        },
        options.rounds,
        f"{options.name}: parts",
    )
    pairs = zip(times["masking"], times["uniform"], strict=True)
    surfaces = surfaces_of(store.tokenizer)
    table = [seconds(lambda: build_substring_index(surfaces), device) for _ in range(3)]
    return {
        "optimizer_share": Spread.of_quotients(times["optimizer"], times["ours"]),
        "masking_share": Spread.of_quotients(times["masking"], times["ours"]),
        "adaptive_overhead": Spread.of_quotients(
            [hard - plain for hard, plain in pairs], times["ours"]
        ),
        "batch_fetch_share": Spread.of_quotients(times["fetch"], times["ours"]),
        "nhot_overhead": Spread.of_quotients(
            [t - own for t, own in zip(times["nhot"], times["ours"], strict=True)], times["ours"]
        ),
        "substring_table_s": Spread.of(table),
    }


def _stepping(step: OurStep | TheirStep) -> Callable[[], float]:
    if step.options.compile:
        for number in range(BATCHES):  # their numbers of labels differ, and so do shapes
            step.take(number)
    numbers = itertools.count()
    return lambda: seconds(lambda: step.take(next(numbers)), step.options.torch_device)


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
