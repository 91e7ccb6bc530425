"""Learning-rate schedules as pure functions of the optimizer step.

A schedule that remembers nothing continues exactly after a resume. The values are multipliers of
the base learning rate, made for `torch.optim.lr_scheduler.LambdaLR`, which asks for step 0 before
the first optimizer step.
"""

from __future__ import annotations

import math
from fractions import Fraction


def warmup_steps(total_steps: int, share: float) -> int:
    """Number of warm-up steps that `share` of the training makes, rounded up.

    Args:
        total_steps: optimizer steps of the whole training, at least 1.
        share: share of the training in [0, 1]; the paper (Edman & Fraser 2025) uses 0.01.

    Raises:
        ValueError: an argument is out of its range.
    """
    if total_steps < 1:
        raise ValueError(f"warmup_steps: total_steps must be at least 1, got {total_steps}")
    if not 0.0 <= share <= 1.0:
        raise ValueError(
            f"warmup_steps: share is a share of the training and must be in [0, 1], got {share}"
        )
    # Exact arithmetic on the decimal as written: in floats 100 * 0.07 is a little more than 7,
    # which would round up to 8.
    return math.ceil(total_steps * Fraction(str(share)))


def cosine_from_zero(step: int, total_steps: int, share: float) -> float:
    """The multiplier of the authors' script: rate 0 at step 0, warm-up of ``floor(share · steps)``.

    Warm-up step `s` (counted from 0) gives `s / warmup`; the cosine falls to 0 at the last step's
    end, as in `cosine_with_warmup`. This is `transformers.get_cosine_schedule_with_warmup`.
    """
    warmup = math.floor(total_steps * Fraction(str(share)))
    if step < warmup:
        return step / warmup
    return cosine_with_warmup(min(step, total_steps), total_steps, warmup)


def cosine_with_warmup(
    step: int, total_steps: int, warmup_steps: int, final_ratio: float = 0.0
) -> float:
    """Learning-rate multiplier at `step`: linear warm-up to 1, then half a cosine down.

    Warm-up step `s` (counted from 0) gives `(s + 1) / warmup_steps`: the first optimizer step
    already moves the weights instead of being spent at a rate of 0, and the last warm-up step
    runs at the full rate. The cosine starts at 1 at `step == warmup_steps` and reaches
    `final_ratio` at `step == total_steps`, one past the last optimizer step; later steps stay
    there.

    Args:
        step: optimizer steps already done, at least 0.
        total_steps: optimizer steps of the whole training, at least 1.
        warmup_steps: warm-up steps in [0, total_steps]; 0 starts at the full rate.
        final_ratio: multiplier at the end, in [0, 1].

    Returns:
        A multiplier in [0, 1].

    Raises:
        ValueError: an argument is out of its range, or the warm-up is longer than the training.
    """
    where = "cosine_with_warmup"
    if step < 0:
        raise ValueError(f"{where}: step must not be negative, got {step}")
    if total_steps < 1:
        raise ValueError(f"{where}: total_steps must be at least 1, got {total_steps}")
    if warmup_steps < 0:
        raise ValueError(f"{where}: warmup_steps must not be negative, got {warmup_steps}")
    if warmup_steps > total_steps:
        raise ValueError(
            f"{where}: the warm-up ({warmup_steps} steps) is longer than the training "
            f"({total_steps} steps); lower the warm-up or train longer"
        )
    if not 0.0 <= final_ratio <= 1.0:
        raise ValueError(f"{where}: final_ratio must be in [0, 1], got {final_ratio}")

    if step >= total_steps:
        return final_ratio
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return final_ratio + (1.0 - final_ratio) * 0.5 * (1.0 + math.cos(math.pi * progress))
