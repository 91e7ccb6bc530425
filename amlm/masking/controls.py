"""Controls: what becomes of an adaptive table before masks are drawn from it.

A gain of an adaptive signal means something only beside these. They keep the values of the table
and take away what the signal knew about single types. Shapes: V token types, K bins.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHANGING = ("shuffled", "frequency_matched")  # the controls that change the table


def octaves(counts_V: Tensor) -> Tensor:
    """Bins of similar frequency, each twice as wide as the last: counts of 0, 1-2, 3-6, 7-14 ..."""
    return (counts_V.double() + 1).log2().long()  # exact at powers of two


def frequency_bins(counts_V: Tensor, maskable_V: Tensor) -> Tensor:
    """`octaves`, with a bin of their own for types that are never masked.

    Returns: int64 ``bins_V``, from 0 without gaps.
    """
    octave_V = torch.where(maskable_V, octaves(counts_V), -1)
    bins_V: Tensor = octave_V.unique(return_inverse=True)[1]  # type: ignore[no-untyped-call]
    return bins_V


def shuffled(table_V: Tensor, bins_V: Tensor, generator: torch.Generator) -> Tensor:
    """The table permuted at random within bins; the generator is one of the host."""
    drawn_V = torch.rand(len(table_V), generator=generator, dtype=torch.float64)
    to_V = (bins_V + drawn_V.to(bins_V.device, non_blocking=True)).argsort()
    result_V = torch.empty_like(table_V)
    result_V[to_V] = table_V[bins_V.argsort(stable=True)]
    return result_V


def frequency_matched(table_V: Tensor, bins_V: Tensor) -> Tensor:
    """Every type gets the mean of its bin."""
    zeros_K = torch.zeros_like(table_V, dtype=torch.float64)  # no more bins than types
    sum_K = zeros_K.index_add(0, bins_V, table_V.double())
    size_K = zeros_K.index_add(0, bins_V, torch.ones_like(zeros_K))
    return (sum_K / size_K.clamp(min=1))[bins_V].to(table_V.dtype)
