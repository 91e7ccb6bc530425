"""The labelled positions of some rows of a batch, against the global batch they were taken from."""

from __future__ import annotations

import pytest
import torch

from amlm.masking.rows import slots
from amlm.masking.sampler import Sampler
from amlm.masking.schedule import Constant, Linear
from tests.masking.policies import (
    SAMPLERS,
    V,
    check_rows,
    maskable_counts,
    policy,
    text,
    with_table,
)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
@pytest.mark.parametrize("cuts", [[], [6], [4, 8], [1, 2, 11], [3, 4, 6, 9], list(range(1, 12))])
def test_rows_together_hold_every_label_of_the_global_batch(
    sampler: Sampler, cuts: list[int]
) -> None:
    ids_GL = text()
    masking = with_table(policy(sampler=sampler), spread=1.5)
    counts = maskable_counts(ids_GL)
    for step in (0, 40, 41, 42, 99):
        corruption = masking.corrupt(ids_GL, step)
        found: set[int] = set()
        for start, stop in zip([0, *cuts], [*cuts, 12], strict=True):
            span = slice(start, stop)
            rows = masking.rows(ids_GL, corruption, span, counts[span], step)
            assert 1 <= len(rows.valid_M) <= ids_GL[span].numel()
            new = check_rows(ids_GL, corruption, span, rows)
            assert not new & found
            found |= new
        assert found == set(corruption.selected_GL.flatten().nonzero().squeeze(1).tolist())


def test_systematic_leaves_at_most_a_step_of_the_grid_unused() -> None:
    # 2,048 positions: slots come in sixteens, and at most two more are unused for rounding.
    ids_GL, masking = text(32, 64), with_table(policy())
    counts = maskable_counts(ids_GL)
    for step in range(100):
        corruption = masking.corrupt(ids_GL, step)
        for span in (slice(0, 32), slice(0, 16), slice(16, 32)):
            rows = masking.rows(ids_GL, corruption, span, counts[span], step)
            grid = (span.stop - span.start) * 64 // 128
            assert len(rows.valid_M) % grid == 0
            assert int((~rows.valid_M).sum()) <= grid - 1 + (
                1 if span.stop - span.start == 32 else 2
            )


@pytest.mark.parametrize(("rows", "length"), [(32, 64), (256, 64), (64, 256)])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
def test_a_falling_ratio_meets_some_tens_of_shapes(
    sampler: Sampler, rows: int, length: int
) -> None:
    schedule, counts = Linear(0.40, 0.15), [length - 2] * rows
    shapes = {
        slots(sampler.capacity([schedule(step, 8325) * count for count in counts]), rows * length)
        for step in range(8325)
    }
    assert 25 <= len(shapes) <= 40


@pytest.mark.parametrize(
    ("labels", "positions", "expected"),
    [(0, 64, 1), (1, 64, 1), (7, 64, 7), (65, 64, 64), (1, 1024, 8), (8, 1024, 8), (9, 1024, 16)],
)
def test_slots_are_the_next_multiple_of_the_grid(
    labels: int, positions: int, expected: int
) -> None:
    assert slots(labels, positions) == expected


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["systematic", "bernoulli"])
@pytest.mark.parametrize(("rows", "length"), [(256, 64), (1024, 16), (2048, 8), (4096, 4)])
def test_no_label_is_lost_at_any_sequence_length(sampler: Sampler, rows: int, length: int) -> None:
    # In short sequences many positions are selected only because each row gets at least one.
    ids_GL = torch.randint(5, V, (rows, length), generator=torch.Generator().manual_seed(0))
    masking = policy(sampler=sampler, schedule=Constant(0.15))
    for step in range(3):
        corruption = masking.corrupt(ids_GL, step)
        taken = masking.rows(ids_GL, corruption, slice(0, rows), [length] * rows, step)
        assert int(taken.valid_M.sum()) == int(corruption.selected_GL.sum())
