"""From a folder or a name on the Hugging Face Hub to a model that scores masked tokens.

A model's head runs at the masked positions alone. DeBERTa-V2 and -V3 run on our own encoder, all
other models as `transformers` has them, with the hidden states of the other positions taken away
before the head. Either way is checked against the plain model on a small batch, and the plain model
is used where they don't agree.

Shapes: B batch, L length, D hidden, V vocabulary.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amlm.errors import InputError
from amlm.evaluation.scoring import Query, batches, distinct_rows
from amlm.models.deberta import DebertaV2MaskedLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# (ids_BL, attention mask or None when nothing is padding, position_B) -> logits_BV
Predict = Callable[[Tensor, Tensor | None, Tensor], Tensor]
FULL_LOGITS = 2**26  # numbers of the logits at all positions that a model may make at a time
UNTRAINED_SEED = 0


@dataclass(frozen=True)
class Source:
    """Where a model is: a folder, or a name and revision on the Hub."""

    name: str
    path: str
    revision: str | None = None

    @property
    def at(self) -> dict[str, str]:
        """What `from_pretrained` is to be told besides the path."""
        return {} if self.revision is None else {"revision": self.revision}


def find_model(model: str, revision: str) -> Source:
    """The place of a model.

    Args:
        model: a run folder, an export of one, a folder in Hugging Face format, or a name on the
            Hub.
        revision: ``main``, or a checkpoint: a folder in ``checkpoints`` or in the model's folder, a
            revision on the Hub.

    Raises:
        InputError: the folder, or the checkpoint in it, holds no model.
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


def checkpoints(model: str) -> list[str]:
    """The names ``chck_<n>M`` of the checkpoints beside a model, by n."""
    folder = Path(model).expanduser()
    found = [*folder.glob("checkpoints/chck_*M/config.json"), *folder.glob("chck_*M/config.json")]
    names = {path.parent.name for path in found}
    return sorted(
        (n for n in names if n[len("chck_") : -1].isdecimal()),
        key=lambda name: int(name[len("chck_") : -1]),
    )


class MaskedModel:
    """A `Scorer` (see `amlm.evaluation.scoring`) on a masked language model.

    Args:
        model: any masked LM of `transformers`, float32, in eval mode.
        tokenizer: its tokenizer.
        batch_tokens: tokens of a batch, with padding.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, batch_tokens: int
    ) -> None:
        self.tokenizer = tokenizer
        self.limit = _limit(model, tokenizer)
        self.fingerprint = _fingerprint(model, tokenizer)
        self.batch_tokens = batch_tokens
        self.device = model.device
        self.predict = _predictor(model)

    @torch.inference_mode()
    def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Log-probabilities of the targets: ``[Q]``, float32."""
        found = np.zeros(len(queries), dtype=np.float32)
        pad = self.tokenizer.pad_token_id or 0
        for rows in batches(distinct_rows(queries), self.batch_tokens):
            length = len(rows[0].ids_L)
            ids_BL = np.full((len(rows), length), pad, dtype=np.int64)
            for ids_L, row in zip(ids_BL, rows, strict=True):
                ids_L[: len(row.ids_L)] = row.ids_L
            length_B = torch.tensor([len(row.ids_L) for row in rows])
            mask_BL = None
            if len(rows[-1].ids_L) < length:
                mask_BL = (torch.arange(length) < length_B[:, None]).long().to(self.device)
            position_B = torch.tensor([row.position for row in rows], device=self.device)
            logits_BV = self.predict(
                torch.from_numpy(ids_BL).to(self.device), mask_BL, position_B
            ).float()
            asked = [query for row in rows for query in row.queries]
            row_of = np.repeat(np.arange(len(rows)), [len(row.queries) for row in rows])
            targets = torch.tensor([queries[query].target for query in asked], device=self.device)
            log_probs_BV = torch.log_softmax(logits_BV, dim=-1)
            wanted = log_probs_BV[torch.from_numpy(row_of).to(self.device), targets]
            found[asked] = wanted.cpu().numpy()
        return found


def load_tokenizer(source: Source) -> PreTrainedTokenizerFast:
    """Loads the tokenizer of a model.

    Raises:
        InputError: there is none, or one that doesn't say where tokens lie in their text.
    """
    from transformers import AutoTokenizer

    with _explained(source):
        tokenizer = AutoTokenizer.from_pretrained(source.path, padding_side="right", **source.at)
    if not getattr(tokenizer, "is_fast", False) or tokenizer.mask_token_id is None:
        raise InputError(
            f"model={source.path} needs a fast tokenizer (tokenizer.json) with a mask token"
        )
    return tokenizer


def load(source: Source, device: str, batch_tokens: int, untrained: bool = False) -> MaskedModel:
    """Loads a model and its tokenizer.

    Args:
        source: see `find_model`.
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_tokens: tokens of a batch.
        untrained: give the same model with random weights, the same ones always.

    Raises:
        InputError: it can't be loaded, is no masked LM, or lacks weights of one.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: torch finds no GPU; leave the choice to device=auto")
    place = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    tokenizer = load_tokenizer(source)
    with _explained(source), torch.random.fork_rng(devices=[]):
        if untrained:
            torch.manual_seed(UNTRAINED_SEED)
            config = AutoConfig.from_pretrained(source.path, **source.at)
            model = AutoModelForMaskedLM.from_config(config, dtype=torch.float32)
        else:
            model, report = AutoModelForMaskedLM.from_pretrained(
                source.path, dtype=torch.float32, output_loading_info=True, **source.at
            )
            if report["missing_keys"]:
                names = ", ".join(sorted(report["missing_keys"])[:3])
                raise ValueError(f"it lacks weights: {names} ...")
    return MaskedModel(model.to(place).eval(), tokenizer, batch_tokens)


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(f"model={source.path} can't be loaded as a masked LM: {error}") from error


def _limit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 0)]
    for name, module in model.named_modules():
        # RoBERTa counts positions from behind the padding's.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None):
            limits.append(module.num_embeddings - module.padding_idx - 1)
    return int(min((limit for limit in limits if limit and limit > 0), default=2**31))


def _fingerprint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> str:
    config = {
        name: value
        for name, value in model.config.to_dict().items()
        if name not in ("_name_or_path", "transformers_version")
    }
    texts = [json.dumps(config, sort_keys=True, default=str), tokenizer.backend_tokenizer.to_str()]
    digest = hashlib.blake2b("\n".join(texts).encode(), digest_size=16)
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _predictor(model: PreTrainedModel) -> Predict:
    """The fastest way that agrees with the plain model, the plain one if none does."""
    plain = _at_every_position(model)
    for make in (_on_our_encoder, _head_at_position):
        try:
            predict = make(model)
            if _agree(predict, plain, model):
                return predict
        except Exception:  # whatever a model that we don't know thinks of it
            continue
    return plain


@torch.inference_mode()
def _agree(predict: Predict, plain: Predict, model: PreTrainedModel) -> bool:
    types = torch.arange(1, 13) * 7919 % model.config.vocab_size
    ids_BL, mask_BL = types.view(2, 6).to(model.device), torch.ones(2, 6, dtype=torch.long)
    mask_BL[1, 4:] = 0
    position_B = torch.tensor([4, 2]).to(model.device)
    inputs = ids_BL, mask_BL.to(model.device), position_B
    expected_BV = torch.log_softmax(plain(*inputs), -1)
    found_BV = torch.log_softmax(predict(*inputs), -1)
    return bool(torch.allclose(found_BV, expected_BV, rtol=1e-4, atol=1e-4))


def _at_every_position(model: PreTrainedModel) -> Predict:
    def predict(ids_BL: Tensor, mask_BL: Tensor | None, position_B: Tensor) -> Tensor:
        mask_BL = torch.ones_like(ids_BL) if mask_BL is None else mask_BL
        step = max(1, FULL_LOGITS // (ids_BL.size(1) * int(model.config.vocab_size)))
        found = []
        for parts in zip(
            *(torch.split(x, step) for x in (ids_BL, mask_BL, position_B)), strict=True
        ):
            ids, mask, position = parts
            logits_BLV = model(input_ids=ids, attention_mask=mask).logits
            found.append(logits_BLV[torch.arange(len(ids), device=ids.device), position])
        return torch.cat(found)

    return predict


def _on_our_encoder(model: PreTrainedModel) -> Predict:
    ours = DebertaV2MaskedLM(model.config).to(model.device).eval()
    ours.load_state_dict(model.state_dict(), strict=True)

    def predict(ids_BL: Tensor, mask_BL: Tensor | None, position_B: Tensor) -> Tensor:
        hidden_BLD = ours.encode(ids_BL, mask_BL)
        return ours.predict(hidden_BLD[torch.arange(len(ids_BL), device=ids_BL.device), position_B])

    return predict


def _head_at_position(model: PreTrainedModel) -> Predict:
    encoder: nn.Module = model.base_model

    def predict(ids_BL: Tensor, mask_BL: Tensor | None, position_B: Tensor) -> Tensor:
        def keep_position(module: nn.Module, args: Any, output: Any) -> Any:
            hidden_BLD = output.last_hidden_state
            row_B = torch.arange(len(hidden_BLD), device=hidden_BLD.device)
            output["last_hidden_state"] = hidden_BLD[row_B, position_B][:, None]
            return output

        mask_BL = torch.ones_like(ids_BL) if mask_BL is None else mask_BL
        handle = encoder.register_forward_hook(keep_position)
        try:
            logits_B1V: Tensor = model(input_ids=ids_BL, attention_mask=mask_BL).logits
        finally:
            handle.remove()
        return logits_B1V.squeeze(1)

    return predict
