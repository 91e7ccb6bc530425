"""What a selected token becomes: 80 % ``[MASK]``, 10 % a random token, 10 % itself (BERT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from amlm.config.options import option
from amlm.masking.sampler import uniform
from amlm.util.errors import InputError


class Replaces(Protocol):
    """What a replacement is: a dataclass with this one method."""

    def apply(
        self,
        ids_BL: Tensor,
        selected_BL: Tensor,
        mask_id: int,
        candidates_C: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Corrupts the selected positions; all others keep their ids.

        Args:
            ids_BL: token ids, int64, not to be changed in place.
            selected_BL: bool.
            mask_id: id of ``[MASK]``.
            candidates_C: ids that random replacements are drawn from: all but special ones, or with
                an attribute ``random_ids = "any"`` all.
            generator: a host generator, so that replacements are the same on every device.

        Returns: corrupted ids ``[B, L]``.
        """
        ...


@dataclass
class Replacement:
    """Fractions of the selected positions; the rest keep their token."""

    mask: float = option(0.8, "fraction replaced by [MASK]", ge=0, le=1)
    random: float = option(0.1, "fraction replaced by a random token", ge=0, le=1)
    random_ids: str = option(
        "ordinary",
        "random tokens are drawn from: non-special types, or all ids as in the authors' script",
        choices=("ordinary", "any"),
    )

    def __post_init__(self) -> None:
        if self.mask + self.random > 1 + 1e-9:
            raise InputError(
                f"masking.replacement: mask={self.mask} and random={self.random} "
                "add up to more than 1"
            )

    def apply(
        self,
        ids_BL: Tensor,
        selected_BL: Tensor,
        mask_id: int,
        candidates_C: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        device = ids_BL.device
        u_BL = uniform(ids_BL.shape, generator, device)
        drawn_BL = torch.randint(len(candidates_C), ids_BL.shape, generator=generator)
        drawn_BL = drawn_BL.to(device, non_blocking=True)
        masked_BL = selected_BL & (u_BL < self.mask)
        random_BL = selected_BL & (u_BL >= self.mask) & (u_BL < self.mask + self.random)
        ids_BL = torch.where(random_BL, candidates_C[drawn_BL], ids_BL)
        return ids_BL.masked_fill(masked_BL, mask_id)
