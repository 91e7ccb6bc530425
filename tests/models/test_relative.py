"""The hand-written backward of attention against finite differences, position buckets against
Hugging Face's function, dropout masks against independent draws."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from amlm.models import relative
from amlm.models.layers import Dropout
from amlm.models.relative import attend, bucket, keep_mask


@pytest.mark.parametrize("buckets", [2, 7, 8, 32, 256])
@pytest.mark.parametrize("max_distance", [300, 512, 1024])
def test_buckets_equal_those_of_hugging_face(buckets: int, max_distance: int) -> None:
    distance_X = torch.arange(1200)
    theirs_X = make_log_bucket_position(distance_X, buckets, max_distance).long()
    assert torch.equal(bucket(distance_X, buckets, max_distance), theirs_X)
    assert torch.equal(
        make_log_bucket_position(-distance_X, buckets, max_distance).long(), -theirs_X
    )


@pytest.mark.parametrize(("p", "rows"), [(0.0, 64), (0.4, 2)])
def test_attention_backward_equals_finite_differences(
    p: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relative, "ROWS", rows)
    torch.manual_seed(0)
    qkv = [torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    pos_key, pos_query = (
        torch.randn(5, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)
    )
    padding_B1L = torch.tensor([[False] * 3, [False, False, True]])[:, None]

    def attend_seeded(terms: str, *inputs: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same mask at every evaluation
        pos_key = inputs[3] if "c2p" in terms else None
        pos_query = inputs[-1] if "p2c" in terms else None
        query, key, value = inputs[:3]
        return attend(query, key, value, pos_key, pos_query, padding_B1L, 0.7, p)

    for terms, inputs in (
        ("c2p p2c", (*qkv, pos_key, pos_query)),
        ("c2p", (*qkv, pos_key)),
        ("p2c", (*qkv, pos_query)),
    ):
        assert torch.autograd.gradcheck(partial(attend_seeded, terms), inputs)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("length", [5, 6, 7, 9])
def test_blocks_of_rows_give_the_gradients_of_one_block(
    batch: int, heads: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradients(rows: int) -> list[Tensor]:
        monkeypatch.setattr(relative, "ROWS", rows)
        torch.manual_seed(0)
        sizes = [(batch, length)] * 3 + [(2 * length - 1,)] * 2
        query, key, value, pos_key, pos_query = inputs = [
            torch.randn(*each, heads, 4, dtype=torch.float64, requires_grad=True) for each in sizes
        ]
        context = attend(query, key, value, pos_key, pos_query, None, 0.5, 0.0)
        found = torch.autograd.grad((context * torch.randn_like(context)).sum(), inputs)
        return [context, *found]

    expected = gradients(length)
    for rows in (1, 3, 4):  # the last of them with one row, and with more
        for found, each in zip(gradients(rows), expected, strict=True):
            torch.testing.assert_close(found, each)


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keep_mask_draws_are_independent(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    like = torch.empty(501, 403, dtype=dtype)  # not a multiple of the word size
    mask = keep_mask(like, p)
    dropped = Dropout(p)(torch.ones_like(like))
    assert dropped.dtype == dtype
    kept = 1 / torch.tensor(1 - p, dtype=dtype)
    assert set(dropped.flatten().tolist()) == {0.0, float(kept)}
    assert set(mask.flatten().tolist()) == {0.0, 1.0}
    draws = mask.double().flatten()
    deviation = (p * (1 - p) / len(draws)) ** 0.5
    assert abs(float(draws.mean()) - (1 - p)) < 4 * deviation
    for lag in (1, 2, 3, 4, 8, 403):  # a word holds four draws: neighbours must be uncorrelated
        products = (draws[lag:] - (1 - p)) * (draws[:-lag] - (1 - p))
        assert abs(float(products.mean())) < 4 * p * (1 - p) / len(products) ** 0.5
    assert not torch.equal(mask, keep_mask(mask, p))
    torch.manual_seed(0)
    assert torch.equal(mask, keep_mask(mask, p))
