"""The masking policy: corrupts batches with its table and updates the table from predictions.

Shapes: G sequences of a step's global batch, R consecutive rows of it (one rank's share of one
micro-batch), L positions, M slots for the labelled positions of R rows, V token types.

The masks of a step are a function of (seed, step, global batch, table). Every rank draws them for
the global batch and takes the rows of its micro-batches, so the masks do not depend on how the
batch is divided. A draw is cheap: three random numbers per position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.masking.keep_dtype import KeepDtype
from amlm.masking.marginals import clipped_marginals, exact_marginals
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Sampler
from amlm.masking.schedule import Schedule
from amlm.masking.signals import Predictions, Signal
from amlm.masking.table import update_table
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.seeds import derived_seed

# Mask ratios from 0.40 to 0.15 meet 32 shapes, and 0.4 % of the positions are unused slots.
SLOT_GRID = 128


@dataclass(frozen=True)
class Corruption:
    """The corrupted global batch of a step."""

    inputs_GL: Tensor  # int64, input ids of the model
    selected_GL: Tensor  # bool, positions that carry a label
    saturated: Tensor  # scalar, fraction of maskable positions with selection probability 1


@dataclass(frozen=True)
class MaskedRows:
    """R rows of a corrupted batch, with their labelled positions gathered into M slots."""

    inputs_RL: Tensor  # int64
    positions_M: Tensor  # int64, indices into the flattened [R·L]; 0 at unused slots
    labels_M: Tensor  # int64, the original ids; the id at position 0 at unused slots
    shows_mask_M: Tensor  # bool, whether the input at that position is [MASK]
    valid_M: Tensor  # bool, false at unused slots


def slots(labels: int, positions: int) -> int:
    """Number of slots for up to ``labels`` labels at ``positions`` positions.

    The next multiple of a ``SLOT_GRID``-th of the positions. The number of labels falls with the
    mask ratio at nearly every step. What is kept for each shape (kernels of a CPU's matrix library,
    compiled code, captured graphs) then stays at some tens of shapes per block length.
    """
    grid = max(1, positions // SLOT_GRID)
    return min(max(-(-labels // grid) * grid, 1), positions)


def gather_rows(
    ids_GL: Tensor, corruption: Corruption, rows: slice, capacity: int, mask_id: int
) -> MaskedRows:
    """Takes rows of a corrupted batch and gathers their labelled positions into ``capacity`` slots.

    No host-device synchronisation: unused slots are flagged, positions beyond the capacity dropped.
    """
    inputs_RL = corruption.inputs_GL[rows]
    selected = corruption.selected_GL[rows].flatten()
    slot = torch.where(selected, selected.cumsum(0) - 1, capacity).clamp(max=capacity)
    positions = torch.full((capacity + 1,), -1, dtype=torch.int64, device=ids_GL.device)
    indices = torch.arange(selected.numel(), device=ids_GL.device)
    positions_M = positions.scatter_(0, slot, indices)[:capacity]
    valid_M = positions_M >= 0
    positions_M = positions_M.clamp(min=0)
    return MaskedRows(
        inputs_RL=inputs_RL,
        positions_M=positions_M,
        labels_M=ids_GL[rows].flatten()[positions_M],
        shows_mask_M=inputs_RL.flatten()[positions_M] == mask_id,
        valid_M=valid_M,
    )


class MaskingPolicy(KeepDtype):
    """Signal, schedule, sampler and replacement around one table of masking probabilities.

    Buffers, all saved in checkpoints: ``table_V`` (float32), ``first_V`` (its initial value), and
    one ``statistics_<name>`` per counter of the signal, for the current window.

    Args:
        vocab_size: V.
        total_steps: optimizer steps of the run, which the schedule spans.
        signal, schedule, sampler, replacement: the components of the policy.
        special: ids of the special tokens.
        smoothing, floor: see `amlm.masking.table.update_table`.
        normalization: ``exact`` or ``clipped`` (see `amlm.masking.marginals`).
        mask_special_tokens: whether special tokens other than padding may be selected.
        seed: together with the step, determines the masks.
    """

    table_V: Tensor
    first_V: Tensor
    maskable_V: Tensor
    candidates_C: Tensor

    def __init__(
        self,
        vocab_size: int,
        total_steps: int,
        *,
        signal: Signal,
        schedule: Schedule,
        sampler: Sampler,
        replacement: Replacement,
        special: SpecialIds,
        smoothing: float = 0.2,
        floor: float = 0.005,
        normalization: str = "exact",
        mask_special_tokens: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.total_steps = total_steps
        self.signal = signal
        self.schedule = schedule
        self.sampler = sampler
        self.replacement = replacement
        self.special = special
        self.smoothing = smoothing
        self.floor = floor
        self.marginals = {"exact": exact_marginals, "clipped": clipped_marginals}[normalization]
        self.seed = seed

        start_V = torch.full((vocab_size,), schedule(0, total_steps))
        self.register_buffer("table_V", start_V)
        self.register_buffer("first_V", start_V.clone())
        for name, dtype in signal.counters().items():
            self.register_buffer(f"statistics_{name}", torch.zeros(vocab_size, dtype=dtype))

        maskable_V = torch.ones(vocab_size, dtype=torch.bool)
        maskable_V[special.not_maskable(mask_special_tokens)] = False
        self.register_buffer("maskable_V", maskable_V, persistent=False)
        candidates_V = torch.ones(vocab_size, dtype=torch.bool)
        if replacement.random_ids == "ordinary":
            candidates_V[special.all()] = False
        self.register_buffer("candidates_C", candidates_V.nonzero().squeeze(1), persistent=False)
        # Random numbers are drawn on the host, so that the masks do not depend on the device.
        self._generator = torch.Generator()

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The running sums of the current window by name. These are the buffers, not copies."""
        return {name: getattr(self, f"statistics_{name}") for name in self.signal.counters()}

    def ratio(self, step: int) -> float:
        """The mask ratio p at a step."""
        return self.schedule(step, self.total_steps)

    @torch.no_grad()
    def corrupt(self, ids_GL: Tensor, step: int) -> Corruption:
        """Draws the masks of a step for its global batch ``ids_GL``."""
        generator = self._generator.manual_seed(derived_seed(self.seed, "masking", step))
        maskable_GL = self.maskable_V[ids_GL]
        q_GL = self.marginals(self.table_V[ids_GL], maskable_GL, self.ratio(step))
        selected_GL = self.sampler.select(q_GL, generator)
        inputs_GL = self.replacement.apply(
            ids_GL, selected_GL, self.special.mask, self.candidates_C, generator
        )
        saturated = (q_GL > 1 - 1e-9).sum().double() / maskable_GL.sum().clamp(min=1)
        return Corruption(inputs_GL, selected_GL, saturated)

    def rows(
        self,
        ids_GL: Tensor,
        corruption: Corruption,
        rows: slice,
        maskable: Sequence[int],
        step: int,
    ) -> MaskedRows:
        """Takes one rank's rows of one micro-batch from the corrupted global batch.

        Args:
            maskable: number of maskable positions in each of these rows, known on the host.
        """
        ratio = self.ratio(step)
        expected = [min(count, max(ratio * count, 1.0)) for count in maskable]
        capacity = slots(self.sampler.capacity(expected), len(maskable) * ids_GL.size(1))
        return gather_rows(ids_GL, corruption, rows, capacity, self.special.mask)

    @torch.no_grad()
    def observe(self, predictions: Predictions) -> None:
        """Adds predictions to the statistics of the window, in place on the device."""
        self.signal.observe(self.statistics, predictions)

    @torch.no_grad()
    def update(self, step: int, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> Tensor:
        """Recomputes the table and starts a new window.

        Args:
            step: optimizer steps completed, which determines p.
            reduce: sums a tensor over ranks, so that every rank computes the same table.

        Returns: the fraction of types clamped to the floor, a scalar tensor.
        """
        score_V = self.signal.score({name: reduce(s) for name, s in self.statistics.items()})
        table_V, floored = update_table(
            self.table_V, score_V, self.ratio(step), smoothing=self.smoothing, floor=self.floor
        )
        self.table_V.copy_(table_V)
        for sums in self.statistics.values():
            sums.zero_()
        return floored
