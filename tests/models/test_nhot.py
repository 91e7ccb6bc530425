"""N-hot embeddings against the dense product h @ W in float64 (values and gradients), the folded
matrix against the module, static shapes against exact ones, and a Hugging Face model with the
module against a plain one with the folded matrix."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import DebertaV2Config, DebertaV2ForMaskedLM

from amlm.models import nhot
from amlm.models.nhot import NHotEmbedding, distinct_types
from amlm.models.substrings import SubstringIndex, build_substring_index

V, D = 61, 6


def make_surfaces(count: int = V, seed: int = 0) -> list[str | None]:
    draw = random.Random(seed)
    words = ["".join(draw.choices("abc▁", k=draw.choice([1, 2, 3, 4, 7]))) for _ in range(count)]
    return [None, None, None, None, None, *words[5:]]


@pytest.fixture(params=[True, False], ids=["with_self", "without_self"])
def index(request: pytest.FixtureRequest) -> SubstringIndex:
    return build_substring_index(make_surfaces(), include_self=request.param)


@pytest.fixture(params=["exact", "bound"])
def lengths(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Exact lengths, as on a CPU, or the bounds that replace them on an accelerator."""
    if request.param == "bound":
        monkeypatch.setattr(nhot, "static_length", lambda _, bound: bound)
    return str(request.param)


def dense(index: SubstringIndex) -> Tensor:
    h_VV = torch.zeros(len(index), len(index), dtype=torch.float64)
    for v in range(len(index)):
        h_VV[v, index.row(v).tolist()] = 1
    return h_VV


def make(index: SubstringIndex, dim: int | None = None) -> NHotEmbedding:
    torch.manual_seed(0)
    embedding = nn.Embedding(len(index), D, padding_idx=0, dtype=torch.float64)
    return NHotEmbedding(embedding, index, dim)


def reference(module: NHotEmbedding, h_VV: Tensor) -> Callable[[Tensor], Tensor]:
    def embed(ids: Tensor) -> Tensor:
        nhot_ND = h_VV[ids] @ module.substring_weight
        if module.projection is not None:
            nhot_ND = nhot_ND @ module.projection.weight.T
        return nn.functional.embedding(ids, module.weight, padding_idx=0) + nhot_ND

    return embed


BATCHES = {
    "repeated": torch.randint(0, V, (7, 40), generator=torch.Generator().manual_seed(0)),
    "few": torch.tensor([[9, 9, 0], [60, 9, 1]]),
    "one": torch.tensor([17]),
    "empty rows": torch.tensor([[0, 1, 2, 3, 4, 4]]),
    "all types": torch.arange(V).flip(0),
    "cube": torch.arange(24).view(2, 3, 4),
}


@pytest.mark.parametrize("dim", [None, D, 4, 9])
@pytest.mark.parametrize("name", BATCHES)
def test_values_and_gradients_equal_those_of_the_dense_product(
    index: SubstringIndex, lengths: str, name: str, dim: int | None
) -> None:
    module, ids = make(index, dim), BATCHES[name]
    assert (module.projection is None) == (dim in (None, D))
    grad = torch.randn(*ids.shape, D, dtype=torch.float64)
    parameters = list(module.parameters())
    out = module(ids)
    expected = reference(module, dense(index))(ids)
    assert out.shape == (*ids.shape, D)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    for found, target in zip(
        torch.autograd.grad(out, parameters, grad),
        torch.autograd.grad(expected, parameters, grad),
        strict=True,
    ):
        torch.testing.assert_close(found, target, rtol=0, atol=1e-12)


def test_gradients_equal_finite_differences(index: SubstringIndex, lengths: str) -> None:
    module = make(index, 3)
    parameters = dict(module.named_parameters())
    ids = torch.tensor([[7, 30, 7, 0], [55, 12, 60, 7]])

    def embed(weight_VS: Tensor, projection_DS: Tensor) -> Tensor:
        changed = {"substring_weight": weight_VS, "projection.weight": projection_DS}
        out: Tensor = torch.func.functional_call(module, parameters | changed, (ids,))
        return out

    inputs = (parameters["substring_weight"], parameters["projection.weight"])
    assert torch.autograd.gradcheck(embed, inputs)


def test_only_substrings_of_the_batch_get_gradients() -> None:
    surfaces = [None, "a", "b", "▁ab", "c", "ca"]
    module = make(build_substring_index(surfaces))
    module(torch.tensor([3, 3, 0])).sum().backward()
    assert module.substring_weight.grad is not None
    # "▁ab" occurs twice: its row and those of "a" and "b" get 2, the others 0.
    assert module.substring_weight.grad[:, 0].tolist() == [0, 2, 2, 2, 0, 0]


def test_distinct_types_equals_torch_unique(lengths: str) -> None:
    for ids in BATCHES.values():
        types_U, rank_N = distinct_types(ids.flatten(), V)
        unique, inverse = torch.unique(ids, return_inverse=True)
        assert torch.equal(types_U[: len(unique)], unique)
        assert torch.equal(rank_N, inverse.flatten())
        unused = types_U[len(unique) :]
        assert (unused == V).all()
        assert len(types_U) == (min(ids.numel(), V) if lengths == "bound" else len(unique))


def test_on_accelerators_no_shape_or_branch_depends_on_values(index: SubstringIndex) -> None:
    # Tensors on the meta device have no values: reading one (a host-device synchronisation on an
    # accelerator) raises.
    module = make(index, 4).to("meta")
    ids = torch.zeros(3, 50, dtype=torch.int64, device="meta")
    out = module(ids)
    out.sum().backward()
    assert out.shape == (3, 50, D)
    assert all(p.grad is not None and p.grad.shape == p.shape for p in module.parameters())
    with pytest.raises(RuntimeError, match="meta"):
        int(ids[0, 0])  # the assumption of this test


@pytest.mark.parametrize("dim", [None, 4])
def test_folded_weight_equals_the_module_output(
    index: SubstringIndex, dim: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nhot, "FOLD_ROWS", 7)  # several chunks, the last one shorter
    module = make(index, dim).float()
    folded_VD = module.folded_weight()
    assert folded_VD.shape == (V, D) and folded_VD.dtype == torch.float32
    assert not folded_VD.requires_grad
    ids = BATCHES["repeated"]
    torch.testing.assert_close(folded_VD[ids], module(ids), rtol=0, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(module.folded_weight(), folded_VD, rtol=0, atol=0)


def test_an_empty_index_adds_nothing(lengths: str) -> None:
    module = make(build_substring_index([None] * 8))
    ids = torch.tensor([[1, 7, 7]])
    out = module(ids)
    out.sum().backward()
    assert torch.equal(out, module.weight[ids])
    assert module.substring_weight.grad is not None and not module.substring_weight.grad.any()


@pytest.mark.parametrize("dim", [None, 16])
def test_initial_nhot_term_has_the_scale_of_the_embedding(dim: int | None) -> None:
    index = build_substring_index(make_surfaces(3000))
    torch.manual_seed(0)
    embedding = nn.Embedding(3000, 128)
    nn.init.normal_(embedding.weight, 0.0, 0.02)
    module = NHotEmbedding(embedding, index, dim)
    added_VD = (module.folded_weight() - module.weight)[5:]
    assert added_VD.pow(2).mean().sqrt().item() == pytest.approx(0.02, rel=0.25)
    module(torch.arange(3000)).pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters())


def test_only_parameters_are_in_a_checkpoint(index: SubstringIndex) -> None:
    names = {"weight", "substring_weight", "projection.weight"}
    assert set(make(index, 4).state_dict()) == names


def test_an_index_of_another_vocabulary_is_refused(index: SubstringIndex) -> None:
    with pytest.raises(ValueError, match=f"has {V} types and the token embedding 99"):
        NHotEmbedding(nn.Embedding(99, D), index)
    with pytest.raises(ValueError, match="special token"):
        NHotEmbedding(nn.Embedding(2, D), build_substring_index(["a", "b"]))


def tiny_config(**changes: object) -> DebertaV2Config:
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return DebertaV2Config(
        vocab_size=V,
        intermediate_size=32,
        relative_attention=True,
        position_buckets=8,
        max_position_embeddings=32,
        pos_att_type=["p2c", "c2p"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=0,
        **sizes,
        **changes,
    )


@pytest.mark.parametrize("dim", [None, 10])
def test_hugging_face_model_stays_tied_in_training_and_exports_to_a_plain_one(
    index: SubstringIndex, dim: int | None
) -> None:
    torch.manual_seed(0)
    model = DebertaV2ForMaskedLM(tiny_config()).eval()
    names = set(model.state_dict())
    token_weight = model.deberta.embeddings.word_embeddings.weight
    module = NHotEmbedding(model.deberta.embeddings.word_embeddings, index, dim)
    model.set_input_embeddings(module)
    assert model.get_input_embeddings() is module
    assert names < set(model.state_dict())

    ids = BATCHES["repeated"][:, :16].contiguous()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
    model.tie_weights()
    assert model.get_output_embeddings().weight is token_weight is module.weight
    assert token_weight.grad is not None and token_weight.grad[60].any()
    assert sum(p is token_weight for p in model.parameters()) == 1

    plain = DebertaV2ForMaskedLM(tiny_config(tie_word_embeddings=False)).eval()
    state = {k: v for k, v in model.state_dict().items() if k in names}
    state["deberta.embeddings.word_embeddings.weight"] = module.folded_weight()
    plain.load_state_dict(state)
    assert plain.get_output_embeddings().weight is not plain.get_input_embeddings().weight
    with torch.no_grad():
        expected, logits = model(input_ids=ids).logits, plain(input_ids=ids).logits
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)
    assert not torch.equal(module.folded_weight(), token_weight)
