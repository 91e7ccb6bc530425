"""Batches of the data module against slices of the store's ids, over every division of a step into
ranks and micro-batches, and counts of maskable positions against brute force."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amlm.config.schema import DataConfig
from amlm.store.datamodule import StepBatch, StepDataset, TextDataModule, ValidationDataset
from amlm.store.plan import BatchPlan, make_plan
from amlm.store.token_store import TokenStore
from amlm.util.errors import InputError
from amlm.util.processes import SIGNALS

MakeConfig = Callable[..., DataConfig]
LENGTHS = {0: 16, 1: 64}
PER_STEP = 2_048


@pytest.fixture(scope="module")
def plan(small_store: TokenStore) -> BatchPlan:
    config = DataConfig(sequence_length=LENGTHS, tokens_per_step=PER_STEP, epochs=2)
    return make_plan(len(small_store.ids("train")), config, max_steps=None, seed=1)


@pytest.fixture
def make_dataset(small_store: TokenStore, plan: BatchPlan) -> Callable[..., StepDataset]:
    def make(**options: Any) -> StepDataset:
        return StepDataset(small_store, plan, **{"not_maskable": [0, 1, 2, 4], **options})

    return make


@pytest.fixture
def make_module(
    make_dataset: Callable[..., StepDataset], corpus_dir: Path, data_config: MakeConfig
) -> Callable[..., TextDataModule]:
    """A data module attached to a trainer at a given step."""

    def make(
        global_step: int = 0, rank: int = 0, world_size: int = 1, **options: Any
    ) -> TextDataModule:
        config = data_config(corpus_dir, sequence_length=LENGTHS, validation_tokens=1_000)
        module = TextDataModule(
            make_dataset(**options), config, validation_not_maskable=[0, 1], batch_tokens=128
        )
        trainer = SimpleNamespace(
            global_step=global_step, global_rank=rank, world_size=world_size, accelerator=None
        )
        module.trainer = trainer  # type: ignore[assignment]
        return module

    return make


def cut(store: TokenStore, split: str, blocks: Sequence[int], length: int) -> list[list[int]]:
    ids = store.ids(split).tolist()
    return [ids[block * length : (block + 1) * length] for block in blocks]


def maskable_of(rows: list[list[int]], not_maskable: Sequence[int]) -> tuple[int, ...]:
    return tuple(sum(i not in not_maskable for i in row) for row in rows)


def test_ranks_and_micro_batches_together_are_the_global_batch_in_order(
    small_store: TokenStore, plan: BatchPlan, make_dataset: Callable[..., StepDataset]
) -> None:
    for step in (0, 3, plan.total_steps - 1):
        blocks, length = plan.blocks(step)
        expected = cut(small_store, "train", blocks.tolist(), length)
        for world_size, accumulate in [(1, 1), (1, 4), (2, 1), (2, 2), (4, 4), (8, 1)]:
            rows: list[list[int]] = []
            for micro_batch in range(accumulate):
                for rank in range(world_size):
                    dataset = make_dataset(rank=rank, world_size=world_size, accumulate=accumulate)
                    batch = dataset[step * accumulate + micro_batch]
                    assert batch.ids_GL.dtype == torch.int64
                    assert batch.ids_GL.tolist() == expected  # every rank gets the global batch
                    assert (batch.step, batch.micro_batch) == (step, micro_batch)
                    assert batch.last_micro_batch == (micro_batch == accumulate - 1)
                    share = batch.ids_GL[batch.rows].tolist()
                    assert len(share) == PER_STEP // length // (world_size * accumulate)
                    assert batch.maskable == maskable_of(share, [0, 1, 2, 4])
                    assert all(type(count) is int for count in batch.maskable)
                    rows += share
            assert rows == expected


@settings(max_examples=15)
@given(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2]), st.integers(0, 2), st.integers(0, 99))
def test_every_block_of_an_epoch_is_seen_exactly_once(
    small_store: TokenStore, world_size: int, accumulate: int, workers: int, seed: int
) -> None:
    """Over all ranks, micro-batches and worker processes of real loaders, for one epoch."""
    length, per_step = 16, 1_024
    blocks = small_store.tokens("train") // length
    config = DataConfig(
        sequence_length={0: length}, tokens_per_step=per_step, epochs=1, workers=workers
    )
    plan = make_plan(small_store.tokens("train"), config, max_steps=None, seed=seed)
    seen: list[bytes] = []
    for rank in range(world_size):
        module = TextDataModule(
            StepDataset(small_store, plan, not_maskable=[], accumulate=accumulate),
            config,
            validation_not_maskable=[],
            batch_tokens=128,
        )
        module.trainer = SimpleNamespace(  # type: ignore[assignment]
            global_step=0, global_rank=rank, world_size=world_size, accelerator=None
        )
        for batch in module.train_dataloader():
            seen += [row.tobytes() for row in batch.ids_GL[batch.rows].numpy()]
    every = small_store.blocks("train", np.arange(blocks), length)
    expected = Counter(row.tobytes() for row in every)
    # Blocks at the end of a run that do not fill a step are dropped.
    assert len(seen) == plan.total_steps * per_step // length > blocks - per_step // length
    assert not Counter(seen) - expected


@pytest.mark.parametrize("start", [0, 5])
def test_batches_do_not_depend_on_the_number_of_workers(
    make_module: Callable[..., TextDataModule], start: int
) -> None:
    def served(workers: int) -> list[tuple[int, bytes]]:
        module = make_module(global_step=start)
        module.workers = workers
        return [(b.step, b.ids_GL.numpy().tobytes()) for b in module.train_dataloader()]

    assert served(0) == served(1) == served(3)


@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="needs sigwaitinfo")
def test_workers_leave_signals_to_their_parent(make_module: Callable[..., TextDataModule]) -> None:
    module = make_module()
    module.workers = 1
    batches: Any = iter(module.train_dataloader())
    assert next(batches).step == 0
    (worker,) = batches._workers
    for signum in SIGNALS:  # from another process than the parent
        code = f"import os; os.kill({worker.pid}, {int(signum)})"
        subprocess.run([sys.executable, "-S", "-c", code], check=True)
    assert [next(batches).step for _ in range(5)] == [1, 2, 3, 4, 5]
    assert worker.is_alive()
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == 0


def test_both_lengths_of_the_curriculum_are_served(
    plan: BatchPlan, make_dataset: Callable[..., StepDataset]
) -> None:
    dataset = make_dataset()
    shapes = [tuple(dataset[step].ids_GL.shape) for step in range(plan.total_steps)]
    changes = [i for i in range(1, len(shapes)) if shapes[i] != shapes[i - 1]]
    assert len(changes) == 1 and shapes[0] == (128, 16) and shapes[-1] == (32, 64)


@pytest.mark.parametrize("which", ["padding", "special", "frequent"])
def test_maskable_positions_are_counted_by_row(
    small_store: TokenStore, make_dataset: Callable[..., StepDataset], which: str
) -> None:
    frequent = np.argsort(small_store.type_counts("train"))[-20:].tolist()
    ids = {"padding": [0], "special": [0, 1, 2, 4], "frequent": frequent}[which]
    batch = make_dataset(not_maskable=ids, rank=1, world_size=2)[5]
    assert batch.rows == slice(64, 128)
    assert batch.maskable == maskable_of(batch.ids_GL[64:].tolist(), ids)
    assert which == "padding" or len(set(batch.maskable)) > 1


def test_overfitting_repeats_the_first_batch(make_dataset: Callable[..., StepDataset]) -> None:
    options = {"accumulate": 2, "rank": 1, "world_size": 2}
    first = [make_dataset(**options)[micro_batch] for micro_batch in range(2)]
    dataset = make_dataset(**options, overfit=True)
    for index in (0, 1, 2, 7, 1_000_000):
        batch, expected = dataset[index], first[index % 2]
        assert torch.equal(batch.ids_GL, expected.ids_GL)
        assert (batch.rows, batch.maskable) == (expected.rows, expected.maskable)
        assert (batch.step, batch.micro_batch) == divmod(index, 2)  # masks still differ by step


def test_a_batch_does_not_share_memory_with_the_store(
    make_dataset: Callable[..., StepDataset],
) -> None:
    dataset = make_dataset()
    batch = dataset[0]
    before = batch.ids_GL.clone()
    batch.ids_GL.fill_(4)
    assert torch.equal(dataset[0].ids_GL, before)


def same(one: StepBatch, other: StepBatch) -> bool:
    return torch.equal(one.ids_GL, other.ids_GL) and all(
        getattr(one, name) == getattr(other, name)
        for name in ("rows", "maskable", "step", "micro_batch", "last_micro_batch")
    )


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("rank", [0, 1])
def test_training_resumes_the_plan_at_the_given_step(
    plan: BatchPlan,
    make_module: Callable[..., TextDataModule],
    make_dataset: Callable[..., StepDataset],
    accumulate: int,
    rank: int,
) -> None:
    ranks: dict[str, int] = {"rank": rank, "world_size": 2}
    dataset = make_dataset(accumulate=accumulate, **ranks)
    expected = [dataset[i] for i in range(plan.total_steps * accumulate)]
    for resumed in (0, 4, plan.total_steps - 1):
        loader = make_module(resumed, accumulate=accumulate, **ranks).train_dataloader()
        assert len(loader) == len(expected)  # that of the whole run, wherever it resumes
        batches = list(loader)
        assert len(batches) == len(expected) - resumed * accumulate
        assert all(map(same, batches, expected[resumed * accumulate :]))


def test_the_data_module_passes_on_the_overfit_option(
    plan: BatchPlan, make_module: Callable[..., TextDataModule]
) -> None:
    batches = list(make_module(overfit=True).train_dataloader())
    assert len(batches) == plan.total_steps
    assert all(torch.equal(batch.ids_GL, batches[0].ids_GL) for batch in batches)


def validation_of(store: TokenStore, **options: Any) -> ValidationDataset:
    usual: dict[str, Any] = {"length": 16, "tokens": 1_000, "batch_tokens": 128}
    return ValidationDataset(store, not_maskable=[0, 1, 2, 4], **(usual | options))


@pytest.mark.parametrize("length", [16, 50])
@pytest.mark.parametrize("tokens", [64, 1_000, 3_333, 10**9])
@pytest.mark.parametrize("batch_tokens", [64, 1_024])
def test_validation_is_spread_evenly_over_the_held_out_text(
    small_store: TokenStore, length: int, tokens: int, batch_tokens: int
) -> None:
    dataset = validation_of(small_store, length=length, tokens=tokens, batch_tokens=batch_tokens)
    available = len(small_store.ids("dev")) // length
    count = min(tokens // length, available)
    blocks = np.concatenate(dataset.batches)
    assert len(blocks) == count
    gaps = np.diff([*blocks.tolist(), available + blocks[0]])
    assert blocks[0] == 0 and set(gaps.tolist()) <= {available // count, -(-available // count)}
    rows: list[list[int]] = []
    sizes = []
    for index in range(len(dataset)):
        batch = dataset[index]
        assert batch.index == index and batch.ids_GL.dtype == torch.int64
        ids = batch.ids_GL.tolist()
        assert batch.rows == slice(0, len(ids))
        assert batch.maskable == maskable_of(ids, [0, 1, 2, 4])
        sizes.append(len(ids))
        rows += ids
    assert rows == cut(small_store, "dev", blocks.tolist(), length)
    assert set(sizes[:-1]) <= {batch_tokens // length} and 0 < sizes[-1] <= batch_tokens // length


def test_validation_batches_have_at_least_one_block(small_store: TokenStore) -> None:
    dataset = validation_of(small_store, length=256, tokens=64, batch_tokens=64)
    assert [dataset[i].ids_GL.shape for i in range(len(dataset))] == [(1, 256)]


@pytest.mark.parametrize("world_size", [1, 2, 3, 8, 9])
def test_validation_does_not_depend_on_the_number_of_ranks(
    small_store: TokenStore, make_module: Callable[..., TextDataModule], world_size: int
) -> None:
    whole = validation_of(small_store)
    sizes = [len(whole[index].ids_GL) for index in range(len(whole))]
    assert sizes == [8] * 7 + [6]
    ranks = [list(make_module(7, rank, world_size).val_dataloader()) for rank in range(world_size)]
    for index, shares in enumerate(zip(*ranks, strict=True)):
        expected = whole[index].ids_GL.tolist()
        rows: list[list[int]] = []
        for batch in shares:
            assert batch.index == index
            assert batch.ids_GL.tolist() == expected  # every rank gets the whole batch
            share = batch.ids_GL[batch.rows].tolist()
            assert abs(len(share) - sizes[index] / world_size) < 1
            assert batch.maskable == maskable_of(share, [0, 1])
            rows += share
        assert rows == expected
    assert [len(batches) for batches in ranks] == [len(whole)] * world_size


def test_held_out_text_shorter_than_a_block_is_an_error(small_store: TokenStore) -> None:
    tokens = len(small_store.ids("dev"))
    with pytest.raises(InputError, match=rf"{tokens} tokens, fewer than one block of {tokens + 1}"):
        validation_of(small_store, length=tokens + 1)
    assert len(validation_of(small_store, length=tokens)) == 1


def test_word_starts_come_with_a_step_if_asked_for(
    make_dataset: Callable[..., StepDataset], small_store: TokenStore
) -> None:
    assert make_dataset()[3].words_GL is None
    batch = make_dataset(words=True)[3]
    assert batch.words_GL is not None and batch.words_GL.dtype == torch.bool
    pieces = np.array(small_store.pieces)[batch.ids_GL.numpy()]
    spelt = np.char.startswith(pieces, "▁")
    own = np.array([[any("\u3040" <= c <= "\u9fff" for c in p) for p in row] for row in pieces])
    spelt |= own
    spelt[:, 1:] |= own[:, :-1]
    np.testing.assert_array_equal(batch.words_GL.numpy(), spelt)
