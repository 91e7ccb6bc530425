"""Makes the module of a run: model, masking policies, validation.

Shapes: V token types.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from amlm.config.components import build_masking
from amlm.config.run_schema import ValidationConfig
from amlm.config.schema import Config
from amlm.masking.exclusions import excluded_ids
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Bernoulli, Systematic
from amlm.masking.schedule import Constant
from amlm.masking.signals import Context
from amlm.masking.signals.authors import authors_counters
from amlm.masking.signals.uniform import Uniform
from amlm.models.build import build_model
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.models.substrings import build_substring_index
from amlm.models.tied import FusedEmbedding
from amlm.store.token_store import TokenStore
from amlm.tokenizers.parts_of_speech import parts_of_speech
from amlm.training import devices
from amlm.training.accumulators import Validation
from amlm.training.lightning_module import AdaptiveMaskedLM


def make_context(
    config: Config, store: TokenStore, total_steps: int, model: DebertaV2MaskedLM
) -> Context:
    """What a masking signal can know of a run."""
    rows = model.deberta.embeddings.word_embeddings  # their weight is without n-hot
    assert isinstance(rows, nn.Embedding | FusedEmbedding)
    return Context(
        counts_V=torch.from_numpy(store.type_counts("train")),
        surfaces=store.surfaces,
        total_steps=total_steps,
        seed=config.seed,
        embed=lambda ids: F.embedding(ids, rows.weight),
        width=config.model.hidden_size,
    )


def make_policy(
    config: Config, store: TokenStore, total_steps: int, context: Context
) -> MaskingPolicy:
    """The masking policy of training."""
    masking, parts = config.masking, build_masking(config)
    if masking.counters == "bfloat16":
        parts["signal"] = authors_counters(parts["signal"])
    return MaskingPolicy(
        store.vocab_size,
        total_steps,
        **parts,
        special=store.special,
        exclude=excluded_ids(masking.exclude, store.surfaces),
        smoothing=masking.smoothing,
        floor=masking.floor,
        normalization=masking.normalization,
        mask_special_tokens=masking.mask_special_tokens,
        control=masking.control,
        context=context,
        seed=config.seed,
    )


def validation_policy(config: ValidationConfig, store: TokenStore) -> MaskingPolicy:
    """Plain masked language modeling with 80/10/10 and masks of its own seed."""
    authors = config.protocol == "authors"
    return MaskingPolicy(
        store.vocab_size,
        total_steps=1,
        signal=Uniform(),
        schedule=Constant(config.ratio),
        sampler=Bernoulli() if authors else Systematic(),
        replacement=Replacement(random_ids="any" if authors else "ordinary"),
        special=store.special,
        normalization="clipped" if authors else "exact",
        mask_special_tokens=authors,
        seed=config.seed,
    )


def make_module(config: Config, store: TokenStore, total_steps: int) -> AdaptiveMaskedLM:
    """Model, masking policy and optimizer, with weights drawn from the seed."""
    substrings = None
    if config.model.nhot.fusion != "none":
        substrings = build_substring_index(store.surfaces, config.model.nhot.include_self)
    model = build_model(
        config.model,
        store.vocab_size,
        substrings,
        config.seed,
        store.special,
        store.type_counts("train"),
    )
    context = make_context(config, store, total_steps, model)
    parts = parts_of_speech(context.surfaces)
    module = AdaptiveMaskedLM(
        model,
        make_policy(config, store, total_steps, context),
        validation_policy(config.validation, store),
        Validation(context.counts_V, parts, config.validation.protocol == "authors"),
        config.optimizer,
        total_steps=total_steps,
        seed=config.seed,
        accumulate=config.trainer.accumulate,
        compare=config.validation.compare,
        protocol=config.validation.protocol,
        autocast=config.trainer.precision == devices.BF16_AUTOCAST,
    )
    if config.trainer.attention == "triton":
        model.fuse_attention()
    mode = devices.compile_mode(config.trainer)
    if mode is not None:
        module.compile_model(mode)
    return module
