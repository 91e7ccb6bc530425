"""Records how each update changed the masking table.

Shapes: V token types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import lightning as L
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from amlm.masking.exclusions import noise_warning
from amlm.masking.signals import signal_name
from amlm.masking.table import drift
from amlm.masking.units.word_weights import WordSample
from amlm.store.token_store import TokenStore
from amlm.tokenizers.parts_of_speech import parts_of_speech
from amlm.tokenizers.surfaces import kind_of, special_types
from amlm.training.callbacks import Update
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.record import Record
from amlm.training.run_log import RunLog
from amlm.util.terminal import say

RANK_BINS = 12


def rank_bins(counts_V: NDArray[np.int64], bins: int = RANK_BINS) -> list[tuple[int, int]]:
    """Bounds ``[from, to)`` of bins of equal width in log frequency rank, over occurring types."""
    occurring = int((counts_V > 0).sum())
    edges = np.unique(np.geomspace(1, occurring + 1, bins + 1).round().astype(int))
    return [(int(a) - 1, int(b) - 1) for a, b in pairwise(edges)]


def by_frequency_rank(
    table_V: NDArray[np.float32], counts_V: NDArray[np.int64]
) -> dict[str, float]:
    """Mean masking probability by frequency rank: ``{"1-2": 0.1, "3-5": 0.2}``."""
    order = np.argsort(-counts_V, kind="stable")
    return {
        f"{start + 1}-{stop}": float(table_V[order[start:stop]].mean())
        for start, stop in rank_bins(counts_V)
    }


def by_kind(table_V: NDArray[np.float32], kinds: Sequence[str]) -> dict[str, float]:
    """Mean masking probability by kind of token, or by part of speech."""
    kinds_V = np.asarray(kinds)
    return {str(kind): float(table_V[kinds_V == kind].mean()) for kind in np.unique(kinds_V)}


def extremes(
    table_V: NDArray[np.float32],
    surfaces: Sequence[str | None],
    counts_V: NDArray[np.int64],
    top: int,
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The ``top`` types with the highest and the lowest probability, among those with a surface
    form and at least ten occurrences in the training text (rarer ones are hardly measured)."""
    frequent = np.flatnonzero(counts_V >= 10)
    order = frequent[np.argsort(table_V[frequent], kind="stable")]
    named = [(surface, float(table_V[v])) for v in order if (surface := surfaces[v]) is not None]
    return named[::-1][:top], named[:top]


def _report(of_signal: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    values = {name: float(value) for name, value in of_signal.items()}
    return {"masker": values} if values else {}


class MaskDrift(L.Callback):
    """Records at every update the drift (`amlm.masking.table.drift`), means by frequency rank and
    kind, the ``top`` extreme types, and the table.

    Where larger units are masked, also what the update means for ``words``. Warns if the types
    masked most are noise; on the terminal, when they have become so.

    Args:
        exclude: ids that are never masked, which are not among the extremes.
    """

    def __init__(
        self,
        run_log: RunLog,
        store: TokenStore,
        top: int = 20,
        *,
        words: WordSample | None = None,
        exclude: Sequence[int] = (),
    ) -> None:
        self.run_log = run_log
        self.surfaces = store.surfaces
        # Special tokens are frequent and never measured.
        special = special_types(store.tokenizer)
        self.counts_V = store.type_counts("train")
        self.counts_V[[*special, *exclude]] = 0
        self.words = words
        self.kinds, self.parts = (
            ["special" if v in special else name for v, name in enumerate(names)]
            for names in (map(kind_of, self.surfaces), parts_of_speech(self.surfaces))
        )
        self.top = top

    def on_mask_update(
        self, trainer: L.Trainer, pl_module: AdaptiveMaskedLM, update: Update
    ) -> None:
        if not trainer.is_global_zero:
            return
        table_V = update.table_V.cpu().numpy()
        policy = pl_module.masking
        highest, lowest = extremes(table_V, self.surfaces, self.counts_V, self.top)
        moved = drift(update.table_V, update.previous_V, policy.first_V)
        more: Record = {}
        if self.words is not None:
            tables = update.table_V, update.previous_V, policy.first_V
            more["of_words"] = self.words.describe(*tables, self.top)
        warning = noise_warning([name for name, _ in highest]) if moved["kl_first"] > 1e-9 else None
        if warning is not None:
            more["warning"] = warning
            if "warning" not in self.run_log.latest.get("mask_update", {}):
                say(f"warning  step {update.step:,}: {warning}")
        self.run_log.write(
            "mask_update",
            {
                "step": update.step,
                "unit": policy.unit_name(update.step - 1),
                "signal": signal_name(policy.signal),
                "vocab_size": len(table_V),
                "ratio": policy.ratio(update.step),
                **moved,
                "at_floor": float(update.floored),
                "by_frequency_rank": by_frequency_rank(table_V, self.counts_V),
                "by_kind": by_kind(table_V, self.kinds),
                "by_part_of_speech": by_kind(table_V, self.parts),
                "highest": highest,
                "lowest": lowest,
                **_report(policy.report),
                **more,
            },
            table_V,
        )
