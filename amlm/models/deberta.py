"""DeBERTa-V2 for masked language modeling: Hugging Face's names and function, a faster way there.

`state_dict` loads both ways with `transformers`' ``DebertaV2ForMaskedLM`` (``legacy=True``: the head
whose decoder is tied to the token embeddings), and outputs and gradients agree to rounding.

Shapes: B batch, L length, D hidden, V vocabulary, M predicted positions (any leading shape),
H heads, E head size, K distances, R rows of relative embeddings, T position terms.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amlm.models.relative import TERMS, attend, bucket, dropout


class Embeddings(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.p = config.hidden_dropout_prob

    def forward(self, ids_BL: Tensor, mask_BL: Tensor | None) -> Tensor:
        hidden_BLD = self.LayerNorm(self.word_embeddings(ids_BL))
        if mask_BL is not None:
            hidden_BLD = hidden_BLD * mask_BL[..., None]
        return dropout(hidden_BLD, self.p if self.training else 0.0)


class SelfAttention(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.size = getattr(config, "attention_head_size", config.hidden_size // self.heads)
        width = self.heads * self.size
        self.query_proj = nn.Linear(config.hidden_size, width)
        self.key_proj = nn.Linear(config.hidden_size, width)
        self.value_proj = nn.Linear(config.hidden_size, width)
        self.terms = tuple(term for term in TERMS if term in config.pos_att_type)
        self.share = getattr(config, "share_att_key", False)
        if not self.share:
            if "c2p" in self.terms:
                self.pos_key_proj = nn.Linear(config.hidden_size, width)
            if "p2c" in self.terms:
                self.pos_query_proj = nn.Linear(config.hidden_size, width)
        self.p_rows = config.hidden_dropout_prob
        self.p = config.attention_probs_dropout_prob
        # Rounded to float32 like the original's, so that float64 models agree to 1e-12 too.
        self.scale = 1 / torch.tensor(self.size * (1 + len(self.terms))).sqrt().item()

    def forward(
        self, hidden_BLD: Tensor, rows_RD: Tensor, columns_TK: Tensor, hidden_B1L: Tensor | None
    ) -> Tensor:
        batch, length, _ = hidden_BLD.shape
        qkv = _joint(hidden_BLD, [self.query_proj, self.key_proj, self.value_proj])
        qkv = qkv.view(batch, length, 3, self.heads, self.size).permute(2, 3, 0, 1, 4).contiguous()
        prefix = "" if self.share else "pos_"
        names = {"c2p": f"{prefix}key_proj", "p2c": f"{prefix}query_proj"}
        rows = dropout(rows_RD, self.p_rows if self.training else 0.0)
        rows = _joint(rows, [getattr(self, names[term]) for term in self.terms])
        rows_TRD = rows.view(-1, len(self.terms), self.heads * self.size).unbind(1)
        positions = torch.stack(
            [r.index_select(0, c) for r, c in zip(rows_TRD, columns_TK, strict=True)]
        )
        positions = positions.view(len(self.terms), -1, self.heads, self.size).transpose(1, 2)
        context = attend(
            qkv,
            positions.contiguous(),
            hidden_B1L,
            self.terms,
            self.scale,
            self.p if self.training else 0.0,
        )
        return context.permute(1, 2, 0, 3).reshape(batch, length, -1)


def _joint(x: Tensor, projections: list[nn.Linear]) -> Tensor:
    """All `projections` of `x`, side by side, as one product."""
    weight = torch.cat([projection.weight for projection in projections])
    return F.linear(x, weight, torch.cat([projection.bias for projection in projections]))


class Output(nn.Module):
    """``LayerNorm(residual + dropout(dense(x)))``."""

    def __init__(self, config: Any, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.p = config.hidden_dropout_prob

    def forward(self, x: Tensor, residual_BLD: Tensor) -> Tensor:
        return self.LayerNorm(
            residual_BLD + dropout(self.dense(x), self.p if self.training else 0.0)
        )


class Attention(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Output(config, self.self.heads * self.self.size)


class Intermediate(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)


class Layer(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = Output(config, config.intermediate_size)

    def forward(
        self, hidden_BLD: Tensor, rows_RD: Tensor, columns_TK: Tensor, hidden_B1L: Tensor | None
    ) -> Tensor:
        context = self.attention.self(hidden_BLD, rows_RD, columns_TK, hidden_B1L)
        attended_BLD = self.attention.output(context, hidden_BLD)
        return self.output(F.gelu(self.intermediate.dense(attended_BLD)), attended_BLD)


class Encoder(nn.Module):
    slots_X: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.buckets = getattr(config, "position_buckets", -1)
        self.max_distance = getattr(config, "max_relative_positions", -1)
        if self.max_distance < 1:
            self.max_distance = config.max_position_embeddings
        self.span = self.buckets if self.buckets > 0 else self.max_distance
        self.rel_embeddings = nn.Embedding(2 * self.span, config.hidden_size)
        if "layer_norm" in getattr(config, "norm_rel_ebd", "none"):
            self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.terms = self.layer[0].attention.self.terms
        self.tables: dict[int, slice] = {}

    def _table(self, length: int) -> tuple[slice, Tensor]:
        name = f"columns_{length}"
        if length not in self.tables:
            bucket_L = bucket(torch.arange(length), self.buckets, self.max_distance)
            bucket_K = torch.cat([-bucket_L[1:].flip(0), bucket_L])
            row_K = (bucket_K + self.span).clamp(0, 2 * self.span - 1)
            low, high = int(row_K[0]), int(row_K[-1]) + 1
            row_K = row_K - low
            columns_TK = torch.stack([row_K.flip(0) if t == "c2p" else row_K for t in self.terms])
            self.register_buffer(
                name, columns_TK.to(self.rel_embeddings.weight.device), persistent=False
            )
            self.tables[length] = slice(low, high)
        return self.tables[length], getattr(self, name)

    def forward(self, hidden_BLD: Tensor, mask_BL: Tensor | None) -> Tensor:
        rows, columns_TK = self._table(hidden_BLD.size(1))
        rows_RD = self.rel_embeddings.weight[rows]
        if hasattr(self, "LayerNorm"):
            rows_RD = self.LayerNorm(rows_RD)
        hidden_B1L = None if mask_BL is None else ~mask_BL[:, None, :]
        for layer in self.layer:
            hidden_BLD = layer(hidden_BLD, rows_RD, columns_TK, hidden_B1L)
        return hidden_BLD


class Deberta(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)


class Transform(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)


class Predictions(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.transform = Transform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_MD: Tensor) -> Tensor:
        return self.decoder(self.transform.LayerNorm(F.gelu(self.transform.dense(hidden_MD))))


class Head(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.predictions = Predictions(config)


class DebertaV2MaskedLM(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.deberta = Deberta(config)
        self.cls = Head(config)
        self.apply(self._initialize)
        if config.tie_word_embeddings:
            self.cls.predictions.decoder.weight = self.deberta.embeddings.word_embeddings.weight
            self.cls.predictions.decoder.bias = self.cls.predictions.bias

    @torch.no_grad()
    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.normal_(std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            module.bias.zero_()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx].zero_()

    def encode(self, ids_BL: Tensor, attention_mask_BL: Tensor | None = None) -> Tensor:
        mask_BL = None if attention_mask_BL is None else attention_mask_BL.bool()
        return self.deberta.encoder(self.deberta.embeddings(ids_BL, mask_BL), mask_BL)

    def predict(self, hidden_MD: Tensor) -> Tensor:
        return self.cls.predictions(hidden_MD)

    def forward(self, ids_BL: Tensor, attention_mask_BL: Tensor | None = None) -> Tensor:
        return self.predict(self.encode(ids_BL, attention_mask_BL))
