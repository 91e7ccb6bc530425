"""Events of a run's health: on made-up records that go wrong, none on records of sound runs, and in
a training that really goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from amlm.masking.table import drift
from amlm.training.health import Health
from amlm.training.mirrors import WandbMirror
from amlm.training.record import read_log
from amlm.training.run import Result


def _events(losses: list[float], every: int = 20) -> list[tuple[int, str]]:
    health, events = Health(), []
    for number, loss in enumerate(losses, start=1):
        step = number * every
        if event := health({"kind": "train", "step": step, "loss": loss}):
            events.append((step, event["event"]))
    return events


def _sound(count: int) -> list[float]:
    """The loss of a sound run, with a noise of 0.2 nats, three times that of the real ones."""
    noise = np.random.default_rng(0).normal(0, 0.2, count)
    return list(4.5 + 4.5 * np.exp(-np.arange(count) / 5) + noise)


def test_a_loss_that_rises_and_stays_is_an_event_once_and_its_end_another() -> None:
    losses = _sound(40)
    assert _events(losses) == []
    # Up after step 800; the median of five is up two records later, and 200 steps on it is said.
    assert _events([*losses, *[7.0] * 30]) == [(1_060, "loss_rose")]
    fallen = _events([*losses, *[7.0] * 30, *[4.6] * 10])
    assert [name for _, name in fallen] == ["loss_rose", "loss_rose_no_more"]


def test_a_loss_that_spikes_and_comes_back_is_none() -> None:
    losses = _sound(40)
    assert _events([*losses, *[9.0] * 8, *losses[20:]]) == []  # 160 steps
    assert _events([*losses, *[9.0, 4.5] * 20]) == []


def _scored(blimp: list[float], wug: list[float | None]) -> list[str]:
    health, events = Health(), []
    for number, (grammar, morphology) in enumerate(zip(blimp, wug, strict=True), start=1):
        record = {"kind": "evaluation", "step": 100 * number, "wug_adj": {"score": morphology}}
        record["blimp"] = {"score": grammar, "low": grammar - 1.5, "high": grammar + 1.5}
        if event := health(record):
            assert event["grammar"] == grammar and event["best_grammar"] == 67
            events.append(event["event"])
    return events


def test_grammar_that_falls_while_morphology_gains_is_an_event() -> None:
    assert _scored([60, 67, 63.9], [0.1, 0.2, 0.3]) == ["grammar_fell"]
    assert _scored([60, 67, 63, 67], [0.1, 0.2, 0.3, 0.3]) == [
        "grammar_fell",
        "grammar_fell_no_more",
    ]
    assert _scored([60, 67, 64.1], [0.1, 0.2, 0.3]) == []  # within the intervals
    assert _scored([60, 67, 60], [0.1, 0.2, 0.2]) == []  # both
    assert _scored([60, 67, 60], [0.1, 0.2, None]) == []
    health = Health()
    assert health({"kind": "evaluation", "step": 1, "sample": {"score": 50.0}}) is None


def test_a_resumed_run_gives_the_event_that_it_would_have_given() -> None:
    records: list[dict[str, Any]] = [
        {"kind": "train", "step": 20 * number, "loss": loss}
        for number, loss in enumerate([*_sound(40), *[7.0] * 30], start=1)
    ]
    for cut in (45, 53, 60):
        health = Health()
        health.recall(records[:cut])
        rest = [event["event"] for record in records[cut:] if (event := health(record))]
        assert rest == (["loss_rose"] if cut < 53 else [])


@pytest.mark.parametrize(
    ("table", "events"),
    [
        ("healthy", []),
        ("few", ["masking_collapsed"]),  # on a hundredth of the types
        ("floor and one", ["masking_collapsed"]),
    ],
)
def test_a_collapsed_table_is_an_event(table: str, events: list[str]) -> None:
    count = 2_000
    generator = torch.Generator().manual_seed(0)
    tables = {
        # Varies more than the tables of the runs that were measured (7 % of the squared mean).
        "healthy": 0.15 * (0.05 + 1.9 * torch.rand(count, generator=generator)),
        "few": torch.cat(
            [torch.full((count // 100,), 10.0), torch.full((count * 99 // 100,), 1e-4)]
        ),
        "floor and one": torch.cat([torch.ones(1), torch.full((count - 1,), 1e-3)]),
    }
    table_V, first_V = tables[table], torch.full((count,), 0.15)
    record = {"kind": "mask_update", "vocab_size": count, **drift(table_V, first_V, first_V)}
    health = Health()
    assert [event["event"] for _ in range(3) if (event := health(record))] == events


def test_a_training_with_a_rate_too_high_and_a_collapsed_table_has_both_events(
    tiny_run: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # One type in fifty is masked a thousand times as readily as the others.
    weights = np.where(np.arange(385) % 50 == 7, 1_000.0, 1.0)
    np.save(tmp_path / "few.npy", weights)
    result = tiny_run(
        *("trainer.max_steps=270", "trainer.log_every=10", "data.tokens_per_step=128"),
        *("optimizer=adamw", "optimizer.lr=8", "optimizer.warmup=0.9", "checkpoints.every=1000"),
        *("masking/signal=table", f"masking.signal.path={tmp_path / 'few.npy'}"),
        *("masking.update_every=50", "masking.floor=1e-5", "model.layers=1"),
    )
    records = read_log(result.folder)
    events = {r["event"]: r["step"] for r in records if r["kind"] == "health"}
    assert events.keys() == {"masking_collapsed", "loss_rose"}
    assert events["masking_collapsed"] == 50 and 200 < events["loss_rose"] <= 270
    losses = [r["loss"] for r in records if r["kind"] == "train"]
    assert min(losses) < losses[0] < losses[-1] - 1  # it learned first, and ended worse
    said = capsys.readouterr().out
    assert "warning: step 50: the masking distribution has collapsed" in said
    assert "try a smaller optimizer.lr" in said


def test_wandb_alerts_an_event() -> None:
    alerts: list[tuple[str, str]] = []
    experiment = SimpleNamespace(alert=lambda title, text: alerts.append((title, text)))
    mirror: Any = SimpleNamespace(experiment=experiment, put=lambda *_: None)
    record = {"kind": "health", "step": 3, "event": "loss_rose", "message": "by 2 nats"}
    WandbMirror.show(mirror, record, None)
    WandbMirror.show(mirror, {"kind": "train", "step": 3, "loss": 1.0}, None)
    assert alerts == [("loss_rose", "by 2 nats")]
