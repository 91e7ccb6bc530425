"""Builds a model from the ``model`` section of a configuration, and exports it to Hugging Face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.overrides import TorchFunctionMode

from amlm.config.schema import ModelConfig
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.models.fusions import AttentionNHot, FrequencyNHot, GateNHot
from amlm.models.nhot import NHotEmbedding
from amlm.models.substrings import SubstringIndex
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.seeds import derived_seed

if TYPE_CHECKING:
    from transformers import DebertaV2Config, DebertaV2ForMaskedLM


def _encoder_config(model: ModelConfig, vocab_size: int, special: SpecialIds) -> DebertaV2Config:
    """What our encoder needs of a `transformers` configuration: the architecture of
    DeBERTa-v3-base, our sizes. The class itself takes a second to import."""
    fields = SimpleNamespace(
        vocab_size=vocab_size,
        hidden_size=model.hidden_size,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        intermediate_size=model.intermediate_size,
        hidden_act="gelu",
        hidden_dropout_prob=model.dropout,
        attention_probs_dropout_prob=model.dropout,
        max_position_embeddings=model.max_positions,
        type_vocab_size=0,
        initializer_range=model.initializer_range,
        layer_norm_eps=model.layer_norm_eps,
        relative_attention=True,
        max_relative_positions=-1,
        position_buckets=model.position_buckets,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        pad_token_id=special.pad,
        cls_token_id=special.cls,
        bos_token_id=special.cls,
        eos_token_id=special.sep,
        sep_token_id=special.sep,
        tie_word_embeddings=True,
    )
    return cast("DebertaV2Config", fields)


class _Undrawn(TorchFunctionMode):
    """Leaves the random values out that modules start with: `_initialise` draws them."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_"):
            return args[0] if args else given["tensor"]
        return func(*args, **given)


@torch.no_grad()
def _initialise(model: nn.Module, seed: int, std: float) -> None:
    # One generator per parameter, seeded by its name: the weights do not depend on the order in
    # which an implementation creates its modules.
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            generator = torch.Generator().manual_seed(derived_seed(seed, f"weights:{name}"))
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)


def build_model(
    config: ModelConfig,
    vocab_size: int,
    substrings: SubstringIndex | None,
    seed: int,
    special: SpecialIds = SpecialIds(),
    counts: NDArray[np.int64] | None = None,
) -> DebertaV2MaskedLM:
    """Builds a model with randomly initialised weights.

    Args:
        config: sizes, and how substrings are fused into the embedding.
        vocab_size: V.
        substrings: substrings of each type; needed only for n-hot embeddings.
        seed: seed of the initial weights.
        special: ids of the special tokens.
        counts: occurrences of each type in the training text; needed only for
            ``model.nhot.fusion=frequency``.
    """
    with _Undrawn():
        model = DebertaV2MaskedLM(_encoder_config(config, vocab_size, special))
    _initialise(model, seed, config.initializer_range)
    embeddings = model.deberta.embeddings
    tokens = embeddings.word_embeddings
    assert isinstance(tokens, nn.Embedding)
    with torch.no_grad():
        tokens.weight[special.pad] = 0
    if config.nhot.fusion != "none":
        assert substrings is not None, "n-hot embeddings need the substring index"
        fusions: dict[str, Callable[..., NHotEmbedding]] = {
            "add": NHotEmbedding,
            "gate": GateNHot,
            "attention": AttentionNHot,
            "frequency": FrequencyNHot,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "weights:nhot"))
            embeddings.word_embeddings = fusions[config.nhot.fusion](
                *([counts] if config.nhot.fusion == "frequency" else []),
                tokens,
                substrings,
                config.nhot.dim,
                config.initializer_range,
            )
    return model


@torch.no_grad()
def to_hugging_face(model: DebertaV2MaskedLM) -> DebertaV2ForMaskedLM:
    """Converts to a plain Hugging Face model of the same function, in float32 on the CPU.

    N-hot embeddings are folded into an ordinary embedding matrix. The output head then has its own
    weights, because it was tied to the token embedding without the n-hot term.
    """
    from transformers import DebertaV2Config, DebertaV2ForMaskedLM

    fields = vars(model.config)
    state = {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
    embedding = model.deberta.embeddings.word_embeddings
    if isinstance(embedding, NHotEmbedding):
        fields = {**fields, "tie_word_embeddings": False}
        name = "deberta.embeddings.word_embeddings."
        state = {k: v for k, v in state.items() if not k.startswith(name)}
        state[f"{name}weight"] = embedding.folded_weight().cpu()
    config = DebertaV2Config(**fields, architectures=["DebertaV2ForMaskedLM"])
    exported = DebertaV2ForMaskedLM(config)
    names = exported.state_dict().keys()
    exported.load_state_dict({k: v for k, v in state.items() if k in names}, strict=True)
    return exported.eval()


def save_hugging_face(model: DebertaV2MaskedLM, folder: Path) -> None:
    """Writes ``config.json`` and ``model.safetensors`` for plain `transformers`."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # writing takes less than a second
    to_hugging_face(model).save_pretrained(folder)
