"""The words of a sample of the training text, in whose terms the record describes updates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amlm.masking.units.word_weights import WordSample, sample_words
from amlm.store.plan import BatchPlan
from amlm.store.token_store import TokenStore

SAMPLED_TOKENS = 131_072


def sample_of(store: TokenStore, plan: BatchPlan, not_maskable: Sequence[int]) -> WordSample | None:
    """Words of blocks spread evenly over the text; the same for every run on it."""
    length = min(phase.length for phase in plan.phases)
    blocks = store.tokens("train") // length
    numbers = np.unique(np.linspace(0, blocks - 1, SAMPLED_TOKENS // length).astype(np.int64))
    ids_GL = store.blocks("train", numbers, length)
    begins_GL = store.word_starts("train", numbers, ids_GL)
    return sample_words(ids_GL, begins_GL, store.surfaces, not_maskable)
