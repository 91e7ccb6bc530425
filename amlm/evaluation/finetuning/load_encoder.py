"""From the place of a model to an encoder with its tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlm.evaluation.models import load_tokenizer, read_model
from amlm.evaluation.places import Source

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


# Of some models; masked-LM training leaves it out, so that it is drawn anew at each loading.
UNUSED = "pooler"


def load_encoder(
    source: Source, untrained: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The encoder, without any head, and its tokenizer; for the rest see `models.load`."""
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    tokenizer = load_tokenizer(source)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # that the masked-LM head is left over is meant
    try:
        model = read_model(AutoModel, source, tokenizer, untrained=untrained, unused=UNUSED)
    finally:
        transformers_logging.set_verbosity(verbosity)
    return model, tokenizer
