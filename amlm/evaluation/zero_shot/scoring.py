"""Pseudo-log-likelihoods: each token of a completion is masked on its own and predicted.

It is fast for three reasons: identical masked inputs are computed only once (pairs that differ in
one word share one), batches have inputs of equal length and no padding, and logits are computed
only at the masked position.

Shapes: Q queries, B rows of a batch, L length, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from amlm.evaluation.zero_shot.items import Candidate
from amlm.util.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

QUERY_TOKENS = 2**18  # tokens of pending masked inputs, among which identical ones are shared


class Query(NamedTuple):
    """A request for the log-probability of `target` at `position`, which is masked in the ids."""

    ids_L: NDArray[np.int32]
    position: int
    target: int


class Scorer(Protocol):
    """Computes the log-probability of a token in its context.

    Attributes:
        tokenizer: a fast tokenizer, because token offsets are needed.
        limit: the maximum input length in tokens, special tokens included.
        backend: ``mlm``, or ``mntp`` if it predicts a token at the position before.
        fingerprint: identifies the probabilities; equal fingerprints mean equal probabilities.
    """

    tokenizer: PreTrainedTokenizerFast
    limit: int
    backend: str
    fingerprint: str

    def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Natural log-probabilities of the targets: ``[Q]``."""
        ...


def mask_each(
    ids_L: NDArray[np.int32], positions: NDArray[np.intp], mask_id: int
) -> Iterator[Query]:
    """One query per position, with only that position masked."""
    for position in positions.tolist():
        masked_L = ids_L.copy()
        masked_L[position] = mask_id
        yield Query(masked_L, position, int(ids_L[position]))


def score(
    scorer: Scorer,
    candidates: Sequence[Candidate],
    progress: Callable[[int], object] = lambda count: None,
    per_token: bool = False,
) -> NDArray[np.float64]:
    """Pseudo-log-likelihood of the completion of each candidate.

    Args:
        progress: called with the number of candidates completed since its last call.
        per_token: divide by the number of scored tokens.

    Returns: sums of natural logarithms, one per candidate; NaN if the sentence is too long for the
        scorer, which the caller should report.
    """
    sums = np.full(len(candidates), np.nan)
    counts = np.ones(len(candidates))
    pending: list[Query] = []
    owners: list[int] = []  # the candidate of each pending query
    tokens = reported = 0

    def flush(done: int) -> None:
        nonlocal tokens, reported
        np.add.at(sums, np.array(owners, dtype=np.intp), scorer.log_probs(pending))
        progress(done - reported)
        tokens, reported = 0, done
        pending.clear()
        owners.clear()

    mask_id = scorer.tokenizer.mask_token_id
    starts = (scorer.tokenizer.cls_token_id, scorer.tokenizer.bos_token_id)
    # Nothing comes before the first token, unless it is a special one.
    skipped = 1 if scorer.backend == "mntp" and starts == (None, None) else 0
    for index, (ids_L, end_L) in enumerate(_encode(scorer.tokenizer, candidates)):
        if len(ids_L) > scorer.limit:
            continue
        sums[index] = 0
        positions = np.flatnonzero(end_L > candidates[index].start)
        positions = positions[positions >= skipped]
        counts[index] = len(positions)
        if not len(positions):  # its score would be the highest, 0
            sentence, start, _ = candidates[index]
            raise InputError(
                f"{sentence[start:]!r} of {sentence!r} has no token, so that it cannot be scored: "
                "remove the item"
            )
        size = max(1, QUERY_TOKENS // len(ids_L))
        for start in range(0, len(positions), size):
            chunk = positions[start : start + size]
            pending += mask_each(ids_L, chunk, mask_id)
            owners += [index] * len(chunk)
            tokens += len(chunk) * len(ids_L)
            if tokens > QUERY_TOKENS:
                flush(index)
    flush(len(candidates))
    return sums / counts if per_token else sums


def _encode(
    tokenizer: PreTrainedTokenizerFast, candidates: Sequence[Candidate]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Ids of each sentence, and the end offset of each token (0 for special tokens)."""
    for start in range(0, len(candidates), 1_024):
        sentences = [each.sentence for each in candidates[start : start + 1_024]]
        encoded = tokenizer(sentences, return_offsets_mapping=True, verbose=False)
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            ends = [end for _, end in offsets]
            yield np.array(ids, dtype=np.int32), np.array(ends, dtype=np.int32)


class Row(NamedTuple):
    """A masked input of a batch, with the indices of all queries that it answers."""

    ids_L: NDArray[np.int32]
    position: int
    queries: list[int]


def distinct_rows(queries: Sequence[Query]) -> list[Row]:
    """The distinct masked inputs, longest first, each with the queries that it answers."""
    rows: dict[tuple[int, bytes], Row] = {}
    for index, query in enumerate(queries):
        key = query.position, query.ids_L.tobytes()
        row = rows.setdefault(key, Row(query.ids_L, query.position, []))
        row.queries.append(index)
    return sorted(rows.values(), key=lambda row: -len(row.ids_L))


def batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """Batches of rows of equal length, without padding: up to `tokens` tokens, at least one row."""
    for length, group in groupby(rows, key=lambda row: len(row.ids_L)):
        while batch := list(islice(group, max(1, tokens // length))):
            yield batch
