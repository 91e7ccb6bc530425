"""LAMB as printed in Algorithm 2 of You et al. 2020 (arXiv 1904.00962), on `torch._foreach_*`.

For every parameter tensor `x` (a "layer" of the paper) with gradient `g`, at its `t`-th step:

    m = b1 m + (1 - b1) g                  m_hat = m / (1 - b1^t)
    v = b2 v + (1 - b2) g^2                v_hat = v / (1 - b2^t)
    u = m_hat / (sqrt(v_hat) + eps) + weight_decay x
    x = x - lr (|x| / |u|) u               |.| is the Euclidean norm of the whole tensor

The paper's phi is the identity, and neither gradients nor norms are clipped. Algorithm 2 does not
define the case of a zero norm; as in its authors' reference implementation, the trust ratio
|x| / |u| is then 1. A tensor that starts at zero (a bias) therefore takes one plain Adam step and
is adapted from then on.

The step count is a Python int per parameter, not a tensor. The bias corrections are therefore
computed in double precision on the host and passed to the kernels as scalars, so a step needs no
host-device synchronisation. The price is that a step cannot be captured in a CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from amlm.optim.layers import Layers, add_scaled_

# float16 is excluded on purpose: eps = 1e-8 rounds to 0 in it.
_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
# Where v is 0 the update is m / eps; below this bound 1 / eps approaches the float32 maximum.
_SMALLEST_EPS = 1e-30


def trust_ratio(param_norms: Tensor, update_norms: Tensor) -> Tensor:
    """The trust ratio of Algorithm 2: |x| / |u|, and 1 where either is 0."""
    both = (param_norms > 0) & (update_norms > 0)
    return torch.where(both, param_norms / update_norms, 1.0)


def lamb_(
    layers: Layers,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    trust: Callable[[Tensor, Tensor], Tensor] | None = trust_ratio,
) -> None:
    """One LAMB step, in place on parameters and moments; gradients are only read.

    Args:
        trust: the trust ratio of each layer from the norms of its parameters and of its update;
            None takes 1, which makes it Adam with decay inside the update.
    """
    beta1, beta2 = betas
    for batch in layers.batches():
        chunks, norms, updates = batch.chunks(), [], []
        for chunk in chunks:
            torch._foreach_lerp_(chunk.exp_avgs, chunk.grads, 1.0 - beta1)
            torch._foreach_mul_(chunk.exp_avg_sqs, beta2)
            torch._foreach_addcmul_(chunk.exp_avg_sqs, chunk.grads, chunk.grads, value=1.0 - beta2)
            updates = _updates(chunk, betas, eps, weight_decay)
            if trust is None:
                torch._foreach_add_(chunk.params, updates, alpha=-lr)
            else:
                norms.append([*torch._foreach_norm(chunk.params), *torch._foreach_norm(updates)])
        if trust is None:
            continue
        trust_ratios = trust(*_combine_norms(norms).view(2, -1))
        for chunk in chunks:
            if len(chunks) > 1:  # recomputed: the updates of all chunks do not fit in the cache
                updates = _updates(chunk, betas, eps, weight_decay)
            add_scaled_(chunk.params, updates, trust_ratios, -lr)


def _updates(
    layers: Layers, betas: tuple[float, float], eps: float, weight_decay: float
) -> list[Tensor]:
    """The update `u` of each tensor, from the current moments."""
    # With c1 = 1 - b1^t and c2 = sqrt(1 - b2^t):
    # m_hat / (sqrt(v_hat) + eps) = (c2 / c1) * m / (sqrt(v) + eps * c2),
    # so neither m_hat nor v_hat is stored.
    beta1, beta2 = betas
    roots = [math.sqrt(1.0 - beta2**step) for step in layers.steps]
    scales = [root / (1.0 - beta1**step) for root, step in zip(roots, layers.steps, strict=True)]
    updates = torch._foreach_sqrt(layers.exp_avg_sqs)
    torch._foreach_add_(updates, [eps * root for root in roots])
    torch._foreach_reciprocal_(updates)
    torch._foreach_mul_(updates, layers.exp_avgs)
    torch._foreach_mul_(updates, scales)
    torch._foreach_add_(updates, layers.params, alpha=weight_decay)
    return list(updates)


def _combine_norms(norms: list[list[Tensor]]) -> Tensor:
    """The norms of tensors, from the norms of their chunks."""
    stacked = torch.stack([torch.stack(chunk) for chunk in norms])
    return stacked[0] if len(norms) == 1 else torch.linalg.vector_norm(stacked, dim=0)


class Lamb(Optimizer):
    """LAMB (You et al. 2020, Algorithm 2); the formulas are at the top of this module.

    Keep the parameters in float32 and run the model under autocast. The update of bfloat16
    parameters is computed in float32, with float32 moments, and rounded when it is applied.
    Parameters without a gradient are skipped, and their step count does not advance. The
    options below can be set per parameter group.

    Args:
        params: parameters or parameter groups, as for any torch optimizer.
        lr: learning rate, at least 0. The defaults are those of Edman & Fraser 2025.
        betas: decay rates of the first and second moment estimates, each in [0, 1).
        eps: added to the square root of the second moment, at least 1e-30.
        weight_decay: weight of the parameter in its own update, at least 0. It is added before the
            trust ratio, so it is neither L2 regularisation nor AdamW's decoupled decay.
        adapt: whether the trust ratio scales the update. BERT's, timm's and gpt-bert's LAMB exempt
            biases and norms: a bias that starts at zero would hardly move, since its own norm
            limits its steps.

    Raises:
        ValueError: an option is out of range; at `step`, a gradient is sparse or a parameter is
            not float32, float64 or bfloat16.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 7e-3,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        adapt: bool = True,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "adapt": adapt})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a parameter group after checking the ranges of its options."""
        where = f"Lamb, parameter group {len(self.param_groups)}"
        _check_options({**self.defaults, **param_group}, where)
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores a state to the bit; torch would round the moments to a bfloat16 parameter."""
        super().load_state_dict(state_dict)
        saved = [number for group in state_dict["param_groups"] for number in group["params"]]
        params = [param for group in self.param_groups for param in group["params"]]
        for number, param in zip(saved, params, strict=True):
            for name, value in state_dict["state"].get(number, {}).items():
                if isinstance(value, Tensor):
                    self.state[param][name] = value.to(param.device, copy=True)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Takes one step; `closure`, if given, recomputes the loss, which is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # All groups are checked first, so that an unsupported gradient is found before any update.
        batches = [
            (group, params)
            for index, group in enumerate(self.param_groups)
            for params in _with_gradient(group["params"], f"Lamb, parameter group {index}")
        ]
        for group, params in batches:
            self._update(params, group)
        return loss

    def _update(self, params: list[Tensor], group: dict[str, Any]) -> None:
        states = [self._advance_state(param) for param in params]
        grads = [param.grad for param in params if param.grad is not None]
        weights, narrow = params, params[0].dtype == torch.bfloat16
        if narrow:
            weights, grads = [param.float() for param in params], [grad.float() for grad in grads]
        layers = Layers(
            weights,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["step"] for state in states],
        )
        lamb_(layers, lr=group["lr"], betas=group["betas"], eps=group["eps"], **self._rule(group))
        if narrow:
            torch._foreach_copy_(params, weights)

    def _rule(self, group: dict[str, Any]) -> dict[str, Any]:
        """Decay and trust ratio of a group."""
        trust = trust_ratio if group["adapt"] else None
        return {"weight_decay": group["weight_decay"], "trust": trust}

    def _advance_state(self, param: Tensor) -> dict[str, Any]:
        """Increments the step count of `param` and returns its state, created on first use."""
        state: dict[str, Any] = self.state[param]
        if not state:
            state["step"] = 0
            dtype = torch.float32 if param.dtype == torch.bfloat16 else param.dtype
            state["exp_avg"] = torch.zeros_like(param, dtype=dtype)
            state["exp_avg_sq"] = torch.zeros_like(param, dtype=dtype)
        state["step"] += 1
        return state


def _with_gradient(params: Iterable[Tensor], where: str) -> list[list[Tensor]]:
    """The parameters that have a gradient, grouped by device and dtype, as foreach requires."""
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
    """Raises a ValueError that names the first option that is not a number in its range."""
    betas = options["betas"]
    # No other sequence types, because the value is saved in every checkpoint.
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
        # A tensor would need a host-device synchronisation at every step; YAML may give a string.
        if not isinstance(value, int | float) or not low <= value < high:
            raise ValueError(f"{where}: {name} must be a number in [{low}, {high}), got {value!r}")
