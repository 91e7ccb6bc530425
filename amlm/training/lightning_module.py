"""The LightningModule: one training step of adaptive masked language modeling.

Shapes: G sequences of the global batch, R rows of it on this rank, L positions, D hidden width,
M labelled positions, V token types.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from amlm.config.schema import OptimizerConfig
from amlm.masking.policy import MaskingPolicy
from amlm.masking.rows import Corruption, MaskedRows
from amlm.masking.signals import uses_entropy
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.models.loss import predictions
from amlm.optim.learning_rate import cosine_from_zero, cosine_with_warmup, warmup_steps
from amlm.optim.optimizers import make_optimizer
from amlm.store.datamodule import StepBatch, ValidationBatch
from amlm.training.accumulators import Validation, Window
from amlm.util.seeds import derived_seed


def over_ranks(trainer: L.Trainer) -> Callable[[Tensor], Tensor]:
    """A function that sums a tensor over all ranks, on the device of training.

    After training Lightning has moved the module to the host, where NCCL sums nothing.
    """

    def reduce(sums: Tensor) -> Tensor:
        strategy = trainer.strategy
        reduced = strategy.reduce(sums.to(strategy.root_device), reduce_op="sum")
        assert isinstance(reduced, Tensor)
        return reduced

    return reduce


class AdaptiveMaskedLM(L.LightningModule):
    """Trains a model with a masking policy.

    Args:
        model: the encoder with its head.
        masking: the policy, whose table and statistics are saved in checkpoints.
        validation_masking: plain masked language modeling with its own seed.
        validation: the sums of a validation.
        optimizer: the ``optimizer`` section.
        total_steps: optimizer steps of the run.
        seed: of dropout, together with the step.
        accumulate: micro-batches per optimizer step (gradient accumulation).
        compare: how validation compares ids (see `amlm.models.loss.predictions`).
        protocol: see ``validation.protocol``.
        autocast: run the model under bfloat16 autocast, for weights that are bfloat16 themselves;
            mixed precision is Lightning's.
    """

    def __init__(
        self,
        model: DebertaV2MaskedLM,
        masking: MaskingPolicy,
        validation_masking: MaskingPolicy,
        validation: Validation,
        optimizer: OptimizerConfig,
        *,
        total_steps: int,
        seed: int,
        accumulate: int = 1,
        compare: str = "exact",
        protocol: str = "fixed",
        autocast: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.masking = masking
        self.validation_masking = validation_masking
        self.optimizer_config = optimizer
        self.total_steps = total_steps
        self.seed = seed
        self.accumulate = accumulate
        self.compare = compare
        self.window = Window()
        self.new_masks = protocol == "authors"
        self.autocast = autocast
        self.validation = validation
        self.learning_rate = 0.0  # of the last step; the optimizer has the next one
        self._corruption: tuple[int, Corruption] | None = None
        self._logits: Callable[..., Tensor] = model.forward

    def compile_model(self, mode: str) -> None:
        """Compiles the model with `torch.compile` in this mode; needs a C compiler."""
        self._logits = torch.compile(self.model.forward, mode=mode)

    def predict_rows(self, rows: MaskedRows, **options: bool) -> Tensor:
        """Runs the encoder on corrupted rows and the head at their labelled positions only.

        Returns: logits ``(M, V)``. Options are those of `DebertaV2MaskedLM.forward`.
        """
        autocast = torch.autocast(self.device.type, torch.bfloat16) if self.autocast else None
        with autocast or nullcontext():
            return self._logits(rows.inputs_RL, positions_M=rows.positions_M, **options)

    def training_step(self, batch: StepBatch, batch_idx: int) -> Tensor:
        # Dropout depends only on (seed, step, micro-batch, rank), so a resumed run repeats it.
        torch.manual_seed(
            derived_seed(
                self.seed, "dropout", batch.step, batch.micro_batch, self.trainer.global_rank
            )
        )
        if self._corruption is None or self._corruption[0] != batch.step:
            drawn = self.masking.corrupt(batch.ids_GL, batch.step, batch.words_GL)
            self._corruption = (batch.step, drawn)
        corruption = self._corruption[1]
        rows = self.masking.rows(batch.ids_GL, corruption, batch.rows, batch.maskable, batch.step)
        seen = predictions(self.predict_rows(rows), rows, entropy=uses_entropy(self.masking.signal))
        # The number of labels of the whole step: those of a rank or micro-batch can differ.
        labels = corruption.selected_GL.sum().clamp(min=1)
        self.masking.observe(seen)
        self.masking.learn(batch.ids_GL, corruption, batch.rows, rows, seen, batch.step)
        if batch.last_micro_batch:
            self.masking.finish_step(over_ranks(self.trainer))
        self.window.add(
            seen,
            sum(batch.maskable),
            self.masking.ratio(batch.step),
            corruption.saturated,
            1 / self.accumulate,
        )
        nll_M = seen.nll_M
        if self.masking.control == "loss_weighting":
            nll_M = nll_M * self.masking.loss_weights(batch.ids_GL, corruption, rows)
        # The mean over all labels of the step: Lightning divides by the number of micro-batches and
        # averages over ranks.
        return nll_M.sum() / labels * (self.accumulate * self.trainer.world_size)

    def validation_step(self, batch: ValidationBatch, batch_idx: int) -> None:
        if not batch.maskable:
            return  # a small batch has no row for this rank
        policy = self.validation_masking
        # What the masks are drawn from, with the seed: a number of this batch, or of this batch at
        # this step.
        drawn = batch.index + (self.trainer.global_step << 20 if self.new_masks else 0)
        corruption = policy.corrupt(batch.ids_GL, drawn)
        rows = policy.rows(batch.ids_GL, corruption, batch.rows, batch.maskable, drawn)
        logits_MV = self.predict_rows(rows, float32_logits=self.compare == "exact")
        self.validation.add(predictions(logits_MV, rows, self.compare))

    def configure_gradient_clipping(self, optimizer: Optimizer, *_: object, **__: object) -> None:
        # Lightning's own clipping returns no norm to record and rejects fused optimizers.
        limit = self.optimizer_config.clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self.window.add_gradient_norm(norm)
        self.learning_rate = float(optimizer.param_groups[0]["lr"])

    @torch.no_grad()
    def is_finite(self, reduce: Callable[[Tensor], Tensor]) -> bool:
        """Whether the weights, the table, and every loss and gradient since the last ``train``
        record are finite, on all ranks, over which ``reduce`` sums. Synchronizes with the device.
        """
        norms = torch._foreach_norm([p.detach() for p in self.parameters()])
        held = [self.window.sums_5, self.masking.table_V.double(), torch.stack(norms).double()]
        wrong = sum((~each.isfinite()).any().double() for each in held)
        return float(reduce(torch.as_tensor(wrong))) == 0

    def gather_sums(self, reduce: Callable[[Tensor], Tensor], first: bool) -> None:
        """Moves all ranks' sums since the last update and record to the first, which saves."""
        for sums in self.masking.statistics.values():
            total = reduce(sums)
            sums.copy_(total if first else torch.zeros_like(total))
        self.window.gather(reduce, first)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the configured learning rate where it was changed after the run had diverged. The
        saved sums are those of all ranks: the others start from zero."""
        state = checkpoint["state_dict"]
        for name in [*state] if self.trainer.global_rank else []:
            if name == "window._extra_state":
                state[name] = (0, 0.0, 0.0)
            elif name.startswith(("masking.statistics_", "window.")):
                state[name] = torch.zeros_like(state[name])
        (scheduler,) = checkpoint["lr_schedulers"]
        for number, old in enumerate(scheduler["base_lrs"]):
            new = self.optimizer_config.lr
            if old == new:
                continue
            scheduler["base_lrs"][number] = new
            scheduler["_last_lr"][number] *= new / old
            group = checkpoint["optimizer_states"][0]["param_groups"][number]
            group["initial_lr"], group["lr"] = new, group["lr"] * new / old

    def _rate(self, step: int) -> float:
        """Learning-rate multiplier of a step."""
        total, share = self.total_steps, self.optimizer_config.warmup
        if self.optimizer_config.warmup_from == "zero":
            return cosine_from_zero(step, total, share)
        return cosine_with_warmup(step, total, warmup_steps(total, share))

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.optimizer_config, self.model.parameters())
        scheduler = LambdaLR(optimizer, self._rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
