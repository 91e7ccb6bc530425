"""The batch plan against its promises (every block once per epoch, constant tokens per step, a pure
function of the step) on plans of random sizes, and against layouts calculated by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest

from amlm.config.schema import DataConfig
from amlm.store.plan import BatchPlan, make_plan
from amlm.util.errors import InputError


def plan_of(
    tokens: int,
    lengths: dict[int, int] | int = 8,
    per_step: int = 32,
    *,
    epochs: int = 3,
    max_steps: int | None = None,
    seed: int = 0,
) -> BatchPlan:
    lengths = {0: lengths} if isinstance(lengths, int) else lengths
    config = DataConfig(sequence_length=lengths, tokens_per_step=per_step, epochs=epochs)
    return make_plan(tokens, config, max_steps, seed)


def all_blocks(plan: BatchPlan) -> list[list[int]]:
    return [plan.blocks(step)[0].tolist() for step in range(plan.total_steps)]


def stream_of(plan: BatchPlan) -> list[int]:
    return [block for blocks in all_blocks(plan) for block in blocks]


def random_plans(count: int) -> list[tuple[BatchPlan, int, dict[int, int], int, int]]:
    """Plans with their tokens, lengths, tokens per step and epochs."""
    draw = random.Random(0)
    made = []
    for _ in range(count):
        starts = sorted(draw.sample(range(1, 6), k=draw.choice([0, 0, 1, 2])))
        lengths = {epoch: draw.choice([4, 8, 12, 16]) for epoch in [0, *starts]}
        per_step = 48 * draw.randint(1, 6)
        tokens = per_step * draw.randint(1, 9) + draw.randint(0, per_step)
        epochs = draw.randint(1, 8)
        plan = plan_of(tokens, lengths, per_step, epochs=epochs, seed=draw.randint(0, 99))
        made.append((plan, tokens, lengths, per_step, epochs))
    return made


def test_every_block_occurs_once_per_epoch_in_plans_of_any_size() -> None:
    for plan, tokens, lengths, per_step, epochs in random_plans(150):
        step = 0
        starts = [epoch for epoch in lengths if epoch < epochs]
        for first, after in zip(starts, [*starts[1:], epochs], strict=True):
            length = lengths[first]
            blocks = tokens // length
            stream: list[int] = []
            while (len(stream) + per_step // length) <= (after - first) * blocks:
                numbers, step_length = plan.blocks(step)
                assert step_length == length
                assert len(numbers) * length == per_step
                stream += numbers.tolist()
                step += 1
            for epoch in range(len(stream) // blocks):
                seen = stream[epoch * blocks : (epoch + 1) * blocks]
                assert sorted(seen) == list(range(blocks))
            rest = stream[len(stream) // blocks * blocks :]
            assert len(set(rest)) == len(rest) and all(0 <= block < blocks for block in rest)
            assert (after - first) * blocks - len(stream) < per_step // length
        assert plan.total_steps == step


def test_batches_can_span_two_epochs() -> None:
    plan = plan_of(7 * 8 + 3, epochs=3)  # 7 blocks, 4 per step
    assert plan.total_steps == 5  # 21 blocks: the last one of the third epoch is dropped
    stream = stream_of(plan)
    assert sorted(stream[:7]) == sorted(stream[7:14]) == list(range(7))
    assert len(set(stream[14:])) == 6
    assert stream[:7] != stream[7:14]


def test_curriculum_by_hand() -> None:
    # 10,240 tokens: 160 blocks of 64, 16 per step; from epoch 5 on 40 blocks of 256, 4 per step.
    plan = plan_of(10_240, {0: 64, 5: 256}, 1_024, epochs=10)
    assert plan.total_steps == 100
    shapes = [(len(blocks), length) for blocks, length in map(plan.blocks, range(100))]
    assert shapes == [(16, 64)] * 50 + [(4, 256)] * 50
    assert [plan.phase(step).length for step in (0, 49, 50, 99)] == [64, 64, 256, 256]
    epochs = {0: 0.0, 1: 0.1, 10: 1.0, 49: 4.9, 50: 5.0, 55: 5.5, 99: 9.9, 100: 10.0}
    assert {step: plan.epoch(step) for step in epochs} == pytest.approx(epochs)


def test_curriculum_of_a_text_that_does_not_divide_evenly() -> None:
    # 156 blocks of 64, 16 per step: 780 / 16 = 48 steps; 39 of 256, 4 per step: 195 / 4 = 48.
    plan = plan_of(10_000, {0: 64, 5: 256}, 1_024, epochs=10)
    assert plan.total_steps == 96
    assert plan.epoch(47) == pytest.approx(47 * 16 / 156)
    assert plan.epoch(48) == 5.0
    assert plan.epoch(96) == pytest.approx(5 + 48 * 4 / 39)
    assert plan.blocks(47)[1] == 64 and plan.blocks(48)[1] == 256


def test_lengths_can_be_given_in_any_order() -> None:
    options = {"per_step": 96, "epochs": 6}
    one = plan_of(1_000, {0: 4, 2: 8, 4: 12}, **options)
    assert one == plan_of(1_000, {4: 12, 0: 4, 2: 8}, **options)
    assert [phase.first_epoch for phase in one.phases] == [0, 2, 4]


def test_consecutive_phases_of_one_length_equal_a_single_phase() -> None:
    plan = plan_of(10_240, {0: 64, 2: 64, 5: 256}, 1_024, epochs=7)
    assert all_blocks(plan) == all_blocks(plan_of(10_240, {0: 64, 5: 256}, 1_024, epochs=7))


@pytest.mark.parametrize("epochs", [1, 4, 5])
def test_length_of_an_epoch_that_is_not_reached_has_no_effect(epochs: int) -> None:
    plan = plan_of(10_240, {0: 64, 5: 256}, 1_024, epochs=epochs)
    assert plan == plan_of(10_240, {0: 64}, 1_024, epochs=epochs)
    assert plan.total_steps == 10 * epochs


def test_more_steps_than_epochs_repeat_the_text() -> None:
    short, long = plan_of(800, epochs=2), plan_of(800, epochs=2, max_steps=1_000)
    assert (short.total_steps, long.total_steps) == (50, 1_000)
    assert all_blocks(long)[:50] == all_blocks(short)
    stream = stream_of(long)
    epochs = [tuple(stream[i : i + 100]) for i in range(0, len(stream), 100)]
    assert len(set(epochs)) == len(epochs) == 40
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert long.epoch(1_000) == pytest.approx(40.0)


def test_fewer_steps_than_epochs_stop_early() -> None:
    lengths = {0: 64, 5: 256}
    whole = plan_of(10_240, lengths, 1_024, epochs=10)
    for steps in (1, 7, 50, 51, 99):
        plan = plan_of(10_240, lengths, 1_024, epochs=10, max_steps=steps)
        assert plan.total_steps == steps
        assert all_blocks(plan) == all_blocks(whole)[:steps]


@pytest.mark.parametrize("epochs", [1, 5, 6, 100])
def test_length_follows_the_epoch_when_max_steps_is_given(epochs: int) -> None:
    plan = plan_of(10_240, {0: 64, 5: 256}, 1_024, epochs=epochs, max_steps=70)
    assert [plan.blocks(step)[1] for step in range(70)] == [64] * 50 + [256] * 20
    assert plan.epoch(70) == pytest.approx(7.0)


def test_text_smaller_than_a_step_is_refused_when_max_steps_is_given() -> None:
    with pytest.raises(InputError, match="too few for one step"):
        plan_of(3 * 8, per_step=64, epochs=1, max_steps=6)  # 3 blocks, 8 per step


def test_order_depends_on_seed_and_epoch() -> None:
    orders = []
    for seed in range(6):
        stream = stream_of(plan_of(8 * 64, epochs=6, seed=seed))
        orders += [tuple(stream[i : i + 64]) for i in range(0, len(stream), 64)]
    assert len(set(orders)) == len(orders) == 36
    assert tuple(range(64)) not in orders
    assert all_blocks(plan_of(8 * 64, seed=3)) == all_blocks(plan_of(8 * 64, seed=3))


def test_order_is_uniform() -> None:
    # First blocks of 2,000 permutations of 5 blocks: 400 each, standard deviation 17.9.
    plan = plan_of(5 * 8, per_step=40, epochs=2_000)
    counts_5 = np.bincount([plan.blocks(step)[0][0] for step in range(2_000)], minlength=5)
    assert abs(counts_5 - 400).max() < 5 * 17.9


def test_plan_is_a_pure_function_of_the_step() -> None:
    one = plan_of(9_999, {0: 64, 5: 256}, 1_024, epochs=10, seed=5)
    other = plan_of(7_777, {0: 64, 2: 128}, 1_024, epochs=10, seed=6)
    expected = all_blocks(one)
    steps = list(range(one.total_steps)) * 2
    random.Random(0).shuffle(steps)
    for step in steps:
        other.blocks(step % other.total_steps)
        blocks, _ = one.blocks(step)
        assert blocks.tolist() == expected[step]
        blocks[:] = -1  # a caller may modify its array
    again = plan_of(9_999, {0: 64, 5: 256}, 1_024, epochs=10, seed=5)
    assert again == one and again.blocks(70)[0].tolist() == expected[70]


@pytest.mark.parametrize(
    ("tokens", "lengths", "epochs", "max_steps"),
    [
        (63, {0: 8}, 1, None),
        (15, {0: 8}, 3, None),
        (0, {0: 8}, 3, None),
        (7, {0: 8}, 3, 10),
        (40, {0: 8, 1: 16}, 3, 10),
    ],
    ids=["less than a step", "in all epochs", "no text", "less than a block", "first phase"],
)
def test_text_that_is_too_short_is_an_error(
    tokens: int, lengths: dict[int, int], epochs: int, max_steps: int | None
) -> None:
    with pytest.raises(InputError, match=rf"text has {tokens} tokens, .*tokens_per_step=64"):
        plan_of(tokens, lengths, 64, epochs=epochs, max_steps=max_steps)


def test_text_of_exactly_one_step_is_accepted() -> None:
    plan = plan_of(64, per_step=64, epochs=1)
    assert plan.total_steps == 1
    assert sorted(plan.blocks(0)[0].tolist()) == list(range(8))
