"""LAMB as the kernel of bitsandbytes computes it: what the authors' script trained with.

It differs from Algorithm 2 of You et al. 2020 (see `amlm.optim.lamb`) in three ways:

* the trust ratio |x| / |u| is capped at 1: an update is never made larger than Adam's;
* a tensor that is all zeros has trust ratio 0 and never moves: every bias stays as it started;
* weight decay takes no part in the update `u`; afterwards `x = (1 - lr weight_decay) x`, rounded to
  the dtype of the weights, in which it is lost when they are bfloat16.

Moments are float32. Source: the 32-bit optimizer kernel of bitsandbytes (``kOptimizer32bit2State``
with ``max_unorm=1``).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from amlm.optim.lamb import Lamb


def capped_trust_ratio(param_norms: Tensor, update_norms: Tensor) -> Tensor:
    """|x| / |u| where that is below 1, else 1; 0 for a tensor of zeros that has an update."""
    return torch.where(update_norms > param_norms, param_norms / update_norms, 1.0)


class LambBnb(Lamb):
    """LAMB with bitsandbytes' arithmetic; see the top of this module. Arguments as for `Lamb`."""

    def _rule(self, group: dict[str, Any]) -> dict[str, Any]:
        return {"weight_decay": 0.0, "trust": capped_trust_ratio}

    def _update(self, params: list[Tensor], group: dict[str, Any]) -> None:
        super()._update(params, group)
        if group["weight_decay"]:
            torch._foreach_mul_(params, 1.0 - group["lr"] * group["weight_decay"])
