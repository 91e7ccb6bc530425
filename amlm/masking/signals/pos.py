"""Part-of-speech signal: masks the classes of words that are hard. V token types, C classes.

After Yang et al. 2023 (arXiv 2208.10806), read in the abstract only: weights per part of speech
from running losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from amlm.config.options import option
from amlm.masking.signals import Context, score_of_weights
from amlm.masking.signals.soft import Soft
from amlm.tokenizers.parts_of_speech import TAGGERS, check_tagger, parts_of_speech


@dataclass
class Pos(Soft):
    """Weight: the mean loss of a type's part of speech, counted as in `Soft`, with one pseudo-count
    of a uniform guess per class. Smoothing of the table makes it a running mean over windows."""

    tagger: str = option(
        "lexicon",
        "what tells parts of speech: the built-in word list, or HanTa (pip install 'amlm[pos]')",
        choices=TAGGERS,
    )

    def __post_init__(self) -> None:
        check_tagger(self.tagger)

    def prepare(self, context: Context) -> None:
        tags = parts_of_speech(context.surfaces, self.tagger)
        self.classes = sorted(set(tags))
        self.class_V = torch.tensor([self.classes.index(tag) for tag in tags])

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        class_V = self.class_V.to(statistics["loss"].device)
        loss_C, total_C = (
            statistics[name].new_zeros(len(self.classes)).index_add_(0, class_V, statistics[name])
            for name in ("loss", "total")
        )
        guess = torch.log(torch.tensor(float(len(class_V)), dtype=torch.float64))
        return score_of_weights(((loss_C + guess) / (total_C + 1.0))[class_V])
