"""From the place of a model to an encoder with its tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from amlm.errors import InputError
from amlm.evaluation.models import Source, check_loaded, explained, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


# Of some models; masked-LM training leaves it out, so that it is drawn anew at each loading.
UNUSED = "pooler"


def load_encoder(source: Source) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The encoder, without any head, and its tokenizer.

    Raises:
        InputError: they can't be loaded, weights are missing, or see `load_tokenizer` and
            `check_loaded`.
    """
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    tokenizer = load_tokenizer(source)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # that the masked-LM head is left over is meant
    try:
        with explained(source):
            model, report = AutoModel.from_pretrained(
                source.path, dtype=torch.float32, output_loading_info=True, **source.at
            )
    finally:
        transformers_logging.set_verbosity(verbosity)
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED))
    if missing:
        raise InputError(f"model={source.path} lacks weights: {', '.join(missing[:3])} ...")
    check_loaded(source, model, tokenizer)
    return model, tokenizer
