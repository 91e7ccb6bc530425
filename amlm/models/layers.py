"""The modules of a DeBERTa-V2 layer, with Hugging Face's parameter names.

Modules that only hold parameters, so that their names match the original's, have no ``forward``.

Shapes: B batch, L length, D hidden, M positions to predict (any leading shape), R rows of the
relative embeddings in use, K relative distances, H heads, E head size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amlm.models.linear import Linear
from amlm.models.relative import attend, keep_mask

if TYPE_CHECKING:
    from transformers import DebertaV2Config


class Dropout(nn.Dropout):
    """``residual + dropout(x)``; on a CPU with a cheaper source of random bits."""

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        if self.rate == 0 or x.device.type != "cpu":
            x = F.dropout(x, self.rate)
            return x if residual is None else residual + x
        # Dividing by a tensor also casts the integer mask to its dtype, in the same pass.
        mask = keep_mask(x, self.p) / x.new_tensor(1 - self.p)
        return x * mask if residual is None else torch.addcmul(residual, x, mask)

    @property
    def rate(self) -> float:
        return self.p if self.training else 0.0


class Embeddings(nn.Module):
    """Token embeddings, followed by layer norm and dropout.

    `word_embeddings` can be replaced by any module that maps ids to vectors.
    """

    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, embedded_BLD: Tensor, mask_BL: Tensor | None) -> Tensor:
        hidden_BLD: Tensor = self.LayerNorm(embedded_BLD)
        if mask_BL is not None:
            hidden_BLD = hidden_BLD * mask_BL[..., None]
        dropped_BLD: Tensor = self.dropout(hidden_BLD)
        return dropped_BLD


class SelfAttention(nn.Module):
    """Disentangled self-attention: projections around `attend`."""

    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.size = config.hidden_size // self.heads
        self.query_proj = Linear(config.hidden_size, config.hidden_size)
        self.key_proj = Linear(config.hidden_size, config.hidden_size)
        self.value_proj = Linear(config.hidden_size, config.hidden_size)
        self.c2p, self.p2c = "c2p" in config.pos_att_type, "p2c" in config.pos_att_type
        self.shared = getattr(config, "share_att_key", False)
        if self.c2p and not self.shared:
            self.pos_key_proj = Linear(config.hidden_size, config.hidden_size)
        if self.p2c and not self.shared:
            self.pos_query_proj = Linear(config.hidden_size, config.hidden_size)
        self.pos_dropout = Dropout(config.hidden_dropout_prob)
        self.dropout = Dropout(config.attention_probs_dropout_prob)
        self.attend = attend
        # The original takes this square root in float32; we must too, to agree in float64.
        terms = 1.0 + self.c2p + self.p2c
        self.scale = 1 / torch.tensor(self.size * terms, device="cpu").sqrt().item()

    def forward(
        self, hidden_BLD: Tensor, rel_RD: Tensor, row_K: Tensor, padding_B1L: Tensor | None
    ) -> Tensor:
        rel_RD = self.pos_dropout(rel_RD)
        pos_key_KHE = pos_query_KHE = None
        if self.c2p:
            project = self.key_proj if self.shared else self.pos_key_proj
            pos_key_KHE = self._by_head(F.embedding(row_K.flip(0), project(rel_RD)))
        if self.p2c:
            project = self.query_proj if self.shared else self.pos_query_proj
            pos_query_KHE = self._by_head(F.embedding(row_K, project(rel_RD)))
        context_BLHE = self.attend(
            self._by_head(self.query_proj(hidden_BLD)),
            self._by_head(self.key_proj(hidden_BLD)),
            self._by_head(self.value_proj(hidden_BLD)),
            pos_key_KHE,
            pos_query_KHE,
            padding_B1L,
            self.scale,
            self.dropout.rate,
        )
        return context_BLHE.flatten(2)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, self.size)


class Output(nn.Module):
    """``LayerNorm(residual + dropout(dense(x)))``."""

    def __init__(self, config: DebertaV2Config, width: int) -> None:
        super().__init__()
        self.dense = Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual_BLD: Tensor) -> Tensor:
        hidden_BLD: Tensor = self.LayerNorm(self.dropout(self.dense(x), residual_BLD))
        return hidden_BLD


class Attention(nn.Module):
    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Output(config, config.hidden_size)


class Dense(nn.Module):
    def __init__(self, config: DebertaV2Config, width: int) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, width)


class Layer(nn.Module):
    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Dense(config, config.intermediate_size)
        self.output = Output(config, config.intermediate_size)

    def forward(
        self,
        hidden_BLD: Tensor,
        rel_RD: Tensor,
        row_K: Tensor,
        padding_B1L: Tensor | None,
        positions_M: Tensor | None = None,
    ) -> Tensor:
        """Output hidden states, ``(B, L, D)``, or ``(M, D)`` if positions are given."""
        context_BLD = self.attention.self(hidden_BLD, rel_RD, row_K, padding_B1L)
        if positions_M is not None:
            context_BLD, hidden_BLD = (
                x.flatten(0, 1).index_select(0, positions_M) for x in (context_BLD, hidden_BLD)
            )
        attended_BLD = self.attention.output(context_BLD, hidden_BLD)
        output_BLD: Tensor = self.output(
            F.gelu(self.intermediate.dense(attended_BLD)), attended_BLD
        )
        return output_BLD


class Convolution(nn.Module):
    """Convolution over the input, parallel to the first layer (deberta-v2-xlarge and larger)."""

    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        width, kernel = config.hidden_size, config.conv_kernel_size
        groups = getattr(config, "conv_groups", 1)
        self.conv = nn.Conv1d(width, width, kernel, padding=(kernel - 1) // 2, groups=groups)
        self.activation = F.gelu if getattr(config, "conv_act", "tanh") == "gelu" else torch.tanh
        self.LayerNorm = nn.LayerNorm(width, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, input_BLD: Tensor, output_BLD: Tensor, mask_BL: Tensor | None) -> Tensor:
        neighbours_BLD = self.conv(input_BLD.mT).mT
        if mask_BL is not None:
            neighbours_BLD = neighbours_BLD * mask_BL[..., None]
        neighbours_BLD = self.activation(self.dropout(neighbours_BLD))
        hidden_BLD: Tensor = self.LayerNorm(output_BLD + neighbours_BLD)
        return hidden_BLD
