"""Sentences with the masking probability of each token as the table drifts.

Shapes: N sentences, L tokens, T updates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from amlm.masking.exclusions import excluded_ids
from amlm.masking.marginals import clipped_marginals, exact_marginals
from amlm.report.report_data import Group
from amlm.report.run_drift import Vocabulary
from amlm.report.statistics import Floats
from amlm.tokenizers.special_tokens import special_ids
from amlm.tokenizers.surfaces import BYTE_TOKEN

SHOWN = 12
LENGTHS = range(6, 31)  # tokens of a sentence, not counting special ones
TRIED = 2_000_000  # tokens of held-out text that are searched


@dataclass(frozen=True)
class Sentence:
    """Attributes: ids, with special tokens; pieces, how each is shown."""

    ids: list[int]
    pieces: list[str]


def sentences_of(vocabulary: Vocabulary, given: Sequence[str]) -> list[Sentence]:
    """The sentences that were given, and evenly spaced ones of the held-out text, if it is in the
    cache."""
    tokenizer = vocabulary.tokenizer
    mine = [_sentence(vocabulary, tokenizer.encode(text).ids) for text in given]
    found = [_sentence(vocabulary, ids) for ids in _held_out(vocabulary)]
    return [*mine, *found]


def _held_out(vocabulary: Vocabulary) -> Iterator[list[int]]:
    if vocabulary.store is None:
        return
    special = special_ids(vocabulary.tokenizer)
    ids_N = np.asarray(vocabulary.store.ids("dev")[:TRIED])
    starts = np.flatnonzero(ids_N == special.cls)
    sizes = np.diff(starts, append=len(ids_N))
    fits = [i for i, size in enumerate(sizes) if size - 2 in LENGTHS]
    for n in range(min(SHOWN, len(fits))):
        i = fits[n * len(fits) // SHOWN]
        yield ids_N[starts[i] : starts[i] + sizes[i]].tolist()


def _sentence(vocabulary: Vocabulary, ids: list[int]) -> Sentence:
    return Sentence(ids, [_shown(vocabulary.tokenizer, vocabulary.surfaces, v) for v in ids])


def _shown(tokenizer: Tokenizer, surfaces: Sequence[str | None], v: int) -> str:
    piece = surfaces[v] or str(tokenizer.id_to_token(v))
    return piece if not BYTE_TOKEN.fullmatch(piece) else piece[1:-1]


def probabilities(group: Group, sentences: Sequence[Sentence], updates: Sequence[int]) -> Floats:
    """The probability that each token is selected, if its sentence is a sequence of its own.

    By the group's own rule (`amlm.masking.marginals`) at the mask ratio of the update, mean over
    seeds, for single tokens drawn by the table.

    Args:
        updates: indices of updates.

    Returns: ``[T, N, L]``, L being the longest length; 0 beyond the end of a sentence.
    """
    assert group.vocabulary is not None
    masking = group.runs[0].record.config["masking"]
    rule = {"exact": exact_marginals, "clipped": clipped_marginals}[masking["normalization"]]
    special = special_ids(group.vocabulary.tokenizer)
    longest = max(len(sentence.ids) for sentence in sentences)
    padded = [[*each.ids, *[special.pad] * (longest - len(each.ids))] for each in sentences]
    ids_NL = torch.tensor(padded)
    never = torch.tensor(
        special.not_maskable(masking["mask_special_tokens"])
        + excluded_ids(masking["exclude"], group.vocabulary.surfaces)
    )
    maskable_NL = ~torch.isin(ids_NL, never)
    total_TNL = torch.zeros(len(updates), *ids_NL.shape, dtype=torch.float64)
    for run in group.drifted:
        for t, update in enumerate(updates):
            weight_NL: Tensor = torch.from_numpy(run.tables_TV[update][ids_NL.numpy()])
            total_TNL[t] += rule(weight_NL, maskable_NL, run.ratios[update])
    return np.asarray((total_TNL / len(group.drifted)).numpy())
