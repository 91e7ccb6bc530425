"""Fine-tunes a pretrained model on one task with one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightning as L
import torch

from amlm.evaluation.finetuning.batches import Encoded, encode, make_batches
from amlm.evaluation.finetuning.classifier import (
    POSITIONS,
    AnyEncoder,
    Classifier,
    FastDeberta,
    make_encoder,
)
from amlm.evaluation.finetuning.fine_tuning import Bar, FineTuning
from amlm.evaluation.finetuning.glue_tasks import Pair, Task
from amlm.evaluation.fingerprint import longest_input
from amlm.util.errors import InputError
from amlm.util.terminal import say

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

VALID_BATCH = 64
SIDES = {"first": "right", "last": "left"}  # of the padding, by `Recipe.pooling`


@dataclass(frozen=True)
class Recipe:
    """Training settings; with data, model and seed they determine the outcome, on a GPU up to the
    order of sums.

    With pooling ``first`` the first token is classified and padding is on the right, with ``last``
    the last one (``[SEP]`` of a BERT-like tokenizer) and padding is on the left.
    """

    epochs: int
    batch_size: int
    lr: float
    max_length: int
    pooling: str


def prepare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    splits: tuple[Sequence[Pair], Sequence[Pair]],
    recipe: Recipe,
) -> tuple[FastDeberta | AnyEncoder, list[Encoded], list[Encoded]]:
    """A trainable copy of the model, and the items of both splits as ids.

    Raises:
        InputError: there are fewer items than one batch needs, or items exceed the model's maximum
            length.
    """
    train, valid = (encode(pairs, tokenizer, recipe.max_length) for pairs in splits)
    if len(train) < recipe.batch_size:
        raise InputError(
            f"batch_size={recipe.batch_size} is larger than the {len(train)} training items"
        )
    encoder = make_encoder(model, POSITIONS[recipe.pooling])
    longest = max(len(item.ids) for item in (*train, *valid))
    limit = longest_input(model, tokenizer)
    if isinstance(encoder, AnyEncoder) and longest > limit:
        raise InputError(
            f"max_length={recipe.max_length} exceeds the maximum input length of the model: use "
            f"max_length={limit}"
        )
    return encoder, train, valid


def train_task(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    task: Task,
    splits: tuple[Sequence[Pair], Sequence[Pair]],
    recipe: Recipe,
    *,
    seed: int,
    accelerator: str = "cpu",
    title: str = "",
) -> FineTuning:
    """Trains a classifier and returns it with its results; the model itself is not modified.

    Raises:
        InputError: see `prepare`.
    """
    encoder, train, valid = prepare(model, tokenizer, splits, recipe)
    pad = tokenizer.pad_token_id or 0
    side = SIDES[recipe.pooling]
    batches = make_batches(train, recipe.batch_size, pad, seed, side)
    if truncated := sum(item.truncated for item in (*train, *valid)):
        say(
            f"{title}: {truncated:,} of {len(train) + len(valid):,} items are longer than "
            f"max_length={recipe.max_length} tokens; their longer text is truncated"
        )
    torch.manual_seed(seed)  # for the weights of the head
    classifier = Classifier(encoder, model.config.hidden_size, task.labels).train()
    total_steps = len(batches) * recipe.epochs
    module = FineTuning(classifier, task, lr=recipe.lr, total_steps=total_steps, seed=seed)
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=1,
        max_epochs=recipe.epochs,
        num_sanity_val_steps=0,
        # Tensors that the encoder caches in validation are reused in training.
        inference_mode=False,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Bar(title, total_steps)],
    )
    trainer.fit(module, batches, make_batches(valid, VALID_BATCH, pad, side=side))
    return module
