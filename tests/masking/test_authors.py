"""The authors' counters against a literal transcription of their script's arithmetic, over a stream
with the type frequencies of text: whole tables after every update, in float32 and bfloat16."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from amlm.masking.signals import Predictions, Signal
from amlm.masking.signals.authors import AuthorsHard, AuthorsSoft, authors_counters
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.soft import Soft
from amlm.masking.signals.uniform import Uniform
from amlm.masking.table import update_table
from amlm.util.errors import InputError

RATIO, SMOOTHING, FLOOR = 0.3, 0.2, 0.005


def stream(vocab_size: int, labels: int, batches: int, seed: int = 0) -> Iterator[Predictions]:
    """Labels with Zipf's frequencies; frequent types are predicted better than rare ones."""
    dice = torch.Generator().manual_seed(seed)
    rank_V = torch.arange(vocab_size, dtype=torch.float64)
    frequency_V = 1 / (rank_V + 2.7)
    right_V = 0.9 / (1 + rank_V / 50)
    for _ in range(batches):
        labels_M = torch.multinomial(frequency_V, labels, replacement=True, generator=dice)
        correct_M = torch.rand(labels, generator=dice, dtype=torch.float64) < right_V[labels_M]
        nll_M = torch.rand(labels, generator=dice) * torch.where(correct_M, 0.5, 9.0)
        shows_mask_M = torch.rand(labels, generator=dice) < 0.8
        valid_M = torch.rand(labels, generator=dice) < 0.98
        yield Predictions(labels_M, correct_M, nll_M, shows_mask_M, valid_M)


class Transcription:
    """The authors' statistics and table, in buffers of one dtype, in the order of their script."""

    def __init__(self, vocab_size: int, dtype: torch.dtype) -> None:
        self.size, self.dtype = vocab_size, dtype
        self.table = torch.full((vocab_size,), RATIO, dtype=torch.float64)
        self.reset()

    def reset(self) -> None:
        self.correct = torch.zeros(self.size, dtype=self.dtype)
        self.incorrect = torch.zeros(self.size, dtype=self.dtype)
        self.loss = torch.full((self.size,), math.log(self.size), dtype=self.dtype)
        self.total = torch.ones(self.size, dtype=self.dtype)

    def count_hard(self, batch: Predictions) -> None:
        labels = batch.labels_M[batch.valid_M]
        right = batch.correct_M[batch.valid_M]
        self.correct += torch.bincount(labels[right], minlength=self.size)
        self.incorrect += torch.bincount(labels[~right], minlength=self.size)

    def count_soft(self, batch: Predictions) -> None:
        for label, nll, shows, valid in zip(
            batch.labels_M.tolist(), batch.nll_M, batch.shows_mask_M, batch.valid_M, strict=True
        ):
            if shows and valid:
                self.loss[label] += nll.to(self.dtype)
                self.total[label] += 1

    def hard_score(self) -> Tensor:
        return (self.correct + 0.5) / (self.correct + self.incorrect + 1)

    def soft_score(self) -> Tensor:
        normal = self.loss / self.total / math.log(self.size)
        return 1 - (normal - normal.min()) / (normal.max() - normal.min())

    def update(self, score: Tensor) -> None:
        new = RATIO * (1 - score.double())
        mixed = (SMOOTHING * self.table + (1 - SMOOTHING) * new).clamp(min=FLOOR)
        self.table = mixed * RATIO / mixed.mean()
        self.reset()


def statistics(signal: Signal, size: int) -> dict[str, Tensor]:
    return {name: torch.zeros(size, dtype=dtype) for name, dtype in signal.counters().items()}


def tables(
    signal: Signal, dtype: torch.dtype, vocab_size: int, labels: int, window: int, updates: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Our table and the transcription's after each update."""
    theirs = Transcription(vocab_size, dtype)
    sums = statistics(signal, vocab_size)
    table_V = theirs.table.float()
    hard = isinstance(signal, Hard)
    for number, batch in enumerate(stream(vocab_size, labels, window * updates), start=1):
        signal.observe(sums, batch)
        theirs.count_hard(batch) if hard else theirs.count_soft(batch)
        if number % window == 0:
            theirs.update(theirs.hard_score() if hard else theirs.soft_score())
            table_V, _ = update_table(
                table_V, signal.score(sums), RATIO, smoothing=SMOOTHING, floor=FLOOR
            )
            for sum_V in sums.values():
                sum_V.zero_()
            yield table_V, theirs.table


@pytest.mark.parametrize(
    ("signal", "dtype"),
    [(Hard(), torch.float32), (AuthorsHard(), torch.bfloat16)],
    ids=["exact counters, theirs in float32", "their counters in bfloat16"],
)
def test_hard_tables_are_those_of_the_transcription(signal: Signal, dtype: torch.dtype) -> None:
    found = list(tables(signal, dtype, vocab_size=8_192, labels=3_000, window=40, updates=3))
    assert len(found) == 3
    for ours, theirs in found:
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-6)
    assert found[-1][0].std() > 0.01


@pytest.mark.parametrize(
    ("signal", "dtype"),
    [(Soft(), torch.float32), (AuthorsSoft(), torch.bfloat16)],
    ids=["exact sums, theirs in float32", "their sums in bfloat16"],
)
def test_soft_tables_are_those_of_the_transcription(signal: Signal, dtype: torch.dtype) -> None:
    found = list(tables(signal, dtype, vocab_size=64, labels=500, window=8, updates=2))
    assert len(found) == 2
    for ours, theirs in found:
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-6)
    assert found[-1][0].std() > 0.01


def test_counts_of_whole_batches_pass_256_and_single_counts_do_not() -> None:
    yes = torch.ones(100, dtype=torch.bool)
    batch = Predictions(torch.full((100,), 9), yes, torch.ones(100), yes, yes)
    hard, soft = AuthorsHard(), AuthorsSoft()
    counted, single = statistics(hard, 16), statistics(soft, 16)
    for _ in range(10):
        hard.observe(counted, batch)
        soft.observe(single, batch)
    assert counted["correct"][9] == 1_000 and counted["incorrect"].sum() == 0
    assert single["total"][9] == 256 and single["total"][3] == 1
    assert single["loss"][3] == torch.tensor(math.log(16)).bfloat16()


def test_a_window_without_predictions_scores_every_type_alike() -> None:
    for signal in (AuthorsHard(), AuthorsSoft()):
        assert signal.score(statistics(signal, 32)).eq(0.5).all()


def test_only_the_authors_signals_have_their_counters() -> None:
    assert type(authors_counters(Hard())) is AuthorsHard
    assert type(authors_counters(Soft())) is AuthorsSoft
    assert type(authors_counters(Uniform())) is Uniform

    class Other(Hard):
        pass

    with pytest.raises(InputError, match="not for Other: leave it at exact"):
        authors_counters(Other())
