"""Converts text pairs to batches of ids. Shapes: B batch, L length of the longest item."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, DistributedSampler

from amlm.evaluation.finetuning.glue_tasks import Pair
from amlm.util.seeds import derived_seed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Encoded(NamedTuple):
    """An item as ids, with its label, and whether it was truncated."""

    ids: list[int]
    label: int
    truncated: bool = False


class Batch(NamedTuple):
    """The items of a batch, padded to the length of the longest.

    Attributes:
        ids_BL: token ids.
        mask_BL: 0 at padding; None if there is no padding.
        labels_B: gold labels.
    """

    ids_BL: Tensor
    mask_BL: Tensor | None
    labels_B: Tensor


def encode(
    pairs: Sequence[Pair], tokenizer: PreTrainedTokenizerFast, max_length: int
) -> list[Encoded]:
    """Tokenises pairs; pairs that are too long are truncated at the end of their longer text."""
    found = tokenizer(
        [pair.first for pair in pairs],
        [pair.second for pair in pairs],
        truncation=True,
        max_length=max_length,
    )
    return [
        Encoded(each.ids, pair.label, bool(each.overflowing))
        for each, pair in zip(found.encodings, pairs, strict=True)
    ]


def collate(items: Sequence[Encoded], pad: int, side: str = "right") -> Batch:
    """Pads items to the length of the longest one, on the side ``right`` or ``left``."""
    ids = [torch.tensor(item.ids) for item in items]
    ids_BL = pad_sequence(ids, batch_first=True, padding_value=pad, padding_side=side)
    ones = [torch.ones_like(each, dtype=torch.bool) for each in ids]
    mask_BL = pad_sequence(ones, batch_first=True, padding_side=side)
    labels_B = torch.tensor([item.label for item in items])
    return Batch(ids_BL, None if mask_BL.all() else mask_BL.long(), labels_B)


def make_batches(
    items: Sequence[Encoded],
    batch_size: int,
    pad: int,
    seed: int | None = None,
    side: str = "right",
) -> DataLoader[Encoded]:
    """All items in order, or for training with a seed: in an order that depends only on seed and
    epoch (Lightning sets the epoch), without an incomplete last batch. Padding: see `collate`.
    """
    order: DistributedSampler[Encoded] | None = None
    if seed is not None:
        seed = derived_seed(seed, "order")
        order = DistributedSampler(items, num_replicas=1, rank=0, seed=seed)  # type: ignore[arg-type]
    return DataLoader(
        list(items),  # type: ignore[arg-type]  # a list is a valid data set
        batch_size,
        sampler=order,
        drop_last=order is not None,
        collate_fn=partial(collate, pad=pad, side=side),
    )
