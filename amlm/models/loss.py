"""Loss and predictions at the labelled positions, in one pass.

Shapes: M slots for labelled positions, V token types.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amlm.masking.policy import MaskedRows
from amlm.masking.signals import Predictions


def predictions(logits_MV: Tensor, rows: MaskedRows, compare: str = "exact") -> Predictions:
    """Cross-entropy and correctness of each labelled position.

    Args:
        logits_MV: the head's output at ``rows.positions_M``.
        rows: labels, and which slots are used.
        compare: ``bfloat16`` compares ids after a cast, so that neighbouring ids can match, as the
            authors' script does; ``exact`` compares integers.

    Returns: float32 ``nll_M`` with gradient, zero at unused slots; the rest without.
    """
    nll_M = F.cross_entropy(logits_MV.float(), rows.labels_M, reduction="none")
    guess_M, label_M = logits_MV.detach().argmax(-1), rows.labels_M
    if compare == "bfloat16":
        guess_M, label_M = guess_M.bfloat16(), label_M.bfloat16()
    return Predictions(
        labels_M=rows.labels_M,
        correct_M=(guess_M == label_M) & rows.valid_M,
        nll_M=torch.where(rows.valid_M, nll_M, 0.0),
        shows_mask_M=rows.shows_mask_M,
        valid_M=rows.valid_M,
    )
