"""The numbers of a benchmark as a text table and as JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import torch

from amlm.benchmark.bench_options import Options
from amlm.benchmark.timing import Spread
from amlm.config.schema import flat
from amlm.util.text_table import aligned

PERCENT = (
    "useful_flops_share",
    "optimizer_share",
    "masking_share",
    "adaptive_overhead",
    "batch_fetch_share",
    "nhot_overhead",
)
DECIMALS = (
    "speedup",
    "speedup_cpu_time",
    "substring_table_s",
    "tokens_per_word",
    "projected_minutes",
)
NOTES = """\
Median over rounds, minimum and maximum in parentheses. hugging_face: a plain step of the same
model, batch and optimizer, with full logits. useful_flops_share: necessary operations per second
(see amlm/models/cost.py), relative to the rate of a large square matrix product in the same
rounds. Shares and overheads are fractions of our step. nhot_overhead is the cost of n-hot
embeddings without building their substring index, which takes substring_table_s. peak_memory:
weights, optimizer, activations and gradients, measured in a separate process."""

SCORING_NOTES = """\
Median over rounds, minimum and maximum in parentheses. official: the method of the official
pipeline: one masked copy per token, padded to the longest of 64 items, 64 copies per forward pass
of plain transformers, logits at every position."""


def machine(options: Options) -> dict[str, Any]:
    """The device and versions of the measurement."""
    device = (
        torch.cuda.get_device_name()
        if options.on_gpu
        else f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    )
    return {"device": device, "torch": torch.__version__, "bfloat16": options.bfloat16}


def format_results(results: Mapping[str, Mapping[str, Any]]) -> str:
    """A text table with one column per shape and one row per number."""
    columns = [flat(numbers) for numbers in results.values()]
    names = dict.fromkeys(name for numbers in columns for name in numbers)
    rows = [[name, *(_text(name, numbers.get(name)) for numbers in columns)] for name in names]
    return "\n".join(aligned([["", *results], *rows]))


def _text(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Spread):
        median, low, high = (_text(name, each) for each in (value.median, value.low, value.high))
        return f"{median} ({low} to {high})"
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
    """All numbers, for `amlm.util.files.write_json`."""
    return {"machine": machine(options), "options": options, "results": results}
