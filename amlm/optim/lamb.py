"""LAMB as printed in Algorithm 2 of You et al. 2020 (arXiv 1904.00962), on `torch._foreach_*`.

For every parameter tensor `x` (a "layer" of the paper) with gradient `g`, at its `t`-th step:

    m = b1 m + (1 - b1) g                  m_hat = m / (1 - b1^t)
    v = b2 v + (1 - b2) g^2                v_hat = v / (1 - b2^t)
    u = m_hat / (sqrt(v_hat) + eps) + weight_decay x
    x = x - lr (|x| / |u|) u               |.| is the Euclidean norm of the whole tensor

The paper's phi is the identity, and the gradient is used as it comes: nothing is clipped or
clamped in here. Algorithm 2 does not say what happens when a norm is 0; like the reference code
that its authors gave out, the trust ratio |x| / |u| is then 1. A tensor that starts at zero
(a bias) thus takes one plain Adam step and is adapted from then on.

The step count is a Python int per parameter, not a tensor: the bias corrections are then computed
in double precision on the host and enter the kernels as numbers, so a step never waits for the
device. The price is that a step cannot be captured in a CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

# float16 is missing on purpose: eps = 1e-8 is 0 in it.
_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
# Where v is 0 the update is m / eps; below this bound 1 / eps nears the end of float32.
_SMALLEST_EPS = 1e-30


def lamb_(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    steps: list[int],
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> None:
    """One LAMB step, in place on `params`, `exp_avgs` and `exp_avg_sqs`; `grads` are only read.

    Args:
        params, grads, exp_avgs, exp_avg_sqs: one tensor of the same shape per layer in each list,
            all on one device and of one dtype. The only temporary of their size is one update.
        steps: the steps of each layer, this one included (`t` above, from 1).
    """
    beta1, beta2 = betas
    torch._foreach_lerp_(exp_avgs, grads, 1.0 - beta1)
    torch._foreach_mul_(exp_avg_sqs, beta2)
    torch._foreach_addcmul_(exp_avg_sqs, grads, grads, value=1.0 - beta2)

    # With c1 = 1 - b1^t and c2 = sqrt(1 - b2^t):
    # m_hat / (sqrt(v_hat) + eps) = (c2 / c1) * m / (sqrt(v) + eps * c2),
    # so neither m_hat nor v_hat is ever stored.
    roots = [math.sqrt(1.0 - beta2**step) for step in steps]
    scales = [root / (1.0 - beta1**step) for root, step in zip(roots, steps, strict=True)]
    updates = torch._foreach_sqrt(exp_avg_sqs)
    torch._foreach_add_(updates, [eps * root for root in roots])
    torch._foreach_reciprocal_(updates)
    torch._foreach_mul_(updates, exp_avgs)
    torch._foreach_mul_(updates, scales)
    torch._foreach_add_(updates, params, alpha=weight_decay)

    param_norms = torch.stack(torch._foreach_norm(params))
    update_norms = torch.stack(torch._foreach_norm(updates))
    trust_ratios = torch.where(
        (param_norms > 0) & (update_norms > 0), param_norms / update_norms, 1.0
    )
    torch._foreach_addcmul_(params, updates, list(trust_ratios.unbind()), value=-lr)


class Lamb(Optimizer):
    """LAMB (You et al. 2020, Algorithm 2); the formulas are at the top of this module.

    Keep the parameters in float32 and run the model under autocast: moments and updates have the
    dtype of their parameter. bfloat16 parameters work with the rounding that this entails.
    Parameters without a gradient are skipped and their step count stands still. Every parameter
    group may have its own values of the options below.

    Args:
        params: parameters, or parameter groups, as for every torch optimizer.
        lr: learning rate, at least 0. The defaults are the setting of Edman & Fraser 2025.
        betas: decay rates of the averages of the gradient and of its square, each in [0, 1).
        eps: added to the root of the averaged square, at least 1e-30.
        weight_decay: weight of the parameter in its own update, at least 0. It enters the update
            before the trust ratio, so it is neither L2 on the loss nor the decay of AdamW.

    Raises:
        ValueError: an option is out of its range; at `step`, a gradient is sparse or a parameter
            is neither float32, float64 nor bfloat16.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 7e-3,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group as every torch optimizer does, after checking the range of its options."""
        where = f"Lamb, parameter group {len(self.param_groups)}"
        _check_options({**self.defaults, **param_group}, where)
        super().add_param_group(param_group)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step; `closure`, if given, recomputes the loss, which is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Listed for all groups first, so that an unusable gradient is found before any change.
        batches = [
            (group, params)
            for index, group in enumerate(self.param_groups)
            for params in _with_gradient(group["params"], f"Lamb, parameter group {index}")
        ]
        for group, params in batches:
            states = [self._advanced_state(param) for param in params]
            lamb_(
                params,
                [param.grad for param in params if param.grad is not None],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [state["step"] for state in states],
                lr=group["lr"],
                betas=group["betas"],
                eps=group["eps"],
                weight_decay=group["weight_decay"],
            )
        return loss

    def _advanced_state(self, param: Tensor) -> dict[str, Any]:
        """The state of `param`, made at its first gradient, with the step counted one up."""
        state: dict[str, Any] = self.state[param]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(param)
            state["exp_avg_sq"] = torch.zeros_like(param)
        state["step"] += 1
        return state


def _with_gradient(params: Iterable[Tensor], where: str) -> list[list[Tensor]]:
    """The parameters that have a gradient, one list per device and dtype (foreach needs that)."""
    by_kind: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for param in params:
        if param.grad is None:
            continue
        if param.grad.layout != torch.strided:
            raise ValueError(
                f"{where}: the gradient of a parameter of shape {tuple(param.shape)} is sparse, "
                "which LAMB does not support; use dense gradients (nn.Embedding(sparse=False))"
            )
        if param.dtype not in _DTYPES:
            raise ValueError(
                f"{where}: a parameter of shape {tuple(param.shape)} is {param.dtype}; keep "
                "parameters in float32 and use autocast for lower precision"
            )
        by_kind.setdefault((param.device, param.dtype), []).append(param)
    return list(by_kind.values())


def _check_options(options: dict[str, Any], where: str) -> None:
    """Raise a ValueError that names the first option that is not a number in its range."""
    betas = options["betas"]
    # No other sequence: whatever is given ends up in every checkpoint.
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"{where}: betas must be a tuple or list of two numbers, got {betas!r}")
    ranges = [
        ("lr", options["lr"], 0.0, math.inf),
        ("betas[0]", betas[0], 0.0, 1.0),
        ("betas[1]", betas[1], 0.0, 1.0),
        ("eps", options["eps"], _SMALLEST_EPS, math.inf),
        ("weight_decay", options["weight_decay"], 0.0, math.inf),
    ]
    for name, value, low, high in ranges:
        # A tensor would cost a host synchronisation at every step; a string may come from YAML.
        if not isinstance(value, int | float) or not low <= value < high:
            raise ValueError(f"{where}: {name} must be a number in [{low}, {high}), got {value!r}")
