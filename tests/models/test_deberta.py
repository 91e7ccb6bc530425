"""The encoder against Hugging Face's DebertaV2ForMaskedLM (loss, logits, all gradients, parameter
names, files, placement of dropout), also compiled, in bfloat16 and at selected positions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import DebertaV2Config, DebertaV2ForMaskedLM

from amlm.models import relative
from amlm.models.deberta import DebertaV2MaskedLM

VOCAB = 50
BOTH = ["p2c", "c2p"]


def make_config(**changes: Any) -> DebertaV2Config:
    fields: dict[str, Any] = {
        "vocab_size": VOCAB,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 40,
        "relative_attention": True,
        "position_buckets": 32,
        "share_att_key": True,
        "pos_att_type": BOTH,
        "norm_rel_ebd": "layer_norm",
        "position_biased_input": False,
        "type_vocab_size": 0,
        "max_position_embeddings": 512,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.3,  # large: attention is peaked and every term matters
    }
    return DebertaV2Config(**{**fields, **changes})


def make_models(
    config: DebertaV2Config, dtype: torch.dtype = torch.float32
) -> tuple[DebertaV2ForMaskedLM, DebertaV2MaskedLM]:
    """Both implementations with the same random weights, including biases and layer norms."""
    torch.manual_seed(0)
    theirs = DebertaV2ForMaskedLM(config)
    for parameter in theirs.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=float(parameter.detach().mean()), std=0.2)
    ours = DebertaV2MaskedLM(config)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs.to(dtype).train(), ours.to(dtype).train()


def make_batch(length: int, padded: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and labels of two sequences, the second optionally half padding."""
    generator = torch.Generator().manual_seed(length)
    ids_BL, labels_BL = torch.randint(1, VOCAB, (2, 2, length), generator=generator)
    mask_BL = torch.ones(2, length, dtype=torch.long)
    if padded:
        mask_BL[1, length // 2 :] = 0
    return ids_BL * mask_BL, mask_BL, labels_BL.where(mask_BL.bool(), -100)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).detach().norm() / expected.detach().norm())


def assert_random_models_agree(
    config: DebertaV2Config,
    length: int,
    padded: bool,
    double: bool,
    some: bool = False,
    compiled: bool = False,
) -> None:
    """Compares loss, logits and gradients, at all positions or at some of them."""
    theirs, ours = make_models(config, torch.float64 if double else torch.float32)
    assert_agree(theirs, ours, make_batch(length, padded), double, some, compiled)


def assert_agree(
    theirs: DebertaV2ForMaskedLM,
    ours: DebertaV2MaskedLM,
    batch: tuple[Tensor, Tensor, Tensor],
    double: bool = False,
    some: bool = False,
    compiled: bool = False,
) -> None:
    ids_BL, mask_BL, labels_BL = batch
    text = mask_BL.bool()
    positions_M = text.flatten().nonzero().squeeze(1)
    if some:
        draw = torch.Generator().manual_seed(0)
        positions_M = positions_M[torch.rand(len(positions_M), generator=draw) < 0.4][1:]
        positions_M = torch.cat([positions_M, positions_M[:0].new_tensor([0])])
    labels_M = labels_BL.flatten()[positions_M]
    call = torch.compile(ours, fullgraph=True, backend="aot_eager") if compiled else ours
    our_mask_BL = None if text.all() else mask_BL
    their_logits = theirs(ids_BL, attention_mask=mask_BL).logits.flatten(0, 1)[positions_M]
    if some:
        our_logits = call(ids_BL, our_mask_BL, positions_M)
    else:
        our_logits = call(ids_BL, our_mask_BL).flatten(0, 1)[positions_M]
    losses = []
    for logits in (their_logits, our_logits):
        losses.append(F.cross_entropy(logits, labels_M))
        losses[-1].backward()  # type: ignore[no-untyped-call]

    assert our_logits.isfinite().all()
    assert relative_error(losses[1], losses[0]) < (1e-12 if double else 1e-6)
    assert relative_error(our_logits, their_logits) < (1e-12 if double else 1e-5)

    our_grads = {name: p.grad for name, p in ours.named_parameters()}
    total = torch.stack([p.grad.norm() for p in theirs.parameters() if p.grad is not None]).norm()
    for name, parameter in theirs.named_parameters():
        found, expected = our_grads[name], parameter.grad
        if expected is None:
            assert found is None, name
            continue
        assert found is not None, name
        # The second term is for sums that cancel, such as the gradient of a key's bias, and leave
        # only rounding errors.
        limit = 1e-12 if double else 1e-5
        assert (found - expected).norm() < limit * expected.norm() + limit / 100 * total, name


# Every value of buckets, sharing and terms is tested with short and long sequences, with and
# without padding.
SHAPES: list[dict[str, Any]] = [
    {"position_buckets": -1},
    {"position_buckets": 8, "share_att_key": False, "num_attention_heads": 4},
    {"position_buckets": 32, "pos_att_type": ["c2p"], "num_attention_heads": 1},
    {"position_buckets": 256, "pos_att_type": ["p2c"], "share_att_key": False},
    {"position_buckets": 256},
]


# Rows of position scores come in blocks of 64.
@pytest.mark.parametrize(
    "length", [1, 2, 3, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 256, 257, 300, 600]
)
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
def test_encoder_agrees_with_hugging_face(length: int, double: bool) -> None:
    some = range(len(SHAPES)) if length < 100 else [length % 5, (length + 2) % 5, 4]
    for index in sorted(set(some)):
        config = make_config(**SHAPES[index])
        assert_random_models_agree(config, length, padded=bool((index + length) % 2), double=double)


@pytest.mark.parametrize(
    "changes",
    [
        {"norm_rel_ebd": "none"},
        {"attention_head_size": 8},  # 24 / 3
        {"tie_word_embeddings": False},
        {"pos_att_type": "c2p|p2c"},
        {"max_relative_positions": 16, "position_buckets": -1},  # distances beyond the maximum
        {"max_relative_positions": 16, "position_buckets": 8},
        {"max_position_embeddings": 20},  # sequences longer than max_position_embeddings
        {"conv_kernel_size": 3, "conv_act": "gelu"},
        {"conv_kernel_size": 5, "conv_groups": 2},
    ],
    ids=lambda changes: ",".join(changes),
)
@pytest.mark.parametrize("padded", [False, True])
def test_encoder_agrees_with_hugging_face_on_rarer_settings(
    changes: dict[str, Any], padded: bool
) -> None:
    assert_random_models_agree(make_config(**changes), length=40, padded=padded, double=True)
    assert_random_models_agree(
        make_config(**changes), length=40, padded=padded, double=True, some=True
    )


@pytest.mark.parametrize("length", [2, 31, 64, 200, 600])
@pytest.mark.parametrize("padded", [False, True])
def test_encoder_agrees_with_hugging_face_at_selected_positions(length: int, padded: bool) -> None:
    for changes in SHAPES[:: 1 if length < 100 else 4]:
        for double in (False, True):
            assert_random_models_agree(make_config(**changes), length, padded, double, some=True)


@pytest.mark.filterwarnings("ignore")  # the compiler's own warnings
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
def test_encoder_agrees_with_hugging_face_when_compiled(double: bool) -> None:
    config = make_config(num_hidden_layers=1 if double else 2)  # a compiler takes long
    assert_random_models_agree(config, 65, padded=double, double=double, some=True, compiled=True)


def test_encoder_agrees_with_hugging_face_on_trained_weights() -> None:
    theirs, ours = make_models(make_config())
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=3e-3)
    for _ in range(100):
        ids_BL, _, labels_BL = make_batch(33, padded=False)
        loss = theirs(ids_BL, labels=labels_BL).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss < 0.5  # the model has learned the batch
    ours.load_state_dict(theirs.state_dict())
    assert_agree(theirs, ours, make_batch(33, padded=True))
    theirs.zero_grad()
    ours.zero_grad()
    assert_agree(theirs, ours, make_batch(90, padded=False), some=True)


def test_state_dict_is_interchangeable_with_hugging_face_and_survives_files(
    tmp_path: Path,
) -> None:
    config = make_config()
    ours = DebertaV2MaskedLM(config).eval()
    theirs = DebertaV2ForMaskedLM(config)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    theirs.save_pretrained(tmp_path)
    loaded = DebertaV2ForMaskedLM.from_pretrained(tmp_path).eval()
    assert [*loaded.state_dict()] == [*theirs.state_dict()]
    ids_BL, *_ = make_batch(9, padded=False)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids_BL), loaded(ids_BL).logits)
    again = DebertaV2MaskedLM(config)
    again.load_state_dict(loaded.state_dict(), strict=True)
    for name, value in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_head_stays_tied_when_the_embedding_is_replaced() -> None:
    class Doubled(nn.Module):
        def __init__(self, inner: nn.Embedding) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, ids_BL: Tensor) -> Tensor:
            doubled_BLD: Tensor = 2 * self.inner(ids_BL)
            return doubled_BLD

    model = DebertaV2MaskedLM(make_config())
    embeddings, decoder = model.deberta.embeddings, model.cls.predictions.decoder
    tokens = embeddings.word_embeddings
    assert isinstance(tokens, nn.Embedding)
    assert decoder.weight is tokens.weight
    ids_BL, *_ = make_batch(9, padded=False)
    plain = model(ids_BL)
    embeddings.word_embeddings = Doubled(tokens)
    assert decoder.weight is tokens.weight
    # The layer norm undoes the doubling, up to its epsilon.
    torch.testing.assert_close(model(ids_BL), plain)


def test_predict_at_selected_positions_equals_the_full_logits() -> None:
    model = DebertaV2MaskedLM(make_config())
    ids_BL, *_ = make_batch(17, padded=False)
    hidden_BLD = model.encode(ids_BL)
    selected = torch.tensor([3, 4, 20, 33])
    torch.testing.assert_close(
        model.predict(hidden_BLD.flatten(0, 1)[selected]), model(ids_BL).flatten(0, 1)[selected]
    )


def test_padding_does_not_affect_other_positions() -> None:
    model = DebertaV2MaskedLM(make_config())
    ids_BL, mask_BL, _ = make_batch(12, padded=True)
    other_BL = torch.where(mask_BL.bool(), ids_BL, 7)
    text = mask_BL.bool()
    logits, other = model(ids_BL, mask_BL), model(other_BL, mask_BL)
    assert torch.equal(logits[text], other[text])
    alone = model(ids_BL[1:, :6])
    torch.testing.assert_close(logits[1, :6], alone[0])
    assert model(ids_BL, torch.zeros_like(mask_BL)).isfinite().all()


def test_results_do_not_depend_on_earlier_sequence_lengths() -> None:
    model = DebertaV2MaskedLM(make_config(max_position_embeddings=30))
    batches = {length: make_batch(length, padded=False)[0] for length in (12, 50, 5)}
    first = {length: model(ids_BL) for length, ids_BL in batches.items()}
    for length, ids_BL in batches.items():
        assert torch.equal(model(ids_BL), first[length])


def test_blocks_of_heads_and_rows_give_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model = DebertaV2MaskedLM(make_config())
    ids_BL, mask_BL, _ = make_batch(12, padded=True)

    def run() -> list[Tensor]:
        model.zero_grad()
        logits = model(ids_BL, mask_BL)
        logits.logsumexp(-1).sum().backward()
        return [logits, *(p.grad for p in model.parameters() if p.grad is not None)]

    at_once = run()
    for name, value in (("ROWS", 5), ("CACHED_COLUMNS", 1), ("ROWS", 1)):  # each on top
        monkeypatch.setattr(relative, name, value)
        for one, other in zip(at_once, run(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_gradients_are_equal_under_activation_checkpointing() -> None:
    model = DebertaV2MaskedLM(make_config(attention_probs_dropout_prob=0.3))
    ids_BL, *_ = make_batch(12, padded=False)

    def gradients(recompute: bool) -> list[Tensor]:
        model.zero_grad()
        torch.manual_seed(0)
        logits = checkpoint(model, ids_BL, use_reentrant=False) if recompute else model(ids_BL)
        logits.logsumexp(-1).sum().backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    for one, other in zip(gradients(False), gradients(True), strict=True):
        assert torch.equal(one, other)


def test_a_model_can_be_created_on_another_device() -> None:
    with torch.device("meta"):  # the strictest one: its tensors have no values
        model = DebertaV2MaskedLM(make_config())
    on_cpu = DebertaV2MaskedLM(make_config())
    assert model.deberta.encoder.rows == on_cpu.deberta.encoder.rows
    assert all(p.is_meta for p in model.parameters()) and model.deberta.encoder.row_X.is_meta


@pytest.mark.parametrize("kind", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_is_applied_where_hugging_face_applies_it(kind: str) -> None:
    """The standard deviation over dropout masks is equal, position by position."""
    theirs, ours = make_models(make_config(num_hidden_layers=1, position_buckets=4, **{kind: 0.3}))
    ids_BL = make_batch(6, padded=False)[0][:1].expand(32, -1)
    draws = 300
    deviations = []
    with torch.no_grad():
        for encode in (lambda ids: theirs.deberta(ids).last_hidden_state, ours.encode):
            torch.manual_seed(0)
            hidden_XLD = torch.cat([encode(ids_BL) for _ in range(draws)])
            deviations.append(hidden_XLD.std(0))
    # The relative error of an estimate is 1 / sqrt(2 * draws * 32) or more, because the dropout of
    # relative embeddings is shared by a batch.
    torch.testing.assert_close(deviations[1].mean(1), deviations[0].mean(1), rtol=0.03, atol=0)


def test_encoder_trains_and_predicts_under_bfloat16_autocast() -> None:
    model = DebertaV2MaskedLM(make_config(initializer_range=0.05, hidden_dropout_prob=0.1))
    ids_BL, mask_BL, _ = make_batch(12, padded=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids_BL, mask_BL)
    logits.float().logsumexp(-1).sum().backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in model.parameters())
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(ids_BL, mask_BL).float()
    text = mask_BL.bool()
    assert relative_error(rough[text], model(ids_BL, mask_BL)[text]) < 0.02


@pytest.mark.filterwarnings("ignore")  # the compiler's own warnings
def test_encoder_compiles_to_one_graph() -> None:
    model = DebertaV2MaskedLM(make_config(num_hidden_layers=1, hidden_dropout_prob=0.1))
    ids_BL, *_ = make_batch(12, padded=False)
    model.eval()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(ids_BL), model(ids_BL))
    model.train()
    compiled(ids_BL).sum().backward()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("relative_attention", False),
        ("position_biased_input", True),
        ("type_vocab_size", 2),
        ("embedding_size", 12),
        ("attention_head_size", 5),
        ("hidden_size", 25),
        ("hidden_act", "relu"),
        ("conv_act", "relu"),
        ("legacy", False),
        ("pos_att_type", []),
    ],
)
def test_unsupported_settings_are_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        DebertaV2MaskedLM(make_config(**{field: value}))
