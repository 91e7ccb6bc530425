"""Pseudo-log-likelihoods: every token of a completion is masked alone and predicted.

What makes it fast: a token's input is computed once however often it occurs (pairs that differ in
one word share it), inputs of one length go together, so that nothing is padding, and a model is
asked for the masked position alone.

Shapes: Q queries, B rows of a batch, L length, V vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from amlm.evaluation.zero_shot.items import Candidate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

QUERY_TOKENS = 2**18  # tokens of masked inputs that are held, and shared, at a time


class Query(NamedTuple):
    """Which token stands at a position? The ids show the mask token there."""

    ids_L: NDArray[np.int32]
    position: int
    target: int


class Scorer(Protocol):
    """Something that gives a token's log-probability in its context.

    Attributes:
        tokenizer: a fast one, for it has to know where tokens lie in their text.
        limit: the longest input in tokens, special ones included.
        fingerprint: the same for the same probabilities.
    """

    tokenizer: PreTrainedTokenizerFast
    limit: int
    fingerprint: str

    def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Natural log-probabilities of the targets: ``[Q]``."""
        ...


def masked_alone(
    ids_L: NDArray[np.int32], positions: NDArray[np.intp], mask_id: int
) -> Iterator[Query]:
    """A query for each of some positions of an input."""
    for position in positions.tolist():
        masked_L = ids_L.copy()
        masked_L[position] = mask_id
        yield Query(masked_L, position, int(ids_L[position]))


def score(
    scorer: Scorer,
    candidates: Sequence[Candidate],
    progress: Callable[[int], object] = lambda count: None,
) -> NDArray[np.float64]:
    """The pseudo-log-likelihood of each candidate's completion.

    Args:
        scorer: gives the probabilities.
        candidates: sentences with their completions.
        progress: told how many candidates are done since the last call.

    Returns: sums of natural logarithms, one a candidate; NaN where the sentence is too long for the
        scorer, which is for the caller to report.
    """
    sums = np.full(len(candidates), np.nan)
    waiting: list[Query] = []
    counts: Counter[int] = Counter()  # candidate -> its queries among those waiting
    tokens = told = 0

    def flush(done: int) -> None:
        nonlocal tokens, told
        log_probs = scorer.log_probs(waiting).astype(np.float64)
        ends = np.cumsum([0, *counts.values()])
        for index, start, end in zip(counts, ends[:-1], ends[1:], strict=True):
            sums[index] += log_probs[start:end].sum()
        progress(done - told)
        tokens, told = 0, done
        waiting.clear()
        counts.clear()

    mask_id = scorer.tokenizer.mask_token_id
    for index, (ids_L, end_L) in enumerate(_encode(scorer.tokenizer, candidates)):
        if len(ids_L) > scorer.limit:
            continue
        sums[index] = 0
        positions = np.flatnonzero(end_L > candidates[index].start)
        at_once = max(1, QUERY_TOKENS // len(ids_L))
        for start in range(0, len(positions), at_once):
            some = positions[start : start + at_once]
            waiting += masked_alone(ids_L, some, mask_id)
            counts[index] += len(some)
            tokens += len(some) * len(ids_L)
            if tokens > QUERY_TOKENS:
                flush(index)
    flush(len(candidates))
    return sums


def _encode(
    tokenizer: PreTrainedTokenizerFast, candidates: Sequence[Candidate]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Ids of each sentence, and where in its text each token ends (0 for special tokens)."""
    for start in range(0, len(candidates), 1_024):
        sentences = [each.sentence for each in candidates[start : start + 1_024]]
        encoded = tokenizer(sentences, return_offsets_mapping=True, verbose=False)
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            ends = [end for _, end in offsets]
            yield np.array(ids, dtype=np.int32), np.array(ends, dtype=np.int32)


class Row(NamedTuple):
    """A masked input that occurs once in a batch, however many queries ask for it."""

    ids_L: NDArray[np.int32]
    position: int
    queries: list[int]


def distinct_rows(queries: Sequence[Query]) -> list[Row]:
    """The different masked inputs, the longest first, each with the queries that it answers."""
    rows: dict[tuple[int, bytes], Row] = {}
    for index, query in enumerate(queries):
        key = query.position, query.ids_L.tobytes()
        row = rows.setdefault(key, Row(query.ids_L, query.position, []))
        row.queries.append(index)
    return sorted(rows.values(), key=lambda row: -len(row.ids_L))


def batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """Rows of one length together, so that nothing is padding: up to so many tokens, or one row."""
    for length, some in groupby(rows, key=lambda row: len(row.ids_L)):
        while batch := list(islice(some, max(1, tokens // length))):
            yield batch
