"""The numbers of a benchmark as a table and as JSON."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from typing import Any

import torch

from amlm.benchmark.bench_options import Options
from amlm.benchmark.timing import Spread

PERCENT = (
    "useful_flops_share",
    "optimizer_share",
    "masking_share",
    "adaptive_overhead",
    "batch_fetch_share",
    "nhot_overhead",
)
DECIMALS = ("speedup", "substring_table_s", "tokens_per_word", "projected_minutes")
NOTES = """\
Median of the rounds, lowest and highest in brackets. hugging_face: a plain step of the same model,
batch and optimizer, full logits. useful_flops_share: operations that the step cannot do without
(amlm/benchmark/cost.py), per second, over the rate of a large square matrix product in the same
rounds. Shares and overheads are parts of our step; nhot_overhead is what n-hot embeddings add to
it, once their substring table is built, which takes substring_table_s. peak_memory: weights,
optimizer, activations and gradients, in a process of its own."""

SCORING_NOTES = """\
Median of the rounds, lowest and highest in brackets; a round is up to 100 pairs of a file. literal:
one masked copy a token, 64 a batch, plain transformers, logits at every position."""


def machine(options: Options) -> dict[str, Any]:
    """What the numbers were measured on."""
    device = (
        torch.cuda.get_device_name()
        if options.on_gpu
        else f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    )
    return {"device": device, "torch": torch.__version__, "bfloat16": options.bfloat16}


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """One column for each shape, one line for each number."""
    names = list(dict.fromkeys(name for numbers in results.values() for name in _flat(numbers)))
    flat = {case: _flat(numbers) for case, numbers in results.items()}
    lines = [["", *results]]
    lines += [[name, *(_text(name, flat[case].get(name)) for case in results)] for name in names]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = ["  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(row.rstrip() for row in rows)


def _flat(numbers: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{part}": each for part, each in value.items()})
        else:
            flat[name] = value
    return flat


def _text(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Spread):
        one = [_text(name, each) for each in (value.median, value.low, value.high)]
        return f"{one[0]} ({one[1]} to {one[2]})"
    if name in PERCENT:
        return f"{100 * value:.2f}%"
    if name.startswith("peak_memory"):
        return f"{value / 2**20:,.0f} MB"
    if name.startswith("max_abs_diff"):
        return f"{value:.1e}"
    if name in DECIMALS:
        return f"{value:.2f}"
    return f"{value:.3g}" if value >= 1e7 else f"{value:,.0f}"


def content(options: Options, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All numbers, for JSON; a `Spread` is ``{"median", "low", "high"}``."""
    return {
        "machine": machine(options),
        "options": dataclasses.asdict(options),
        "results": {case: _plain(numbers) for case, numbers in results.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Spread):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value
