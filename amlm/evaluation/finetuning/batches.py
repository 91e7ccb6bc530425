"""Converts text pairs to batches of ids. Shapes: B batch, L length of the longest item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

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
    """The items of a batch, padded on the right.

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


def collate(items: Sequence[Encoded], pad: int) -> Batch:
    """Pads items to the length of the longest one."""
    length_B = torch.tensor([len(item.ids) for item in items])
    length = int(length_B.max())
    ids_BL = torch.full((len(items), length), pad)
    for row_L, item in zip(ids_BL, items, strict=True):
        row_L[: len(item.ids)] = torch.tensor(item.ids)
    mask_BL = torch.arange(length) < length_B[:, None]
    labels_B = torch.tensor([item.label for item in items])
    return Batch(ids_BL, None if mask_BL.all() else mask_BL.long(), labels_B)


class EpochShuffle(Sampler[int]):
    """A shuffled order that depends only on seed and epoch; Lightning sets the epoch."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        draw = torch.Generator().manual_seed(derived_seed(self.seed, "order", self.epoch))
        return iter(torch.randperm(self.count, generator=draw).tolist())


def train_batches(
    items: Sequence[Encoded], batch_size: int, pad: int, seed: int
) -> DataLoader[Encoded]:
    """Batches reshuffled in each epoch; an incomplete last batch is dropped."""
    return DataLoader(
        list(items),  # type: ignore[arg-type]  # a list is a valid data set
        batch_size,
        sampler=EpochShuffle(len(items), seed),
        drop_last=True,
        collate_fn=partial(collate, pad=pad),
    )


def valid_batches(items: Sequence[Encoded], batch_size: int, pad: int) -> DataLoader[Encoded]:
    """All items in order."""
    return DataLoader(
        list(items),  # type: ignore[arg-type]
        batch_size,
        collate_fn=partial(collate, pad=pad),
    )
