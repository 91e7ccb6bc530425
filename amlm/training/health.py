"""Signs of a run that goes wrong, read from its record: a loss that rises and stays high, a masking
distribution that collapses, grammar that falls while morphology gains.

The bounds, and what healthy runs had (eleven of up to 1,500 steps, 128 wide, on the sample and on
BabyLM text; see ``notes.md``):

| sign | bound | healthy runs, at most |
| --- | --- | --- |
| median loss of 5 records, above its lowest | 1 nat, for 200 steps | 0.2 |
| effective types, of all | under 10 % | 96.4 %, at least |
| variance of the table, of its squared mean | 9 | 0.07 |

The third sign is one of n-hot embeddings (Edman & Fraser 2025: 10 to 30 points more on adjective
nominalisation, 2 to 4 fewer on BLiMP). It needs ``evaluation.tasks`` of both kinds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from amlm.training.record import Record

RISE = 1.0  # nats
STEPS = 200
MEDIAN_OF = 5  # records
EFFECTIVE_SHARE = 0.1
RELATIVE_VARIANCE = 9.0
GRAMMAR, MORPHOLOGY = "blimp", ("wug_adj", "wug_past")


@dataclass
class Health:
    """Takes the records of a run one by one and returns an event where something begins or ends.

    A function of the records alone: a resumed run gives it the old ones first.
    """

    _losses: deque[float] = field(default_factory=lambda: deque(maxlen=MEDIAN_OF))
    _lowest: float = float("inf")
    _since: int | None = None  # step at which the loss rose
    _best: Record | None = None  # the evaluation with the highest score in grammar
    _now: set[str] = field(default_factory=set)  # signs that are present

    def __call__(self, record: Record) -> dict[str, Any] | None:
        if record["kind"] == "train" and record["loss"] is not None:
            return self._loss(record["step"], record["loss"])
        if record["kind"] == "mask_update":
            return self._distribution(record)
        if record["kind"] == "evaluation" and GRAMMAR in record:
            return self._grammar(record)
        return None

    def recall(self, records: Iterable[Record]) -> None:
        for record in records:
            self(record)

    def _loss(self, step: int, loss: float) -> dict[str, Any] | None:
        self._losses.append(loss)
        if len(self._losses) < MEDIAN_OF:
            return None
        level = median(self._losses)
        self._lowest = min(self._lowest, level)
        rise = level - self._lowest
        if rise <= RISE:
            self._since = None
        elif self._since is None:
            self._since = step
        stays = self._since is not None and step - self._since >= STEPS
        text = (
            f"the loss is {level:.2f}, for {STEPS} steps or more {rise:.2f} nats above its lowest: "
            "try a smaller optimizer.lr"
        )
        return self._event("loss_rose", stays, {"loss": level, "rise": rise}, text)

    def _distribution(self, record: Record) -> dict[str, Any] | None:
        share = record["effective_types"] / record["vocab_size"]
        spread = record["variance"] / record["mean"] ** 2
        collapsed = share < EFFECTIVE_SHARE or spread > RELATIVE_VARIANCE
        text = (
            f"the masking distribution has collapsed: {share:.1%} of the types are effective, the "
            f"variance is {spread:.1f} times the squared mean: try a larger masking.floor or "
            "masking.smoothing"
        )
        values = {"effective_share": share, "relative_variance": spread}
        return self._event("masking_collapsed", collapsed, values, text)

    def _grammar(self, record: Record) -> dict[str, Any] | None:
        if self._best is None or record[GRAMMAR]["score"] >= self._best[GRAMMAR]["score"]:
            self._best = record
        now, best = record[GRAMMAR], self._best[GRAMMAR]
        gains = {
            task: record[task]["score"] - self._best[task]["score"]
            for task in MORPHOLOGY
            if record.get(task, {}).get("score") is not None
            and self._best.get(task, {}).get("score") is not None
        }
        task = max(gains, key=gains.__getitem__, default="")
        fell = bool(gains) and gains[task] > 0 and now["high"] < best["low"]
        text = (
            f"{GRAMMAR} fell from {best['score']:.1f} (step {self._best['step']:,}) to "
            f"{now['score']:.1f}, with intervals apart, while {task} rose: n-hot embeddings can "
            "trade one for the other; try model/nhot=gate or none"
        )
        values = {"grammar": now["score"], "best_grammar": best["score"]}
        return self._event("grammar_fell", fell, values, text)

    def _event(
        self, sign: str, present: bool, values: dict[str, float], text: str
    ) -> dict[str, Any] | None:
        if present == (sign in self._now):
            return None
        if present:
            self._now.add(sign)
        else:
            self._now.discard(sign)
            sign, text = f"{sign}_no_more", f"no more: {sign.replace('_', ' ')}"
        return {"event": sign, "message": text, **values}
