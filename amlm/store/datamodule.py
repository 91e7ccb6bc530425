"""The Lightning data module: the batch of each step, and held-out batches for validation.

Shapes: G blocks of a step's global batch or of a validation batch, R of them for one rank (and
micro-batch), L tokens per block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import lightning as L
import numpy as np
import torch
from lightning.pytorch.accelerators import CUDAAccelerator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from amlm.config.schema import DataConfig
from amlm.store.identity import key_changes
from amlm.store.plan import BatchPlan
from amlm.store.token_store import TokenStore
from amlm.util.errors import InputError
from amlm.util.processes import leave_signals_to_parent


@dataclass
class _Batch:
    """One rank's rows of a batch.

    Masks are drawn for the whole batch, so every rank gets all of it (a few kilobytes).
    """

    ids_GL: Tensor
    rows: slice
    maskable: tuple[int, ...]  # maskable positions in each of these rows

    def pin_memory(self) -> Self:
        return replace(self, ids_GL=self.ids_GL.pin_memory())


@dataclass
class StepBatch(_Batch):
    """One rank's share of one micro-batch of a step; the whole batch is the step's global one."""

    step: int
    micro_batch: int
    last_micro_batch: bool
    words_GL: Tensor | None = None  # bool, where words begin, if masking needs it

    def pin_memory(self) -> Self:
        words_GL = None if self.words_GL is None else self.words_GL.pin_memory()
        return replace(super().pin_memory(), words_GL=words_GL)


@dataclass
class ValidationBatch(_Batch):
    """One rank's share of a held-out batch."""

    index: int


def _row_counts(ids_RL: NDArray[np.int64], not_maskable: list[int]) -> tuple[int, ...]:
    return tuple((~np.isin(ids_RL, not_maskable)).sum(1).tolist())


@dataclass
class StepDataset(Dataset[StepBatch]):
    """Maps the index of a micro-batch, counted over the whole run, to its batch.

    Attributes:
        store: tokenised text.
        plan: which blocks make up each step.
        not_maskable: ids that are never masked, needed to bound the number of labels.
        accumulate: micro-batches per optimizer step (gradient accumulation).
        rank, world_size: which rank's rows, of how many ranks.
        overfit: serve the batch of the first step at every step.
        words: serve where words begin, too.
    """

    store: TokenStore
    plan: BatchPlan
    not_maskable: list[int]
    accumulate: int = 1
    rank: int = 0
    world_size: int = 1
    overfit: bool = False
    words: bool = False

    def __getitem__(self, index: int) -> StepBatch:
        step, micro_batch = divmod(index, self.accumulate)
        blocks, length = self.plan.blocks(0 if self.overfit else step)
        size = len(blocks) // (self.accumulate * self.world_size)
        first = (micro_batch * self.world_size + self.rank) * size
        rows = slice(first, first + size)
        ids_GL = self.store.blocks("train", blocks, length)
        return StepBatch(
            ids_GL=torch.from_numpy(ids_GL),
            rows=rows,
            maskable=_row_counts(ids_GL[rows], self.not_maskable),
            step=step,
            micro_batch=micro_batch,
            last_micro_batch=micro_batch + 1 == self.accumulate,
            words_GL=torch.from_numpy(self.store.word_starts("train", blocks, ids_GL))
            if self.words
            else None,
        )


class ValidationDataset(Dataset[ValidationBatch]):
    """Held-out blocks spread evenly over the split, the same for every run."""

    rank = 0
    world_size = 1

    def __init__(
        self,
        store: TokenStore,
        *,
        length: int,
        tokens: int,
        batch_tokens: int,
        not_maskable: list[int],
        length_now: Callable[[], int] | None = None,
    ) -> None:
        self.store = store
        self.length = length
        self.length_now = length_now or (lambda: length)
        self.not_maskable = not_maskable
        available = store.tokens("dev") // length
        if available == 0:
            raise InputError(
                f"the held-out text has {store.tokens('dev')} tokens, fewer than one block of "
                f"{length}: provide more held-out text or use shorter blocks (data.sequence_length)"
            )
        count = min(max(tokens // length, 1), available)
        blocks = np.arange(count) * available // count
        per_batch = max(batch_tokens // length, 1)
        self.batches = [blocks[i : i + per_batch] for i in range(0, count, per_batch)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> ValidationBatch:
        length = self.length_now()
        numbers = self.batches[index]
        if length != self.length:  # longer blocks from the same places, as many tokens
            kept = numbers[:: max(length // self.length, 1)] * self.length // length
            numbers = kept[(kept + 1) * length <= self.store.tokens("dev")]
        ids_GL = self.store.blocks("dev", numbers, length)
        first, stop = (len(ids_GL) * (self.rank + i) // self.world_size for i in (0, 1))
        maskable = _row_counts(ids_GL[first:stop], self.not_maskable)
        return ValidationBatch(torch.from_numpy(ids_GL), slice(first, stop), maskable, index)


@dataclass
class _RemainingMicroBatches:
    """Indices of the remaining micro-batches; its length is that of the run, as Lightning needs."""

    start: int
    stop: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop


@dataclass
class _ErrorsAsValues(Dataset[Any]):
    """For worker processes: torch would put a worker's traceback into the text of an error."""

    dataset: Dataset[Any]

    def __getitem__(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except InputError as error:
            return error


def _identity(batch: Any) -> Any:
    return batch


class TextDataModule(L.LightningDataModule):
    """Serves the batches of a run, and held-out text of the same store.

    Args:
        training: the batches of the run; the trainer gives their rank and number of ranks.
        config: the ``data`` section.
        validation_not_maskable: ids that validation never masks.
        batch_tokens: tokens per validation batch.
        validation_as_training: validate on blocks of the length that training has at that step; the
            default is the shortest length of the run.
    """

    def __init__(
        self,
        training: StepDataset,
        config: DataConfig,
        *,
        validation_not_maskable: list[int],
        batch_tokens: int,
        validation_as_training: bool = False,
    ) -> None:
        super().__init__()
        self.training = training
        self.workers = config.workers
        self.validation = ValidationDataset(
            training.store,
            length=min(config.sequence_length.values()),
            tokens=config.validation_tokens,
            batch_tokens=batch_tokens,
            not_maskable=validation_not_maskable,
            length_now=self._training_length if validation_as_training else None,
        )

    def state_dict(self) -> dict[str, Any]:
        return asdict(self.training.store.content)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raises InputError if the checkpoint is of a run on other text or another tokenizer."""
        store = self.training.store
        if state_dict["digest"] != store.content.digest:
            changes = key_changes(state_dict["key"], store.content.key)
            raise InputError(
                f"the checkpoint was saved by a run on the store {state_dict['store']}, and this "
                f"run uses {store.folder.name} ({changes or 'built by other software'}): "
                "resume each run in its own folder, with its own checkpoints"
            )

    def _training_length(self) -> int:
        step = self.trainer.global_step if self.trainer else 0
        plan = self.training.plan
        return plan.phase(min(step, plan.total_steps - 1)).length

    def train_dataloader(self) -> DataLoader[Any]:
        trainer, training = self.trainer, self.training
        assert trainer is not None
        training.rank, training.world_size = trainer.global_rank, trainer.world_size
        remaining = _RemainingMicroBatches(
            trainer.global_step * training.accumulate,
            training.plan.total_steps * training.accumulate,
        )
        served = _ErrorsAsValues(training) if self.workers else training
        return self._loader(
            served,
            sampler=remaining,
            num_workers=self.workers,
            worker_init_fn=leave_signals_to_parent,
        )

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        if isinstance(batch, InputError):
            raise batch
        return batch

    def val_dataloader(self) -> DataLoader[ValidationBatch]:
        trainer = self.trainer
        assert trainer is not None
        self.validation.rank = trainer.global_rank
        self.validation.world_size = trainer.world_size
        return self._loader(self.validation)

    def _loader(self, dataset: Dataset[Any], **options: Any) -> DataLoader[Any]:
        assert self.trainer is not None
        pin = isinstance(self.trainer.accelerator, CUDAAccelerator)
        return DataLoader(dataset, batch_size=None, collate_fn=_identity, pin_memory=pin, **options)
