"""A policy's five choices made by a user's own classes, with no more than CONTRIBUTING asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from amlm.config.components import build
from amlm.config.options import option
from amlm.config.overrides import to_overrides
from amlm.config.schema import Config
from amlm.masking.policy import MaskingPolicy
from amlm.masking.signals import Predictions
from amlm.train import train
from amlm.util.errors import InputError


@dataclass
class Pairs:
    def begins(self, words_GL: Tensor, share: float, generator: torch.Generator) -> Tensor:
        return torch.arange(words_GL.size(1)).expand_as(words_GL) % 2 == 0


@dataclass
class Labels:
    def counters(self) -> Mapping[str, torch.dtype]:
        return {"labels": torch.int64}

    def observe(self, statistics: Mapping[str, Tensor], predictions: Predictions) -> None:
        statistics["labels"].add_(1)

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return statistics["labels"].double().clamp(max=0.5)


@dataclass
class Half:
    def __call__(self, step: int, total: int) -> float:
        return 0.5


@dataclass
class First:
    """Selects the first half of each sequence."""

    def select(
        self, q_BL: Tensor, generator: torch.Generator, size_BL: Tensor | None = None
    ) -> Tensor:
        return (q_BL > 0) & ((q_BL > 0).cumsum(1) <= q_BL.sum(1, keepdim=True).ceil())

    def capacity(
        self, expected: Sequence[float], first: int = 0, largest: int | None = None
    ) -> int:
        return int(sum(expected)) + len(expected) * (1 + (largest or 1))


@dataclass
class AllMask:
    mask: float = option(1.0, "fraction replaced by [MASK]", ge=0, le=1)

    def apply(
        self,
        ids_BL: Tensor,
        selected_BL: Tensor,
        mask_id: int,
        candidates_C: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        return ids_BL.masked_fill(selected_BL, mask_id)


MINE = {"unit": Pairs, "signal": Labels, "schedule": Half, "sampler": First, "replacement": AllMask}


@pytest.mark.parametrize("parts", [("replacement",), tuple(MINE)], ids=["replacement", "all"])
def test_a_run_with_a_users_own_parts(
    parts: tuple[str, ...], tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("trainer.max_steps=2", "masking.update_every=1", "components=[tests]")
    for part in parts:
        node = {"_target_": f"{__name__}.{MINE[part].__name__}"}
        setattr(config.masking, part, node)
    seen: list[tuple[bool, bool]] = []
    corrupt = MaskingPolicy.corrupt

    def noted(self: MaskingPolicy, ids_GL: Tensor, *more: Any) -> Any:
        drawn = corrupt(self, ids_GL, *more)
        masked_GL = drawn.inputs_GL == self.special.mask
        as_said = torch.equal(masked_GL, drawn.selected_GL)
        seen.append((isinstance(self.replacement, AllMask), as_said))
        return drawn

    monkeypatch.setattr(MaskingPolicy, "corrupt", noted)
    assert train(config).summary["steps"] == 2
    # All of the selected tokens become [MASK] in training, 80 % in validation.
    assert set(seen) == {(True, True), (False, False)}


@pytest.mark.parametrize("part", MINE)
def test_an_option_of_an_own_part_needs_no_plus(part: str) -> None:
    assert to_overrides([f"masking.{part}.width=3"], Config) == [f"++masking.{part}.width=3"]


def test_a_replacement_without_apply_is_refused_when_it_is_built() -> None:
    node = {"_target_": f"{__name__}.Half"}
    with pytest.raises(InputError, match=r"masking\.replacement\._target_=.* it has no apply"):
        build(node, "masking.replacement", ("apply",), ("tests",))
