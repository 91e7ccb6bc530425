"""Loads a model to score masked tokens.

Shapes: B batch, L length, V vocabulary, Q queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from amlm.evaluation.fingerprint import fingerprint, longest_input
from amlm.evaluation.own_code import brings_code, fill
from amlm.evaluation.places import Source
from amlm.evaluation.zero_shot.predictors import make_predictor
from amlm.evaluation.zero_shot.scoring import Query, batches, distinct_rows
from amlm.util.errors import InputError, in_one_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

UNTRAINED_SEED = 0
# Some encoders have a pooler. Masked-LM checkpoints lack it, so it is random after each loading.
UNUSED = "pooler"
# What transformers, and code that comes with a model, raises for files that don't fit together.
LOADING_ERRORS = (
    *(OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError),
    *(AttributeError, TypeError),
)


class MaskedModel:
    """A `Scorer` (see `amlm.evaluation.zero_shot.scoring`) on a masked LM of `transformers`.

    The model is float32 and in eval mode; a batch has up to `batch_tokens` tokens, or one input.
    With the backend ``mntp`` (masked next-token prediction) the logits of a masked token are those
    of the position before it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        batch_tokens: int,
        backend: str = "mlm",
    ) -> None:
        self.name = model.name_or_path  # none while it is trained, where divergence is looked for
        self.backend = backend
        self.before = 1 if backend == "mntp" else 0
        self.tokenizer = tokenizer
        self.limit = longest_input(model, tokenizer)
        self.fingerprint = fingerprint(model, tokenizer) + {"mlm": "", "mntp": "-mntp"}[backend]
        self.batch_tokens = batch_tokens
        self.device = model.device
        self.predict = make_predictor(model)

    @torch.inference_mode()
    def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Log-probabilities of the targets: ``[Q]``, float32.

        Raises:
            InputError: one is NaN, which would look like a text that is too long to be scored.
        """
        found = np.zeros(len(queries), dtype=np.float32)
        for rows in batches(distinct_rows(queries), self.batch_tokens):
            ids_BL = torch.from_numpy(np.stack([row.ids_L for row in rows])).long()
            position_B = torch.tensor([row.position - self.before for row in rows])
            logits_BV = self.predict(ids_BL.to(self.device), position_B.to(self.device))
            log_probs_BV = torch.log_softmax(logits_BV.float(), dim=-1)
            indices = [query for row in rows for query in row.queries]
            row_of = [n for n, row in enumerate(rows) for _ in row.queries]
            targets = [queries[query].target for query in indices]
            found[indices] = log_probs_BV[row_of, targets].cpu().numpy()
        if self.name and np.isnan(found).any():
            text = self.tokenizer.decode(queries[int(np.isnan(found).argmax())].ids_L)
            raise InputError(
                f"model={self.name} computes NaN for {text!r}, though its weights are finite, so "
                "it can't be scored: take another checkpoint, or train it again"
            )
        return found


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda`` for the option ``device``; raises InputError if there is no GPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: torch finds no GPU; use device=auto or device=cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def load_tokenizer(source: Source) -> PreTrainedTokenizerFast:
    """Loads the tokenizer of a model.

    Raises:
        InputError: there is no tokenizer, or it does not provide token offsets.
    """
    from transformers import AutoTokenizer

    with loading_errors(source):
        tokenizer = AutoTokenizer.from_pretrained(source.path, padding_side="right", **source.at)
    # If there are no tokenizer files, transformers 5 creates one with special tokens only.
    empty = set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens)
    if empty or not getattr(tokenizer, "is_fast", False) or tokenizer.mask_token_id is None:
        raise InputError(
            f"model={source.shown} needs a fast tokenizer (tokenizer.json) with a mask token"
        )
    return tokenizer


def read_model(
    auto: Any,
    source: Source,
    tokenizer: PreTrainedTokenizerFast,
    *,
    untrained: bool = False,
    unused: str | None = None,
) -> PreTrainedModel:
    """Loads a model in float32.

    Args:
        auto: the `transformers` class to load it with, e.g. ``AutoModelForMaskedLM``.
        untrained: return the model with random weights, from a fixed seed.
        unused: prefix of the names of weights that are allowed to be missing.

    Raises:
        InputError: the model can't be loaded, weights are missing, not finite or of other shapes,
            or the tokenizer belongs to another model.
    """
    from transformers import AutoConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    missing: list[str] = []
    mismatched: list[tuple[str, Sequence[int], Sequence[int]]] = []
    with loading_errors(source), torch.random.fork_rng(devices=[]):
        config = AutoConfig.from_pretrained(source.path, **source.at)
        own_code = source.trusted and brings_code(auto, config)
        if untrained or own_code:
            torch.manual_seed(UNTRAINED_SEED)
            model = auto.from_config(config, dtype=torch.float32, trust_remote_code=source.trusted)
            missing = [] if untrained else fill(model, source)
        else:
            model, report = auto.from_pretrained(
                source.path,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # the error that it would raise names none
                **source.at,
            )
            missing, mismatched = (
                sorted(report[kind]) for kind in ("missing_keys", "mismatched_keys")
            )
    if mismatched:
        name, there, needed = mismatched[0]
        raise InputError(
            f"model={source.shown}: {len(mismatched)} weights have other shapes than config.json "
            f"says, e.g. {name}: {list(there)}, not {list(needed)}; they don't belong together"
        )
    if missing := [name for name in missing if not (unused and name.startswith(unused))]:
        raise InputError(f"model={source.shown} lacks weights: {', '.join(missing[:3])} ...")
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise InputError(f"model={source.shown}: {name} is not finite: training diverged")
    highest, rows = max(tokenizer.get_vocab().values()), len(model.get_input_embeddings().weight)
    if highest >= rows:
        raise InputError(
            f"model={source.shown}: its tokenizer has ids up to {highest:,}, but it has only "
            f"{rows:,} embeddings; they don't belong together"
        )
    return model


def load(
    source: Source, device: str, batch_tokens: int, untrained: bool = False, backend: str = "mlm"
) -> MaskedModel:
    """Loads a masked language model and its tokenizer.

    Raises:
        InputError: see `load_tokenizer` and `read_model`.
    """
    from transformers import AutoModelForMaskedLM

    device = resolve_device(device)
    tokenizer = load_tokenizer(source)
    model = read_model(AutoModelForMaskedLM, source, tokenizer, untrained=untrained)
    return MaskedModel(model.to(device).eval(), tokenizer, batch_tokens, backend)


def load_encoder(
    source: Source, untrained: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Loads the encoder without its head, and its tokenizer; see also `load`."""
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


@contextmanager
def loading_errors(source: Source) -> Iterator[None]:
    """Turns errors in loading a model into an InputError."""
    try:
        yield
    except UnpicklingError as error:
        raise InputError(
            f"model={source.shown} has a pickle that holds more than tensors and could run code: "
            "get its weights as model.safetensors"
        ) from error
    except LOADING_ERRORS as error:
        if "trust_remote_code" in str(error):
            raise InputError(
                f"model={source.shown} runs Python code of its own: read its *.py files and, if "
                "you trust them, add trust_remote_code=true"
            ) from error
        # For an unknown kind of model there follows a list of all known ones.
        why = in_one_line(error).partition(" Model type should be one of ")[0]
        raise InputError(f"model={source.shown} can't be loaded: {why}") from error
