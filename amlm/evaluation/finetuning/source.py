"""From a folder or a name on the Hugging Face Hub to an encoder with its tokenizer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from amlm.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


# Of some models; masked-LM training leaves it out, so that it is drawn anew at each loading.
UNUSED = "pooler"


@dataclass(frozen=True)
class Source:
    """Where a model is: a folder, or a name and revision on the Hub."""

    name: str
    path: str
    revision: str | None = None


def find_model(model: str, revision: str) -> Source:
    """The place of a model.

    Args:
        model: a run folder, an export of one, a folder in Hugging Face format, or a name on the
            Hub.
        revision: ``main``, or a word checkpoint ``chck_<n>M``.

    Raises:
        InputError: the folder holds no such model.
    """
    folder = Path(model).expanduser()
    if not folder.exists() and model.count("/") <= 1 and not model.startswith((".", "~")):
        return Source(model.rsplit("/", 1)[-1], model, revision)
    places = [folder / "checkpoints" / revision, folder / revision]
    if revision == "main":
        places = [folder, folder / "hf", folder / "main"]
    for place in places:
        if (place / "config.json").is_file():
            return Source(folder.resolve().name, str(place))
    raise InputError(
        f"model={model}: no model in {' or '.join(map(str, places))} (a config.json was looked "
        "for); give a run folder, an export, a folder in Hugging Face format, or a name on its Hub"
    )


def load_encoder(source: Source) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The encoder, without any head, and its tokenizer.

    Raises:
        InputError: they can't be loaded, weights are missing, or the tokenizer is not a fast one.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # that the masked-LM head is left over is meant
    at: dict[str, Any] = {} if source.revision is None else {"revision": source.revision}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.path, padding_side="right", **at)
        model, report = AutoModel.from_pretrained(
            source.path, dtype=torch.float32, output_loading_info=True, **at
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(f"model={source.path} can't be loaded: {error}") from error
    finally:
        transformers_logging.set_verbosity(verbosity)
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"model={source.path} needs a fast tokenizer (tokenizer.json)")
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED))
    if missing:
        raise InputError(f"model={source.path} lacks weights: {', '.join(missing[:3])} ...")
    return model, tokenizer


def fingerprint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> str:
    """A hash of configuration, tokenizer and the weights that are used."""
    config = {
        name: value
        for name, value in model.config.to_dict().items()
        if name not in ("_name_or_path", "transformers_version")
    }
    texts = [json.dumps(config, sort_keys=True, default=str), tokenizer.backend_tokenizer.to_str()]
    digest = hashlib.blake2b("\n".join(texts).encode(), digest_size=16)
    for name, value in model.state_dict().items():
        if name.startswith(UNUSED):
            continue
        digest.update(name.encode())
        digest.update(value.detach().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
