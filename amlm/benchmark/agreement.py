"""Numerical agreement with Hugging Face on the same weights and batch, without dropout."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amlm.benchmark.steps import OurStep, TheirStep


def max_differences(ours: OurStep, theirs: TheirStep) -> dict[str, float]:
    """Maximum differences of loss, logits (at labelled positions) and gradients.

    Call it before either has taken a step. ``logits`` are compared without autocast, the rest as in
    a training step. ``gradients_relative`` is the maximum of ``‖ours − theirs‖ / ‖theirs‖`` over
    parameters whose gradient is not just rounding error.
    """
    batch = ours.batches[0]
    policy, model = ours.module.masking, ours.module.model
    drawn = policy.corrupt(batch.ids_GL, batch.step)
    rows = policy.rows(batch.ids_GL, drawn, batch.rows, batch.maskable, batch.step)
    ours.module.eval()
    theirs.model.eval()
    with torch.no_grad():
        our_logits = model(rows.inputs_RL, positions_M=rows.positions_M)
        their_logits = theirs.model(drawn.inputs_GL).logits.flatten(0, 1)[rows.positions_M]
        logits = (our_logits - their_logits)[rows.valid_M].abs().max()
        del our_logits, their_logits
    losses = [step.loss(0) for step in (ours, theirs)]
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
    ours.module.train()
    theirs.model.train()
    found, expected = _gradients(model), _gradients(theirs.model)
    total = torch.stack([gradient.norm() for gradient in expected.values()]).norm()
    absolute, relative = [], []
    for name, gradient in expected.items():
        difference = found[name] - gradient
        absolute.append(float(difference.abs().max()))
        if gradient.norm() > 1e-6 * total:
            relative.append(float(difference.norm() / gradient.norm()))
    for each in (model, theirs.model):
        each.zero_grad()
    return {
        "loss": abs(float(losses[0].detach() - losses[1].detach())),
        "logits": float(logits),
        "gradients": max(absolute),
        "gradients_relative": max(relative),
    }


def _gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
