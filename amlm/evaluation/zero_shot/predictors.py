"""Fast logits of a `transformers` model at one position of each input.

Inputs are not padded, and the head runs only at that position. DeBERTa-V2 and -V3 run on our own
encoder, whose last layer runs only there too; other models run in `transformers`, with the hidden
states of all other positions removed before the head. Both are checked against the plain model on
a small batch, and the plain model is used if they disagree.

Shapes: B batch, L length, D hidden, V vocabulary; H heads, E head size, R rows of the relative
embeddings in use, K relative distances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amlm.models.deberta import DebertaV2MaskedLM
from amlm.models.layers import Layer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Predict = Callable[[Tensor, Tensor], Tensor]  # (ids_BL, position_B) -> logits_BV
FULL_LOGITS = 2**26  # maximum size of the logits at all positions, in elements


def make_predictor(model: PreTrainedModel) -> Predict:
    """The fastest predictor that agrees with the plain model, or else the plain model."""
    plain = _at_every_position(model)
    for make in (_on_our_encoder, _head_at_position):
        try:
            predict = make(model)
            if _agree(predict, plain, model):
                return predict
        except Exception:  # an unknown model can fail in any way
            continue
    return plain


@torch.inference_mode()
def _agree(predict: Predict, plain: Predict, model: PreTrainedModel) -> bool:
    ids_BL = (torch.arange(1, 13) * 7919 % model.config.vocab_size).view(2, 6).to(model.device)
    position_B = torch.tensor([4, 2], device=model.device)
    found_BV, expected_BV = (each(ids_BL, position_B) for each in (predict, plain))
    found_BV, expected_BV = (torch.log_softmax(x, -1) for x in (found_BV, expected_BV))
    return bool(torch.allclose(found_BV, expected_BV, rtol=1e-4, atol=1e-4))


def _at(x_BLD: Tensor, position_B: Tensor) -> Tensor:
    return x_BLD[torch.arange(len(x_BLD), device=x_BLD.device), position_B]


def _at_every_position(model: PreTrainedModel) -> Predict:
    def predict(ids_BL: Tensor, position_B: Tensor) -> Tensor:
        step = max(1, FULL_LOGITS // (ids_BL.size(1) * int(model.config.vocab_size)))
        found_BV = [
            _at(_logits(model(input_ids=ids, attention_mask=torch.ones_like(ids))), position)
            for ids, position in zip(
                *(torch.split(x, step) for x in (ids_BL, position_B)), strict=True
            )
        ]
        return torch.cat(found_BV)

    return predict


def _logits(output: Any) -> Tensor:
    # Models with code of their own may return a tuple.
    logits: Tensor = output[0] if isinstance(output, tuple) else output["logits"]
    return logits


class LastLayer(nn.Module):
    """The last layer at one position of each input, with a single query in its attention.

    See `amlm.models.relative` for the terms of the scores.
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, hidden_BLD: Tensor, rel_RD: Tensor, row_K: Tensor, padding: None, position_M: Tensor
    ) -> Tensor:
        """Hidden states ``(B, D)`` at `position_M`, one index into ``[B * L]`` per input."""
        length, attention = hidden_BLD.size(1), self.layer.attention.self
        hidden_BD = hidden_BLD.flatten(0, 1)[position_M]
        heads = attention.heads, attention.size
        query_BHE, key_BLHE, value_BLHE = (
            project(x).unflatten(-1, heads)
            for project, x in (
                (attention.query_proj, hidden_BD),
                (attention.key_proj, hidden_BLD),
                (attention.value_proj, hidden_BLD),
            )
        )
        # The row of the distance from each key to the query.
        keys_L = torch.arange(length, device=hidden_BLD.device)
        row_BL = row_K[position_M[:, None] % length - keys_L + length - 1]
        scores_BHL = torch.einsum("bhe,blhe->bhl", query_BHE, key_BLHE)
        if attention.c2p:
            project = attention.key_proj if attention.shared else attention.pos_key_proj
            pos_key_RHE = project(rel_RD).unflatten(-1, heads)
            of_row_BHR = torch.einsum("bhe,rhe->bhr", query_BHE, pos_key_RHE)
            index_BHL = row_BL[:, None].expand_as(scores_BHL)
            scores_BHL = scores_BHL + of_row_BHR.gather(-1, index_BHL)
        if attention.p2c:
            project = attention.query_proj if attention.shared else attention.pos_query_proj
            pos_query_BLHE = project(rel_RD).unflatten(-1, heads)[row_BL]
            scores_BHL = scores_BHL + (key_BLHE * pos_query_BLHE).sum(-1).mT
        probs_BHL = torch.softmax(scores_BHL * attention.scale, -1)
        context_BD = torch.einsum("bhl,blhe->bhe", probs_BHL, value_BLHE).flatten(1)
        attended_BD = self.layer.attention.output(context_BD, hidden_BD)
        output_BD: Tensor = self.layer.output(
            F.gelu(self.layer.intermediate.dense(attended_BD)), attended_BD
        )
        return output_BD


def _on_our_encoder(model: PreTrainedModel) -> Predict:
    ours = DebertaV2MaskedLM(model.config).to(model.device).eval()
    ours.load_state_dict(model.state_dict(), strict=True)
    layers = ours.deberta.encoder.layer
    layers[-1] = LastLayer(cast(Layer, layers[-1]))

    def predict(ids_BL: Tensor, position_B: Tensor) -> Tensor:
        rows_B = torch.arange(len(ids_BL), device=ids_BL.device)
        return ours.predict(ours.encode(ids_BL, None, rows_B * ids_BL.size(1) + position_B))

    return predict


def _head_at_position(model: PreTrainedModel) -> Predict:
    def predict(ids_BL: Tensor, position_B: Tensor) -> Tensor:
        def keep_position(module: nn.Module, args: Any, output: Any) -> Any:
            output["last_hidden_state"] = _at(output.last_hidden_state, position_B)[:, None]
            return output

        with model.base_model.register_forward_hook(keep_position):
            output = model(input_ids=ids_BL, attention_mask=torch.ones_like(ids_BL))
        logits_BV: Tensor = output.logits.squeeze(1)
        return logits_BV

    return predict
