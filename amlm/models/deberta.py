"""DeBERTa-V2 for masked language modeling, with Hugging Face's parameter names, but faster.

The `state_dict` is interchangeable with that of ``DebertaV2ForMaskedLM`` in `transformers` (with
``legacy=True``, the head tied to the token embeddings). Loss, logits and gradients agree up to
rounding at all positions that are not padding; hidden states at padding differ and are meaningless.

Modules that only hold parameters, so that their names match the original's, have no ``forward``.

Shapes: B batch, L length, D hidden, V vocabulary, M positions to predict (any leading shape),
R rows of the relative embeddings in use, K relative distances, X precomputed distances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amlm.models.layers import Convolution, Dense, Embeddings, Layer, SelfAttention
from amlm.models.linear import Linear, linear
from amlm.models.relative import bucket
from amlm.models.tied import FusedEmbedding, look_up

if TYPE_CHECKING:
    from transformers import DebertaV2Config


class Encoder(nn.Module):
    """The layers, and the relative-position embeddings that they share."""

    row_X: Tensor

    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.buckets = getattr(config, "position_buckets", -1)
        self.max_distance = config.max_relative_positions
        if self.max_distance < 1:
            self.max_distance = config.max_position_embeddings
        self.span = self.buckets if self.buckets > 0 else self.max_distance
        self.rel_embeddings = nn.Embedding(2 * self.span, config.hidden_size)
        normalized = "layer_norm" in getattr(config, "norm_rel_ebd", "none")
        self.LayerNorm = (
            nn.LayerNorm(config.hidden_size, config.layer_norm_eps) if normalized else nn.Identity()
        )
        self.conv = Convolution(config) if getattr(config, "conv_kernel_size", 0) > 0 else None
        self._precompute_rows(config.max_position_embeddings)

    def _precompute_rows(self, length: int) -> None:
        """Stores the row of `rel_embeddings` for distances ``1 - length`` ... ``length - 1``."""
        bucket_L = bucket(torch.arange(length, device="cpu"), self.buckets, self.max_distance)
        row_X = torch.cat([-bucket_L[1:].flip(0), bucket_L]) + self.span
        row_X = row_X.clamp(0, 2 * self.span - 1)
        self.rows: list[int] = row_X.tolist()  # a host copy: slicing needs no synchronisation
        self.register_buffer("row_X", row_X.to(self.rel_embeddings.weight.device), persistent=False)

    def occurring_rows(self, length: int) -> range:
        """The rows of `rel_embeddings` for the distances within a sequence of ``length``."""
        if len(self.rows) < 2 * length - 1:
            self._precompute_rows(length)
        middle = len(self.rows) // 2
        return range(self.rows[middle - length + 1], self.rows[middle + length - 1] + 1)

    def forward(
        self, hidden_BLD: Tensor, mask_BL: Tensor | None, positions_M: Tensor | None
    ) -> Tensor:
        length = hidden_BLD.size(1)
        rows = self.occurring_rows(length)
        middle = len(self.rows) // 2
        row_K = self.row_X[middle - length + 1 : middle + length] - rows.start
        rel_RD = self.LayerNorm(self.rel_embeddings.weight[rows.start : rows.stop])
        padding_B1L = None if mask_BL is None else ~mask_BL[:, None]
        input_BLD = hidden_BLD
        for index, layer in enumerate(self.layer[:-1]):
            hidden_BLD = layer(hidden_BLD, rel_RD, row_K, padding_B1L)
            if index == 0 and self.conv is not None:
                hidden_BLD = self.conv(input_BLD, hidden_BLD, mask_BL)
        # After its attention, the last layer is computed only at the positions to predict.
        last: Tensor = self.layer[-1](hidden_BLD, rel_RD, row_K, padding_B1L, positions_M)
        return last


class Deberta(nn.Module):
    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)


class Transform(Dense):
    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__(config, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)


class Predictions(nn.Module):
    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.transform = Transform(config)
        self.decoder = Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))


class Head(nn.Module):
    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        self.predictions = Predictions(config)


class DebertaV2MaskedLM(nn.Module):
    """Encoder and tied head.

    Args:
        config: a ``transformers.DebertaV2Config``. All DeBERTa-v2 and -v3 checkpoints are
            supported.

    Raises:
        ValueError: the configuration uses a feature that those checkpoints do not use.
    """

    def __init__(self, config: DebertaV2Config) -> None:
        super().__init__()
        _check(config)
        self.config = config
        self.deberta = Deberta(config)
        self.cls = Head(config)
        self.apply(self._initialize)
        if config.tie_word_embeddings:
            head, tokens = self.cls.predictions, self.deberta.embeddings.word_embeddings
            assert isinstance(tokens, nn.Embedding)
            head.decoder.weight, head.decoder.bias = tokens.weight, head.bias

    def fuse_attention(self) -> None:
        """Computes attention in Triton kernels (`amlm.models.fused_attention`)."""
        from amlm.models.fused_attention import attend_fused

        for module in self.modules():
            if isinstance(module, SelfAttention):
                module.attend = attend_fused

    @torch.no_grad()
    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d):
            module.weight.normal_(std=self.config.initializer_range)
        if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
            module.bias.zero_()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx].zero_()

    def encode(
        self,
        ids_BL: Tensor,
        attention_mask_BL: Tensor | None = None,
        positions_M: Tensor | None = None,
    ) -> Tensor:
        """Hidden states of the last layer, for `predict` or another head.

        Args:
            attention_mask_BL: 0 at padding; None if there is no padding.
            positions_M: positions to compute, as indices into ``[B * L]``; None for all.

        Returns: ``(M, D)`` at these positions, or ``(B, L, D)`` if none are given.
        """
        embedded_BLD = self.deberta.embeddings.word_embeddings(ids_BL)
        return self._encode(embedded_BLD, attention_mask_BL, positions_M)

    def _encode(
        self, embedded_BLD: Tensor, attention_mask_BL: Tensor | None, positions_M: Tensor | None
    ) -> Tensor:
        mask_BL = None if attention_mask_BL is None else attention_mask_BL.bool()
        embedded_BLD = self.deberta.embeddings(embedded_BLD, mask_BL)
        hidden: Tensor = self.deberta.encoder(embedded_BLD, mask_BL, positions_M)
        return hidden

    def predict(self, hidden_MD: Tensor) -> Tensor:
        """Logits ``(M, V)`` of hidden states of any leading shape M."""
        return self._predict(hidden_MD, self.cls.predictions.decoder.weight)

    def _predict(
        self, hidden_MD: Tensor, weight_VD: Tensor, float32_logits: bool = False
    ) -> Tensor:
        head = self.cls.predictions
        hidden_MD = head.transform.LayerNorm(F.gelu(head.transform.dense(hidden_MD)))
        if not float32_logits:
            return linear(hidden_MD, weight_VD, head.decoder.bias)
        with torch.autocast(hidden_MD.device.type, enabled=False):
            return linear(hidden_MD.float(), weight_VD.float(), head.decoder.bias.float())

    def forward(
        self,
        ids_BL: Tensor,
        attention_mask_BL: Tensor | None = None,
        positions_M: Tensor | None = None,
        float32_logits: bool = False,
    ) -> Tensor:
        """Logits ``(M, V)`` if positions are given, else ``(B, L, V)``. Arguments: as `encode`.

        Args:
            float32_logits: compute the head's last product in float32 whatever the precision.
                bfloat16 logits tie, and argmax then takes the lowest id.
        """
        tokens, weight_VD = (
            self.deberta.embeddings.word_embeddings,
            self.cls.predictions.decoder.weight,
        )
        if isinstance(tokens, nn.Embedding | FusedEmbedding) and tokens.weight is weight_VD:
            embedded_BLD, weight_VD = look_up(ids_BL, weight_VD, tokens.padding_idx)
            if isinstance(tokens, FusedEmbedding):
                embedded_BLD = tokens.fuse(embedded_BLD, ids_BL)
        else:
            embedded_BLD = tokens(ids_BL)
        hidden_MD = self._encode(embedded_BLD, attention_mask_BL, positions_M)
        return self._predict(hidden_MD, weight_VD, float32_logits)


def _check(config: DebertaV2Config) -> None:
    supported: dict[str, tuple[Any, ...]] = {
        "relative_attention": (True,),
        "position_biased_input": (False,),
        "type_vocab_size": (0,),
        "embedding_size": (config.hidden_size,),
        "attention_head_size": (config.hidden_size // config.num_attention_heads,),
        "hidden_act": ("gelu",),
        "conv_act": ("tanh", "gelu"),
        "legacy": (True,),
    }
    for field, values in supported.items():
        found = getattr(config, field, values[0])
        if found not in values:
            expected = " or ".join(map(repr, values))
            raise ValueError(f"DebertaV2Config.{field} is {found!r}: only {expected} is supported")
    if config.hidden_size % config.num_attention_heads:
        raise ValueError("DebertaV2Config.hidden_size must be a multiple of num_attention_heads")
    if getattr(config, "conv_kernel_size", 0) > 0 and config.num_hidden_layers == 1:
        raise ValueError("DebertaV2Config.conv_kernel_size needs num_hidden_layers of at least 2")
    if not {"c2p", "p2c"} & set(config.pos_att_type or ()):
        raise ValueError("DebertaV2Config.pos_att_type must contain 'c2p', 'p2c' or both")
