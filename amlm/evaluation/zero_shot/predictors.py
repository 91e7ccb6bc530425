"""Fast logits of a `transformers` model at one position of each input.

Inputs are not padded, and the head runs only at that position. DeBERTa-V2 and -V3 run on our own
encoder; other models run in `transformers`, with the hidden states of all other positions removed
before the head. Both are checked against the plain model on a small batch, and the plain model is
used if they disagree.

Shapes: B batch, L length, D hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from amlm.models.deberta import DebertaV2MaskedLM

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


def _on_our_encoder(model: PreTrainedModel) -> Predict:
    ours = DebertaV2MaskedLM(model.config).to(model.device).eval()
    ours.load_state_dict(model.state_dict(), strict=True)
    last: Any = ours.deberta.encoder.layer[-1].attention

    def predict(ids_BL: Tensor, position_B: Tensor) -> Tensor:
        # After the last attention positions are independent: the rest runs at one position only.
        def keep_context(module: nn.Module, args: Any, context_BLD: Tensor) -> Tensor:
            return _at(context_BLD, position_B)[:, None]

        def keep_residual(module: nn.Module, args: Any) -> Any:
            context_B1D, hidden_BLD = args
            return context_B1D, _at(hidden_BLD, position_B)[:, None]

        with (
            last.self.register_forward_hook(keep_context),
            last.output.register_forward_pre_hook(keep_residual),
        ):
            return ours.predict(ours.encode(ids_BL).squeeze(1))

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
