"""A small masking policy, tables and ids for it, and what must hold for rows of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.rows import MaskedRows
from amlm.masking.sampler import Bernoulli, Sampler, Systematic
from amlm.masking.schedule import Linear
from amlm.masking.signals.hard import Hard
from amlm.tokenizers.special_tokens import SpecialIds

V = 60


PAD, CLS, SEP, UNK, MASK = range(5)


SAMPLERS: list[Sampler] = [Systematic(), Bernoulli()]


def policy(**changes: Any) -> MaskingPolicy:
    options: dict[str, Any] = {
        "vocab_size": V,
        "total_steps": 100,
        "signal": Hard(),
        "schedule": Linear(0.40, 0.15),
        "sampler": Systematic(),
        "replacement": Replacement(),
        "special": SpecialIds(),
    }
    return MaskingPolicy(**options | changes)


def with_table(result: MaskingPolicy, seed: int = 0, spread: float = 1.0) -> MaskingPolicy:
    """Gives a policy a table that is not uniform."""
    noise = torch.randn(V, generator=torch.Generator().manual_seed(seed)) * spread
    result.table_V.copy_(0.15 * noise.exp() / noise.exp().mean())
    return result


def text(rows: int = 12, length: int = 40, seed: int = 0) -> Tensor:
    """Random ids with some [CLS], [SEP], [UNK] and [MASK], and padding at the end of rows."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, V, size=(rows, length))
    for special, share in ((UNK, 0.1), (MASK, 0.05), (CLS, 0.06), (SEP, 0.06)):
        ids[rng.random(ids.shape) < share] = special
    for row in range(rows):
        ids[row, length - rng.integers(0, length) // 2 :] = PAD
    ids[0], ids[1, 1:] = PAD, PAD  # a row of padding only, and one with a single token
    ids[1, 0] = 9
    return torch.from_numpy(ids)


def maskable_counts(ids_GL: Tensor) -> list[int]:
    counts: list[int] = ((ids_GL > SEP) & (ids_GL != MASK)).sum(1).tolist()
    return counts


def check_rows(ids_GL: Tensor, corruption: Any, span: slice, rows: MaskedRows) -> set[int]:
    """Checks rows against the global batch; returns their labelled positions in it, flattened."""
    length = ids_GL.shape[1]
    assert torch.equal(rows.inputs_RL, corruption.inputs_GL[span])
    used = rows.positions_M[rows.valid_M]
    found = (used + span.start * length).tolist()
    assert rows.labels_M[rows.valid_M].tolist() == ids_GL.flatten()[found].tolist()
    inputs = corruption.inputs_GL.flatten()[found]
    assert rows.shows_mask_M[rows.valid_M].tolist() == (inputs == MASK).tolist()
    assert (rows.positions_M[~rows.valid_M] == 0).all()
    sizes = {len(each) for each in (rows.positions_M, rows.labels_M, rows.shows_mask_M)}
    assert sizes == {len(rows.valid_M)}
    assert len(set(found)) == len(found) == int(rows.valid_M.sum())
    return set(found)
