"""Learning-rate schedules as pure functions of the optimizer step.

A stateless schedule continues exactly after a resume. The values are multipliers of the base
learning rate, as `torch.optim.lr_scheduler.LambdaLR` expects; it requests step 0 before the first
optimizer step.
"""

from __future__ import annotations

import math
from fractions import Fraction


def warmup_steps(total_steps: int, fraction: float) -> int:
    """Number of warm-up steps for a given fraction of training, rounded up.

    Args:
        total_steps: optimizer steps of the run, at least 1.
        fraction: fraction of the steps, in [0, 1]; the paper (Edman & Fraser 2025) uses 0.01.
    """
    # Exact arithmetic on the decimal as written: in floating point, 100 * 0.07 is slightly more
    # than 7, which would round up to 8.
    return math.ceil(total_steps * Fraction(str(fraction)))


def cosine_from_zero(step: int, total_steps: int, share: float, final_ratio: float = 0.0) -> float:
    """The multiplier of the authors' script and of the official fine-tuning: rate 0 at step 0,
    warm-up of ``floor(share · steps)``.

    Warm-up step `s` (counted from 0) gives `s / warmup`; the cosine is that of
    `cosine_with_warmup`. With 0 at the end: `transformers.get_cosine_schedule_with_warmup`.
    """
    warmup = math.floor(total_steps * Fraction(str(share)))
    if step < warmup:
        return step / warmup
    return cosine_with_warmup(step, total_steps, warmup, final_ratio)


def cosine_with_warmup(
    step: int, total_steps: int, warmup_steps: int, final_ratio: float = 0.0
) -> float:
    """Learning-rate multiplier at `step`: linear warm-up to 1, then cosine decay.

    Warm-up step `s` (counted from 0) gives `(s + 1) / warmup_steps`, so that the first optimizer
    step already updates the weights and the last warm-up step uses the full rate. The cosine is 1
    at `step == warmup_steps` and reaches `final_ratio` at `step == total_steps`, one past the last
    optimizer step; it stays there for later steps.

    Args:
        step: optimizer steps completed, at least 0.
        total_steps: optimizer steps of the run, at least 1.
        warmup_steps: warm-up steps in [0, total_steps]; 0 starts at the full rate.
        final_ratio: multiplier at the end, in [0, 1].

    Returns:
        A multiplier in [0, 1].
    """
    if step >= total_steps:
        return final_ratio
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return final_ratio + (1.0 - final_ratio) * 0.5 * (1.0 + math.cos(math.pi * progress))
