"""A pretrained encoder with the classification head of the official pipeline.

Shapes: B batch, L length, D hidden, C labels.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from amlm.models.deberta import DebertaV2MaskedLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEAD_DROPOUT = 0.1
HEAD_EPS = 1e-5
POSITIONS = {"first": 0, "last": -1}  # the token that is classified, by `Recipe.pooling`


def make_head(hidden_size: int, labels: int) -> nn.Sequential:
    """The official head: one hidden layer of the encoder's width, layer norms without weights."""
    return nn.Sequential(
        nn.LayerNorm(hidden_size, HEAD_EPS, elementwise_affine=False),
        nn.Linear(hidden_size, hidden_size),
        nn.GELU(),
        nn.LayerNorm(hidden_size, HEAD_EPS, elementwise_affine=False),
        nn.Dropout(HEAD_DROPOUT),
        nn.Linear(hidden_size, labels),
    )


class FastDeberta(nn.Module):
    """A `transformers` DeBERTa-V2 model on our own encoder: hidden states at a position ``(B, D)``.

    Args:
        position: 0 for the first token, -1 for the last, padding included.
    """

    def __init__(self, model: PreTrainedModel, position: int = 0) -> None:
        super().__init__()
        encoder = DebertaV2MaskedLM(model.config)
        encoder.deberta.load_state_dict(model.state_dict(), strict=True)
        del encoder.cls  # the masked-LM head is not needed
        self.encoder = encoder
        self.position = position

    def forward(self, ids_BL: Tensor, mask_BL: Tensor | None) -> Tensor:
        index_BL = torch.arange(ids_BL.numel(), device=ids_BL.device).view_as(ids_BL)
        return self.encoder.encode(ids_BL, mask_BL, index_BL[:, self.position])


class AnyEncoder(nn.Module):
    """Hidden states at a position ``(B, D)`` of any `transformers` encoder; see `FastDeberta`."""

    def __init__(self, model: PreTrainedModel, position: int = 0) -> None:
        super().__init__()
        self.encoder = model
        self.position = position

    def forward(self, ids_BL: Tensor, mask_BL: Tensor | None) -> Tensor:
        mask_BL = torch.ones_like(ids_BL) if mask_BL is None else mask_BL
        hidden_BLD: Tensor = self.encoder(input_ids=ids_BL, attention_mask=mask_BL)[0]
        return hidden_BLD[:, self.position]


def make_encoder(model: PreTrainedModel, position: int = 0) -> FastDeberta | AnyEncoder:
    """A trainable copy of a model, on our own encoder if it supports the configuration."""
    if model.config.model_type == "deberta-v2":
        try:
            return FastDeberta(model, position)
        except (ValueError, RuntimeError):  # unsupported configuration or weights
            pass
    return AnyEncoder(copy.deepcopy(model), position)


class Classifier(nn.Module):
    """Encoder and head: logits ``(B, C)`` from the last hidden state of one token."""

    def __init__(self, encoder: nn.Module, hidden_size: int, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = make_head(hidden_size, labels)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor | None) -> Tensor:
        logits_BC: Tensor = self.head(self.encoder(ids_BL, mask_BL))
        return logits_BC
