"""Loads an encoder and its tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlm.evaluation.models import load_tokenizer, read_model
from amlm.evaluation.places import Source

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


# Some models have a pooler. Masked-LM checkpoints lack it, so it is random after each loading.
UNUSED = "pooler"


def load_encoder(
    source: Source, untrained: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Loads the encoder without its head, and its tokenizer; see also `models.load`."""
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    tokenizer = load_tokenizer(source)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # the masked-LM head is unused on purpose
    try:
        model = read_model(AutoModel, source, tokenizer, untrained=untrained, unused=UNUSED)
    finally:
        transformers_logging.set_verbosity(verbosity)
    return model, tokenizer
