"""`experiment=paper_parity` against the authors' rules worked out by hand: when the table is
updated, what a validation averages and draws, bfloat16 weights under autocast, float32 logits."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from amlm.config.schema import Config, ModelConfig
from amlm.masking.signals import Predictions
from amlm.models.build import build_model
from amlm.training.accumulators import Validation
from amlm.training.callbacks.mask_update import MaskUpdate
from amlm.training.checkpoint_files import newest
from amlm.training.record import read_log
from amlm.training.run import Result

SHAPE = ModelConfig(hidden_size=24, layers=2, heads=2, intermediate_size=48, max_positions=64)


def _updates(every: int, first: int, offset: int, steps: int) -> list[int]:
    seen: list[int] = []

    def update(step: int, _: Any) -> torch.Tensor:
        seen.append(step)
        return torch.zeros(())

    policy = SimpleNamespace(table_V=torch.ones(3), update=update)
    trainer: Any = SimpleNamespace(callbacks=[], strategy=None)
    module: Any = SimpleNamespace(masking=policy)
    callback = MaskUpdate(every, first, offset)
    for step in range(1, steps + 1):
        callback.on_step_end(trainer, module, step)
    return seen


def test_the_authors_updates_come_after_steps_201_401_and_so_on() -> None:
    assert _updates(200, 0, 1, 700) == [201, 401, 601]
    assert _updates(200, 0, 0, 700) == [200, 400, 600]
    assert _updates(200, 400, 1, 700) == [401, 601]


def test_the_mean_of_batch_means_weighs_batches_alike() -> None:
    def batch(right: int, labels: int, nll: float) -> Predictions:
        correct = torch.arange(labels) < right
        valid = torch.ones(labels, dtype=torch.bool)
        return Predictions(
            torch.zeros(labels).long(), correct, torch.full((labels,), nll), valid, valid
        )

    counts, parts = torch.ones(1, dtype=torch.int64), ["noun"]
    one, other = Validation(counts, parts, of_batches=True), Validation(counts, parts)
    for each in (batch(1, 2, 3.0), batch(6, 6, 1.0)):
        one.add(each)
        other.add(each)
    for validation, loss, accuracy in ((one, 2.0, 0.75), (other, 1.5, 7 / 8)):
        found = validation.close()
        assert (found["loss"], found["accuracy"]) == (loss, accuracy)
        assert found["accuracy_over_types"] == 7 / 8  # exact over types in both


@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
def test_logits_are_float32_on_request_in_every_precision(weights: torch.dtype) -> None:
    model = build_model(SHAPE, 2_000, None, seed=1).eval().to(weights)
    ids = torch.randint(5, 2_000, (4, 32))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        narrow, wide = model(ids), model(ids, float32_logits=True)
    assert narrow.dtype == torch.bfloat16 and wide.dtype == torch.float32
    assert len(narrow.unique()) < len(wide.unique())  # what bfloat16 takes for equal
    torch.testing.assert_close(narrow.float(), wide, rtol=0.02, atol=0.02)


def test_float32_models_compute_the_same_bits_with_and_without_the_request() -> None:
    model = build_model(SHAPE, 100, None, seed=1).eval()
    ids = torch.randint(5, 100, (2, 16))
    with torch.no_grad():
        assert torch.equal(model(ids), model(ids, float32_logits=True))


def test_parity_trains_bfloat16_weights_and_draws_new_masks_at_each_validation(
    tiny: Callable[..., Config], tiny_run: Callable[..., Result]
) -> None:
    options = ("experiment=paper_parity", "trainer.max_steps=4", "trainer.validate_every=2")
    assert str(tiny(*options).name).startswith("paper_parity")
    # Without learning, the same masks would give the same numbers.
    still = (*options, "optimizer.lr=1e-30", "masking.update_every=1", "model.dropout=0")
    first, second = (tiny_run(*still).folder for _ in range(2))
    losses = [r["loss"] for r in read_log(first) if r["kind"] == "validation"]
    assert len(losses) == 3 and len(set(losses)) == 3
    assert losses == [r["loss"] for r in read_log(second) if r["kind"] == "validation"]
    fixed = tiny_run(*still, "validation.protocol=fixed").folder
    assert len({r["loss"] for r in read_log(fixed) if r["kind"] == "validation"}) == 1
    checkpoint = newest(first)[1]["state_dict"]
    weights = {k: v for k, v in checkpoint.items() if k.startswith("model.")}
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}


def test_parity_validates_on_blocks_of_the_length_of_training(
    tiny_run: Callable[..., Result],
) -> None:
    result = tiny_run(
        "experiment=paper_parity",
        "++data.sequence_length={0: 16, 1: 64}",
        "trainer.max_steps=null",
        "data.epochs=2",
        "trainer.validate_every=40",
        "data.tokens_per_step=2048",
    )
    validations = [r for r in read_log(result.folder) if r["kind"] == "validation"]
    assert all(0 < r["loss"] < 20 for r in validations) and len(validations) >= 2
