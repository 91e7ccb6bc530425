"""What the scores of a model depend on, as one hash: results with the same hash are kept."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch

from amlm.evaluation.own_code import code_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MASKS = ("[MASK]", "<mask>")  # the usual names of the mask token


def longest_input(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    """The maximum input length of a model in tokens, special tokens included."""
    limit = tokenizer.model_max_length
    return min(limit, _positions(model)) if limit and limit > 0 else _positions(model)


def _positions(model: PreTrainedModel) -> int:
    limits = [getattr(model.config, "max_position_embeddings", 0)]
    for name, module in model.named_modules():
        # RoBERTa counts positions from the padding index on.
        padding = getattr(module, "padding_idx", None)  # 0 is one
        if name.endswith("position_embeddings") and padding is not None:
            limits.append(module.num_embeddings - padding - 1)
    return int(min((limit for limit in limits if limit and limit > 0), default=2**31))


def fingerprint(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, unused: str | None = None
) -> str:
    """A hash of configuration, tokenizer, weights, except weights with the prefix `unused`, and
    Python code that comes with the model.
    """
    config = {
        name: value
        for name, value in model.config.to_dict().items()
        if name not in ("_name_or_path", "transformers_version")
    }
    texts = [json.dumps(config, sort_keys=True, default=str), tokenizer.backend_tokenizer.to_str()]
    texts += [*_choices_of(model, tokenizer), *code_of(model, model.config, tokenizer)]
    digest = hashlib.blake2b("\n".join(texts).encode(), digest_size=16)
    for name, value in model.state_dict().items():
        if unused and name.startswith(unused):
            continue
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _choices_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """What tokenizer_config.json says of the maximum length and the mask token, where the files
    that are hashed do not say the same; so the hash of most models is that of those files alone.
    """
    found = []
    if (limit := longest_input(model, tokenizer)) != _positions(model):
        found.append(f"model_max_length {limit}")
    ids = map(tokenizer.backend_tokenizer.token_to_id, MASKS)
    if tokenizer.mask_token_id != next((each for each in ids if each is not None), None):
        found.append(f"mask_token_id {tokenizer.mask_token_id}")
    return found
