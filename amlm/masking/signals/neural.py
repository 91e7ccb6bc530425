"""Neural masker: a small network that learns which positions to mask, by policy gradient.

A question that Edman & Fraser 2025 leave open. The network reads the model's token embeddings of
the uncorrupted input (detached), passes them through one convolution and gives a logit per
position. The weights ``exp(logit / temperature)`` go through the same marginals q and the same
sampler as a table. With the reward r of a label, a baseline b and the entropy H of ``q / Σq`` in a
sequence, a step follows the gradient

    ∇ [ Σ_selected (r_i − b) log q_i / labels  +  entropy_bonus · mean H ]

With words or spans, a position has the q of its unit, which is drawn by the mean weight of its
pieces; the sum over labels then gives a unit the rewards of all its pieces. Σ over positions of ∇q
is zero, so a constant b changes the variance only. A baseline per type does more: it removes the
mean reward of each type, so that only contexts that are harder than usual for their type gain. It
then cannot learn that a type is hard, which is why it is not the default.

All parameters are one flat buffer, not a Parameter: the model's optimizer, its gradient norm and
DDP do not see them. Shapes: V token types, B sequences, R rows of a micro-batch, L positions,
M labelled positions, D embedding width, W network width, P parameters, G groups with a baseline
(1 or V).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amlm.config.options import option
from amlm.masking.signals import Context, Draw, Predictions, score_of_weights
from amlm.util.seeds import derived_seed

KERNEL = 3  # positions that the convolution sees
BETA1, BETA2, EPS, DECAY = 0.9, 0.999, 1e-8, 0.01  # of AdamW
LARGEST = 20.0  # bound of a logit over the temperature, from the mean of its sequence


class _State(nn.Module):
    weights_P: Tensor
    moment1_P: Tensor
    moment2_P: Tensor
    steps: Tensor
    baseline_G: Tensor
    previous_V: Tensor  # mean loss of each type in the last window that had it, nats
    step_sums: Tensor  # gradient, rewards and their number by group: sums over a step


@dataclass(eq=False)
class Neural(_State):
    """The table of this signal is the mean selection probability of each type, for the record."""

    reward: str = option(
        "difficulty",
        "reward of a label: its cross-entropy, or how far that has fallen below the mean of its "
        "type in the last window",
        choices=("difficulty", "progress"),
    )
    baseline: str = option(
        "overall", "moving average that rewards are compared with", choices=("overall", "type")
    )
    baseline_decay: float = option(0.9, "weight of the old baseline in a step", ge=0, lt=1)
    width: int = option(32, "channels of the network", ge=1, le=64)
    temperature: float = option(1.0, "divides the logits", gt=0)
    entropy_bonus: float = option(2.0, "reward of one nat of entropy, in nats of loss", ge=0)
    lr: float = option(1e-3, "learning rate of the network's AdamW", gt=0)

    def __post_init__(self) -> None:
        super().__init__()

    def counters(self) -> Mapping[str, torch.dtype]:
        exact = ("total", "positions")
        summed = ("loss", "reward", "baseline", "marginal", "share", "entropy")
        return dict.fromkeys(exact, torch.int64) | dict.fromkeys(summed, torch.float64)

    def prepare(self, context: Context) -> None:
        self.embed, size, (D, W) = context.embed, len(context.counts_V), (context.width, self.width)
        self.shapes = ((D, W), (W,), (W, W, KERNEL), (W,), (W,))
        generator = torch.Generator().manual_seed(derived_seed(context.seed, "masker"))
        scales = (D**-0.5, 0.0, (KERNEL * W) ** -0.5, 0.0, 0.0)  # the logits start at zero
        drawn = [
            torch.randn(shape, generator=generator).flatten() * scale
            for shape, scale in zip(self.shapes, scales, strict=True)
        ]
        self.register_buffer("weights_P", torch.cat(drawn))
        for name in ("moment1_P", "moment2_P"):
            self.register_buffer(name, torch.zeros_like(self.weights_P))
        self.register_buffer("steps", torch.zeros((), dtype=torch.float64))
        groups = size if self.baseline == "type" else 1
        guess = math.log(size)
        start = guess if self.reward == "difficulty" else 0.0
        self.register_buffer("baseline_G", torch.full((groups,), start, dtype=torch.float64))
        self.register_buffer("previous_V", torch.full((size,), guess, dtype=torch.float64))
        # Zero between steps, so not in checkpoints.
        sums = len(self.weights_P) + 2 * groups
        zeros = torch.zeros(sums, dtype=torch.float64)
        self.register_buffer("step_sums", zeros, persistent=False)

    def weigh(self, ids_BL: Tensor) -> Tensor:
        return self._weigh(ids_BL, self.weights_P)

    def _weigh(self, ids_BL: Tensor, weights_P: Tensor) -> Tensor:
        flat = torch.split(weights_P, [math.prod(shape) for shape in self.shapes])
        into_DW, bias_W, kernel, bias2_W, out_W = (
            part.view(shape) for part, shape in zip(flat, self.shapes, strict=True)
        )
        with torch.autocast(ids_BL.device.type, enabled=False):
            x_BLD = self.embed(ids_BL).detach().float()
            x_BLD = F.layer_norm(x_BLD, x_BLD.shape[-1:])
            x_BWL = F.gelu(x_BLD @ into_DW + bias_W).mT
            x_BWL = F.gelu(F.conv1d(x_BWL, kernel, bias2_W, padding=KERNEL // 2))
            logit_BL = (x_BWL.mT @ out_W).double() / self.temperature
        gap_BL = logit_BL - logit_BL.mean(1, keepdim=True)
        weight_BL: Tensor = gap_BL.clamp(-LARGEST, LARGEST).exp()
        return weight_BL

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        _add(statistics, "loss", predictions.labels_M, predictions.nll_M)
        _add(statistics, "total", predictions.labels_M, predictions.valid_M)

    def learn(self, statistics: Mapping[str, Tensor], predictions: Predictions, draw: Draw) -> None:
        labels_M, valid_M = predictions.labels_M, predictions.valid_M
        reward_M = predictions.nll_M.detach().double()
        if self.reward == "progress":
            reward_M = self.previous_V[labels_M] - reward_M
        groups = len(self.baseline_G)
        group_M = labels_M if groups > 1 else torch.zeros_like(labels_M)
        reward_M = torch.where(valid_M, reward_M, 0.0)
        baseline_M = torch.where(valid_M, self.baseline_G[group_M], 0.0)

        with torch.enable_grad():
            weights_P = self.weights_P.detach().requires_grad_()
            q_RL = draw.marginals(self._weigh(draw.ids_RL, weights_P))
            q_M = torch.where(valid_M, q_RL.flatten()[draw.positions_M], 1.0)
            share_RL = q_RL / q_RL.sum(1, keepdim=True).clamp(min=1e-12)
            entropy_RL = -share_RL * share_RL.clamp(min=1e-12).log()
            gain = ((reward_M - baseline_M) * q_M.log()).sum() / draw.labels
            bonus = self.entropy_bonus * entropy_RL.sum() / draw.sequences
            (gradient_P,) = torch.autograd.grad(-(gain + bonus), weights_P)

        for name, ids, value in (
            ("reward", labels_M, reward_M),
            ("baseline", labels_M, baseline_M),
            ("positions", draw.ids_RL, (q_RL > 0)),
            ("marginal", draw.ids_RL, q_RL),
            ("share", draw.ids_RL, share_RL),
            ("entropy", draw.ids_RL, entropy_RL),
        ):
            _add(statistics, name, ids.flatten(), value.detach().flatten())
        gradient, rewards_G, counts_G = self._sums()
        gradient += gradient_P
        rewards_G.index_add_(0, group_M, reward_M)
        counts_G.index_add_(0, group_M, valid_M.double())

    def _sums(self) -> tuple[Tensor, Tensor, Tensor]:
        groups = len(self.baseline_G)
        gradient_P, rewards_G, counts_G = torch.split(
            self.step_sums, [len(self.weights_P), groups, groups]
        )
        return gradient_P, rewards_G, counts_G

    def finish_step(self, reduce: Callable[[Tensor], Tensor]) -> None:
        self.step_sums.copy_(reduce(self.step_sums))
        gradient_P, rewards_G, counts_G = self._sums()
        mean_G = rewards_G / counts_G.clamp(min=1)
        self.baseline_G.lerp_(mean_G, (1 - self.baseline_decay) * (counts_G > 0).double())
        gradient_P = gradient_P.float()
        self.steps.add_(1)
        self.moment1_P.lerp_(gradient_P, 1 - BETA1)
        self.moment2_P.mul_(BETA2).addcmul_(gradient_P, gradient_P, value=1 - BETA2)
        mean_P = self.moment1_P / (1 - BETA1**self.steps).float()
        root_P = (self.moment2_P / (1 - BETA2**self.steps).float()).sqrt()
        self.weights_P.mul_(1 - self.lr * DECAY).sub_(self.lr * mean_P / (root_P + EPS))
        self.step_sums.zero_()

    def report(self, statistics: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Mean entropy of ``q / Σq`` per sequence (nats), mean reward and baseline per label."""
        sums = {name: sum_V.sum().double() for name, sum_V in statistics.items()}
        return {
            "entropy": sums["entropy"] / sums["share"],
            "reward": sums["reward"] / sums["total"],
            "baseline": sums["baseline"] / sums["total"],
        }

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        mean_V = statistics["loss"].double() / statistics["total"].clamp(min=1)
        self.previous_V.copy_(torch.where(statistics["total"] > 0, mean_V, self.previous_V))
        positions_V, marginal_V = statistics["positions"], statistics["marginal"].double()
        overall = marginal_V.sum() / positions_V.sum().clamp(min=1)
        usual = torch.where(positions_V.sum() > 0, overall, 1.0)
        mean_V = marginal_V / positions_V.clamp(min=1)
        return score_of_weights(torch.where(positions_V > 0, mean_V, usual))


def _add(statistics: Mapping[str, Tensor], name: str, ids_N: Tensor, value_N: Tensor) -> None:
    sum_V = statistics[name]
    sum_V.index_add_(0, ids_N, value_N.to(sum_V.dtype))
