"""Gate, attention and frequency against their formulas over the dense matrix h in float64 (values
and gradients), finite differences, static shapes against exact ones, and the folded matrix."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amlm.models import nhot
from amlm.models.fusions import AttentionNHot, FrequencyNHot, GateNHot, segment_softmax
from amlm.models.nhot import NHotEmbedding
from amlm.models.substrings import SubstringIndex, build_substring_index

V, D = 41, 6
FUSIONS = ["gate", "attention", "frequency"]
COUNTS_V = np.array([0, 0, 9, 0, 5, *(10_000 // (v * v) for v in range(1, V - 4))])


def index_of(count: int = V, include_self: bool = True, letters: str = "abc▁") -> SubstringIndex:
    draw = random.Random(0)
    words = ["".join(draw.choices(letters, k=draw.choice([1, 2, 3, 4, 7]))) for _ in range(count)]
    return build_substring_index([*[None] * 5, *words[5:]], include_self)


def make(fusion: str, index: SubstringIndex, dim: int | None = None) -> NHotEmbedding:
    torch.manual_seed(0)
    embedding = nn.Embedding(len(index), D, padding_idx=0, dtype=torch.float64)
    kinds: dict[str, Callable[..., NHotEmbedding]] = {
        "gate": GateNHot,
        "attention": AttentionNHot,
        "frequency": partial(FrequencyNHot, COUNTS_V[: len(index)]),
    }
    module = kinds[fusion](embedding, index, dim)
    with torch.no_grad():
        module.substring_weight.normal_()  # far from an almost equal weighting
    return module


def dense(index: SubstringIndex) -> Tensor:
    h_VV = torch.zeros(len(index), len(index), dtype=torch.float64)
    for v in range(len(index)):
        h_VV[v, index.row(v).tolist()] = 1
    return h_VV


def norm(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def reference(fusion: str, module: NHotEmbedding, h_VV: Tensor) -> Tensor:
    """E' of all types, from the definitions."""
    own_VD = torch.cat([module.weight[:1].detach(), module.weight[1:]])  # padding gets no gradient
    P = torch.eye(D) if module.projection is None else module.projection.weight.T
    W_VD = module.substring_weight @ P.double()
    if isinstance(module, GateNHot):
        n_VD = h_VV @ W_VD
        A, b = module.gate.weight, module.gate.bias
        pre_VD = norm(own_VD) @ A[:, :D].T + norm(n_VD) @ A[:, D:].T + b
        return own_VD + n_VD / (1 + (-pre_VD).exp())
    if isinstance(module, AttentionNHot):
        q_VK = norm(own_VD) @ module.query.weight.T
        k_VK = norm(module.substring_weight) @ module.key.weight.T
        mass_VV = (q_VK @ k_VK.T / 8).exp() * h_VV
        return own_VD + mass_VV / mass_VV.sum(1, keepdim=True).clamp(min=1e-300) @ W_VD
    rows = []
    median = sorted(c for c, h_V in zip(COUNTS_V, h_VV, strict=True) if h_V.any())
    half = (median[(len(median) - 1) // 2] + median[len(median) // 2]) / 2
    for v, count in enumerate(COUNTS_V):
        own = count / (count + half) if h_VV[v].any() else 1.0
        rows.append(own * own_VD[v] + (1 - own) * (h_VV[v] @ W_VD))
    return torch.stack(rows)


@pytest.fixture(params=["exact", "bound"])
def lengths(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact lengths, as on a CPU, or the bounds that replace them on an accelerator."""
    if request.param == "bound":
        monkeypatch.setattr(nhot, "static_length", lambda _, bound: bound)


BATCHES = {
    "repeated": torch.randint(0, V, (7, 30), generator=torch.Generator().manual_seed(0)),
    "few": torch.tensor([[9, 9, 0], [40, 9, 1]]),
    "empty rows": torch.tensor([[0, 1, 2, 3, 4, 4]]),
    "all types": torch.arange(V).flip(0),
}


@pytest.mark.parametrize("include_self", [True, False], ids=["with_self", "without_self"])
@pytest.mark.parametrize("dim", [None, 4])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_values_and_gradients_equal_those_of_the_definition(
    fusion: str, dim: int | None, include_self: bool, lengths: None
) -> None:
    index = index_of(include_self=include_self)
    module = make(fusion, index, dim)
    parameters = list(module.parameters())
    for ids in BATCHES.values():
        grad = torch.randn(*ids.shape, D, dtype=torch.float64)
        out, expected = module(ids), reference(fusion, module, dense(index))[ids]
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
        for found, target in zip(
            torch.autograd.grad(out, parameters, grad),
            torch.autograd.grad(expected, parameters, grad, materialize_grads=True),
            strict=True,
        ):
            torch.testing.assert_close(found, target, rtol=0, atol=1e-11)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_equal_finite_differences(fusion: str, lengths: None) -> None:
    module = make(fusion, index_of(16), 3)
    names = [name for name, _ in module.named_parameters()]
    ids = torch.tensor([[7, 12, 7, 1], [15, 12, 10, 7]])  # padding gets none

    def embed(*values: Tensor) -> Tensor:
        changed = dict(zip(names, values, strict=True))
        out: Tensor = torch.func.functional_call(module, changed, (ids,))
        return out

    assert torch.autograd.gradcheck(embed, tuple(module.parameters()), fast_mode=True)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_on_accelerators_no_shape_or_branch_depends_on_values(fusion: str) -> None:
    # Reading a value of a tensor on the meta device raises.
    module = make(fusion, index_of(), 4).to("meta")
    out = module(torch.zeros(3, 50, dtype=torch.int64, device="meta"))
    out.sum().backward()
    assert out.shape == (3, 50, D)
    assert all(p.grad is not None and p.grad.shape == p.shape for p in module.parameters())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_folded_weight_equals_the_module_output(
    fusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nhot, "FOLD_ROWS", 7)
    module = make(fusion, index_of(), 4).float()
    folded_VD = module.folded_weight()
    assert folded_VD.dtype == torch.float32 and not folded_VD.requires_grad
    ids = BATCHES["repeated"]
    torch.testing.assert_close(folded_VD[ids], module(ids), rtol=0, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(module.folded_weight(), folded_VD, rtol=0, atol=0)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_compiled_module_under_autocast_gives_the_same_gradients(
    fusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch._dynamo.reset()
    monkeypatch.setattr(nhot, "static_length", lambda _, bound: bound)
    module = make(fusion, index_of(), 4).float()
    results = []
    for call in (module, torch.compile(module, fullgraph=True, backend="aot_eager")):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = call(BATCHES["few"])
        results.append([out, *torch.autograd.grad(out.square().sum(), list(module.parameters()))])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_bfloat16_weights_meet_float32_exponentials(
    fusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under CUDA's autocast, which computes exponentials in float32; that of a CPU does not."""
    expected = make(fusion, index_of(), 4).float()(BATCHES["repeated"])
    module = make(fusion, index_of(), 4).bfloat16()
    original = Tensor.exp
    monkeypatch.setattr(Tensor, "exp", lambda x: original(x.float()))
    out = module(BATCHES["repeated"])
    out.sum().backward()
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("fusion", "share"), [("gate", 0.5), ("attention", 1)])
def test_the_initial_term_has_the_scale_of_the_embedding(fusion: str, share: float) -> None:
    torch.manual_seed(0)
    embedding = nn.Embedding(3_000, 128)
    nn.init.normal_(embedding.weight, 0.0, 0.02)
    kind = {"gate": GateNHot, "attention": AttentionNHot}[fusion]
    index = index_of(3_000, letters=string.ascii_letters)  # about 8 substrings each: with hundreds,
    module = kind(embedding, index, 32)  # picking among them would outweigh their mean
    added_VD = (module.folded_weight() - module.weight)[5:]
    assert added_VD.pow(2).mean().sqrt().item() == pytest.approx(0.02 * share, rel=0.3)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_types_without_substrings_keep_their_row(fusion: str, lengths: None) -> None:
    module = make(fusion, build_substring_index([None] * 8))
    out = module(torch.tensor([[1, 7, 7]]))
    out.sum().backward()
    assert torch.equal(out, module.weight[[1, 7, 7]][None])
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


def test_the_own_row_weighs_more_the_more_often_a_type_occurs() -> None:
    index = build_substring_index([None, "a", "b", "ab", "ba", "aba"])
    counts = np.array([70, 0, 10, 30, 90, 60])  # the median of the five with substrings is 30
    module = FrequencyNHot(counts, nn.Embedding(6, D), index)
    assert module.own_V.tolist() == pytest.approx([1, 0, 1 / 4, 1 / 2, 3 / 4, 2 / 3])
    assert set(module.state_dict()) == {"weight", "substring_weight", "own_V"}
    unseen = FrequencyNHot(np.zeros(6, np.int64), nn.Embedding(6, D), index)
    assert unseen.own_V.tolist() == [1, 0, 0, 0, 0, 0]


def test_segment_softmax_bears_large_scores_and_empty_segments() -> None:
    owner_T = torch.tensor([0, 0, 2, 2, 2])
    score_T = torch.tensor([1e4, 1e4, -1e4, -1e4, torch.finfo(torch.float32).min])
    weights = segment_softmax(score_T, owner_T, 4)
    assert weights.tolist() == [0.5, 0.5, 0.5, 0.5, 0.0]
