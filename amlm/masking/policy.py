"""The masking policy: corrupts batches with its table and updates the table from predictions.

Shapes: G sequences of a step's global batch, R consecutive rows of it (one rank's share of one
micro-batch), L positions, M slots for the labelled positions of R rows, V token types.

The masks of a step are a function of (seed, step, global batch, table). Every rank draws them for
the global batch and takes the rows of its micro-batches, so the masks do not depend on how the
batch is divided. A draw is cheap: three random numbers per position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from amlm.masking import controls
from amlm.masking.exclusions import hold
from amlm.masking.keep_dtype import KeepDtype
from amlm.masking.marginals import clipped_marginals, exact_marginals
from amlm.masking.replacement import Replaces
from amlm.masking.rows import Corruption, MaskedRows, gather_rows, slots
from amlm.masking.sampler import Sampler
from amlm.masking.schedule import Schedule
from amlm.masking.signals import (
    Context,
    Draw,
    LearnedSignal,
    Predictions,
    PreparedSignal,
    Signal,
)
from amlm.masking.table import update_table
from amlm.masking.units import Unit, unit_name
from amlm.masking.units.grouping import chances, edges
from amlm.masking.units.token import Token
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.seeds import derived_seed


class MaskingPolicy(KeepDtype):
    """Unit, signal, schedule, sampler and replacement around one table of masking probabilities.

    Buffers, all saved in checkpoints: ``table_V`` (float32), ``first_V`` (its initial value), one
    ``statistics_<name>`` per counter of the signal, for the current window, those of a signal that
    is a module, and with a control that changes the table ``adaptive_V``, the table without it.

    Args:
        vocab_size: V.
        total_steps: optimizer steps of the run, which the schedule spans.
        signal, schedule, sampler, replacement: the components of the policy.
        special: ids of the special tokens.
        unit: what is selected together; None: single tokens.
        exclude: ids that are never selected, and whose probability stays p.
        smoothing, floor: see `amlm.masking.table.update_table`.
        normalization: ``exact`` or ``clipped`` (see `amlm.masking.marginals`).
        mask_special_tokens: whether special tokens other than padding may be selected.
        control: ``none``, ``shuffled``, ``frequency_matched`` (see `amlm.masking.controls`) or
            ``loss_weighting``: masks are uniform, and the table weights the labels' losses.
        context: of the run, for a control or a signal that needs it.
        seed: together with the step, determines the masks.
    """

    table_V: Tensor
    adaptive_V: Tensor
    first_V: Tensor
    bins_V: Tensor
    maskable_V: Tensor
    breaks_V: Tensor
    excluded_V: Tensor | None
    candidates_C: Tensor

    def __init__(
        self,
        vocab_size: int,
        total_steps: int,
        *,
        signal: Signal,
        schedule: Schedule,
        sampler: Sampler,
        replacement: Replaces,
        special: SpecialIds,
        unit: Unit | None = None,
        exclude: Sequence[int] = (),
        smoothing: float = 0.2,
        floor: float = 0.005,
        normalization: str = "exact",
        mask_special_tokens: bool = False,
        control: str = "none",
        context: Context | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.total_steps = total_steps
        self.signal = signal
        self.schedule = schedule
        self.sampler = sampler
        self.replacement = replacement
        self.special = special
        self.unit: Unit = unit or Token()
        self.smoothing = smoothing
        self.floor = floor
        self.marginals = {"exact": exact_marginals, "clipped": clipped_marginals}[normalization]
        # Random numbers are drawn on the host, so that the masks do not depend on the device.
        self._generator = torch.Generator()
        self.control = control
        self.context = context
        self.report: Mapping[str, Tensor] = {}  # of a learned signal, about the last window
        self.seed = seed

        for name, dtype in signal.counters().items():
            self.register_buffer(f"statistics_{name}", torch.zeros(vocab_size, dtype=dtype))
        maskable_V = torch.ones(vocab_size, dtype=torch.bool)
        maskable_V[special.not_maskable(mask_special_tokens)] = False
        excluded_V = torch.zeros(vocab_size, dtype=torch.bool)
        excluded_V[list(exclude)] = True
        self.register_buffer("excluded_V", excluded_V if exclude else None, persistent=False)
        self.register_buffer("maskable_V", maskable_V & ~excluded_V, persistent=False)
        breaks_V = torch.zeros(vocab_size, dtype=torch.bool)
        breaks_V[sorted({*special.all()} - {special.unk})] = True
        self.register_buffer("breaks_V", breaks_V, persistent=False)
        candidates_V = torch.ones(vocab_size, dtype=torch.bool)
        if getattr(replacement, "random_ids", "ordinary") == "ordinary":
            candidates_V[special.all()] = False
        self.register_buffer("candidates_C", candidates_V.nonzero().squeeze(1), persistent=False)
        self._start(torch.full((vocab_size,), self.ratio(0)))

    def _start(self, start_V: Tensor) -> None:
        """Registers the first table: uniform, or what a signal knows before the first step."""
        if isinstance(self.signal, PreparedSignal):
            assert self.context is not None, "a signal that prepares itself needs the context"
            self.context.maskable_V = self.maskable_V
            self.signal.prepare(self.context)
            score_V = self.signal.score(self.statistics)
            start_V, _ = update_table(
                start_V, score_V, self.ratio(0), smoothing=0, floor=self.floor
            )
        if self.control in controls.CHANGING:
            assert self.context is not None, "bins of similar frequency need the context"
            bins_V = controls.frequency_bins(self.context.counts_V, self.maskable_V)
            self.register_buffer("bins_V", bins_V, persistent=False)
            self.register_buffer("adaptive_V", start_V)
            start_V = self._controlled(start_V, 0)
        if self.excluded_V is not None:
            start_V = hold(start_V, self.excluded_V, self.ratio(0))
        self.register_buffer("table_V", start_V.clone())
        self.register_buffer("first_V", start_V.clone())

    def _controlled(self, table_V: Tensor, step: int) -> Tensor:
        if self.control == "frequency_matched":
            return controls.frequency_matched(table_V, self.bins_V)
        self._generator.manual_seed(derived_seed(self.seed, "shuffled", step))
        return controls.shuffled(table_V, self.bins_V, self._generator)

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The running sums of the current window by name. These are the buffers, not copies."""
        return {name: getattr(self, f"statistics_{name}") for name in self.signal.counters()}

    def ratio(self, step: int) -> float:
        """The mask ratio p at a step."""
        return self.schedule(step, self.total_steps)

    def unit_name(self, step: int) -> str:
        """The unit that is selected at a step, e.g. ``word``."""
        return unit_name(self.unit, step / self.total_steps)

    @torch.no_grad()
    def corrupt(self, ids_GL: Tensor, step: int, words_GL: Tensor | None = None) -> Corruption:
        """Draws the masks of a step for its global batch ``ids_GL``.

        ``words_GL``, bool, is where words begin; units other than tokens need it.
        """
        generator = self._generator.manual_seed(derived_seed(self.seed, "masking", step))
        ratio, maskable_GL = self.ratio(step), self.maskable_V[ids_GL]
        begins_GL = None
        if words_GL is not None:
            edges_GL = edges(self.breaks_V[ids_GL])
            share = step / self.total_steps
            begins_GL = self.unit.begins(words_GL | edges_GL, share, generator)
            begins_GL = None if begins_GL is None else begins_GL | edges_GL
        drawn = chances(self.marginals, self._weights(ids_GL), maskable_GL, ratio, begins_GL)
        sizes = () if begins_GL is None else (drawn.size_GU,)
        selected_GU = self.sampler.select(drawn.q_GU, generator, *sizes)
        selected_GL = drawn.at_positions(selected_GU)
        inputs_GL = self.replacement.apply(
            ids_GL, selected_GL, self.special.mask, self.candidates_C, generator
        )
        certain = ((drawn.q_GU > 1 - 1e-9) * drawn.size_GU).sum().double()
        saturated = certain / maskable_GL.sum().clamp(min=1)
        return Corruption(inputs_GL, selected_GL, saturated, begins_GL)

    def _weights(self, ids_BL: Tensor) -> Tensor:
        """How readily each position is masked, relative to the others of its sequence."""
        if self.control == "loss_weighting":
            return torch.ones_like(ids_BL, dtype=self.table_V.dtype)
        if isinstance(self.signal, LearnedSignal):
            return self.signal.weigh(ids_BL)
        return self.table_V[ids_BL]

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
        # A unit has at most the expected number of positions of its row.
        sizes = (rows.start, max(int(max(expected)), 1)) if corruption.begins_GL is not None else ()
        labels = self.sampler.capacity(expected, *sizes)
        capacity = slots(labels, len(maskable) * ids_GL.size(1))
        return gather_rows(ids_GL, corruption, rows, capacity, self.special.mask)

    @torch.no_grad()
    def observe(self, predictions: Predictions) -> None:
        """Adds predictions to the statistics of the window, in place on the device."""
        self.signal.observe(self.statistics, predictions)

    @torch.no_grad()
    def learn(
        self,
        ids_GL: Tensor,
        corruption: Corruption,
        rows: slice,
        masked: MaskedRows,
        predictions: Predictions,
        step: int,
    ) -> None:
        """Gives a learned signal the predictions of one micro-batch; others ignore them.

        Args:
            ids_GL, corruption: the global batch of the step.
            rows, masked: what was predicted of it.
        """
        if not isinstance(self.signal, LearnedSignal):
            return
        ids_RL, begins_GL = ids_GL[rows], corruption.begins_GL
        begins_RL = None if begins_GL is None else begins_GL[rows]
        maskable_RL, ratio = self.maskable_V[ids_RL], self.ratio(step)

        def marginals(weight_RL: Tensor) -> Tensor:
            drawn = chances(self.marginals, weight_RL, maskable_RL, ratio, begins_RL)
            return drawn.at_positions(drawn.q_GU)

        labels = corruption.selected_GL.sum().clamp(min=1)
        draw = Draw(ids_RL, masked.positions_M, marginals, labels, len(ids_GL))
        self.signal.learn(self.statistics, predictions, draw)

    @torch.no_grad()
    def finish_step(self, reduce: Callable[[Tensor], Tensor]) -> None:
        """Updates a learned signal after the last micro-batch; ``reduce`` sums over ranks."""
        if isinstance(self.signal, LearnedSignal):
            self.signal.finish_step(reduce)

    def loss_weights(self, ids_GL: Tensor, corruption: Corruption, masked: MaskedRows) -> Tensor:
        """For ``control=loss_weighting``: weights ``(M,)``, with mean 1 over a step's labels."""
        total = (self.table_V[ids_GL] * corruption.selected_GL).sum()
        return self.table_V[masked.labels_M] * (corruption.selected_GL.sum() / total)

    @torch.no_grad()
    def update(self, step: int, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> Tensor:
        """Recomputes the table and starts a new window.

        Args:
            step: optimizer steps completed, which determines p.
            reduce: sums a tensor over ranks, so that every rank computes the same table.

        Returns: the fraction of types clamped to the floor, a scalar tensor.
        """
        if self.context is not None:
            self.context.step = step
        summed = {name: reduce(sums) for name, sums in self.statistics.items()}
        if isinstance(self.signal, LearnedSignal):
            self.report = self.signal.report(summed)
        changed = self.control in controls.CHANGING
        table_V, floored = update_table(
            self.adaptive_V if changed else self.table_V,
            self.signal.score(summed).to(self.table_V.device, non_blocking=True),
            self.ratio(step),
            smoothing=self.smoothing,
            floor=self.floor,
        )
        if changed:
            self.adaptive_V.copy_(table_V)
            table_V = self._controlled(table_V, step)
        if self.excluded_V is not None:
            table_V = hold(table_V, self.excluded_V, self.ratio(step))
        self.table_V.copy_(table_V)
        for sums in self.statistics.values():
            sums.zero_()
        return floored
