"""The tensors that an optimizer step works on: in pieces that fit in a CPU's cache, and on other
devices in few operations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Sizes for a CPU's cache: elements of a batch of tensors, and of a chunk of a larger tensor.
CACHED_ELEMENTS, CHUNK_ELEMENTS = 2**20, 2**17


def add_scaled_(params: list[Tensor], updates: list[Tensor], factors_T: Tensor, lr: float) -> None:
    """Adds ``lr`` times a factor of its own times an update to each parameter.

    The updates may change.
    """
    if factors_T.device.type == "cpu":
        torch._foreach_addcmul_(params, updates, list(factors_T.unbind()), value=lr)
    else:
        torch._foreach_add_(params, scale_each(updates, factors_T), alpha=lr)


def scale_each(tensors: list[Tensor], factors_T: Tensor) -> list[Tensor]:
    """Each tensor times its own factor, in one product for all tensors of a shape; may be in place.

    torch has no such operation for lists: given factors on the device, `torch._foreach_mul_`
    launches a kernel for each tensor.
    """
    factors, scaled = factors_T.unbind(), list(tensors)
    of_shape: dict[torch.Size, list[int]] = {}
    for number, tensor in enumerate(tensors):
        of_shape.setdefault(tensor.shape, []).append(number)
    for shape, numbers in of_shape.items():
        if len(numbers) == 1:
            scaled[numbers[0]].mul_(factors[numbers[0]])
            continue
        together = torch.stack([tensors[number] for number in numbers])
        together *= torch.stack([factors[number] for number in numbers]).view(-1, *[1] * len(shape))
        for number, tensor in zip(numbers, together.unbind(), strict=True):
            scaled[number] = tensor
    return scaled


@dataclass(frozen=True)
class Layers:
    """Parameter tensors (or rows of one) with their gradients, moments and step counts.

    The lists have the same length and matching shapes; all tensors have the same device and dtype.
    `steps` includes the step about to be taken (`t` above, counted from 1).
    """

    params: list[Tensor]
    grads: list[Tensor]
    exp_avgs: list[Tensor]
    exp_avg_sqs: list[Tensor]
    steps: list[int]

    def batches(self) -> list[Layers]:
        """Splits the tensors into batches that fit in a CPU's cache; one batch on other devices."""
        if not self.params or self.params[0].device.type != "cpu":
            return [self]
        batches: list[slice] = []
        first, filled = 0, 0
        for layer, param in enumerate(self.params):
            if layer > first and filled + param.numel() > CACHED_ELEMENTS:
                batches.append(slice(first, layer))
                first, filled = layer, 0
            filled += param.numel()
        return [self._select(layers) for layers in [*batches, slice(first, None)]]

    def _select(self, layers: slice) -> Layers:
        return Layers(
            self.params[layers],
            self.grads[layers],
            self.exp_avgs[layers],
            self.exp_avg_sqs[layers],
            self.steps[layers],
        )

    def chunks(self) -> list[Layers]:
        """Splits a single tensor that exceeds a CPU's cache into chunks of rows; else `[self]`."""
        param = self.params[0]
        if param.device.type != "cpu" or param.numel() <= CACHED_ELEMENTS:
            return [self]
        rows = max(1, len(param) * CHUNK_ELEMENTS // param.numel())
        tensors = (self.params, self.grads, self.exp_avgs, self.exp_avg_sqs)
        split = [torch.split(x[0], rows) for x in tensors]
        return [
            Layers([param], [grad], [exp_avg], [exp_avg_sq], self.steps)
            for param, grad, exp_avg, exp_avg_sq in zip(*split, strict=True)
        ]
