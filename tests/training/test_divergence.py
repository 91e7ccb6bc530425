"""A run in which something is not finite ends with a dump: ``debug=replay`` finds the same step,
the last good checkpoint stays, and another learning rate resumes from it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from amlm.config.schema import Config
from amlm.masking.policy import MaskingPolicy
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.store.datamodule import StepBatch
from amlm.train import train
from amlm.training.accumulators import Window
from amlm.training.checkpoint_files import newest
from amlm.training.lightning_module import AdaptiveMaskedLM
from amlm.training.record import read_log
from amlm.training.replay import replay
from amlm.training.run import Result
from amlm.util.errors import InputError

STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=20",
    "trainer.log_every=5",
    "checkpoints.every=3",
    "model.dropout=0",
)
HUGE = ("optimizer=adamw", "optimizer.clip=0")  # whose steps are as long as the rate


def _last(folder: Path) -> dict[str, Any]:
    return newest(folder)[1]


def test_a_run_with_a_rate_too_high_leaves_a_dump_that_replay_reproduces(
    tiny: Callable[..., Config], text_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    config = tiny(*STEPS, *HUGE, "optimizer.lr=1e25", f"run_dir={run}")
    with pytest.raises(
        InputError, match=rf"diverged.*step \d.*run_dir={run}.*optimizer\.lr"
    ) as told:
        train(config)
    assert f"debug=replay run_dir={run}" in str(told.value)
    report = json.loads((run / "diverged" / "diverged.json").read_text())
    event = read_log(run)[-1]
    assert event["kind"] == "health" and event["event"] == "diverged"
    assert event["step"] == report["step"]
    assert not (run / "hf").exists()
    options = run / "diverged" / "config.yaml"
    options.write_text(options.read_text().replace(str(text_folder), f"{text_folder}-gone"))
    replayed: list[str] = []
    found = replay(run, replayed.append)  # the store is cached
    assert "is used without its text" in replayed[0]
    assert found["step"] == report["step"]
    assert found["tensor"] in replayed[-1]
    assert json.loads((run / "diverged" / "replay.json").read_text()) == found


def test_after_a_divergence_another_rate_resumes_from_the_last_good_checkpoint(
    tiny: Callable[..., Config],
    tiny_run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    config = tiny(*STEPS, f"run_dir={run}")
    original = DebertaV2MaskedLM.forward
    calls = 0

    def breaks(self: DebertaV2MaskedLM, *arguments: Any, **options: Any) -> torch.Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()
        logits = original(self, *arguments, **options)
        return logits * (torch.nan if calls == 8 else 1)

    monkeypatch.setattr(DebertaV2MaskedLM, "forward", breaks)
    with pytest.raises(InputError, match="was not finite in step 8"):
        train(config)
    monkeypatch.setattr(DebertaV2MaskedLM, "forward", original)
    good = _last(run)
    assert good["global_step"] == 6  # not 9
    assert all(bool(v.isfinite().all()) for k, v in good["state_dict"].items() if "model." in k)
    assert (run / "diverged" / "last.ckpt").is_file()
    with pytest.raises(InputError, match=r"stayed finite.*trainer\.accelerator=cpu.*processes"):
        replay(run, lambda _: None)  # the fault was not in the run

    with pytest.raises(InputError, match="seed was 0 and is now 1"):
        train(tiny(*STEPS, "seed=1", f"run_dir={run}"))
    changed = tiny(*STEPS, "optimizer.lr=0.001", f"run_dir={run}")
    train(changed)
    rates = {r["step"]: r["lr"] for r in read_log(run) if r["kind"] == "train"}
    usual = {
        r["step"]: r["lr"]
        for r in read_log(tiny_run(*STEPS, "optimizer.lr=0.001").folder)
        if r["kind"] == "train"
    }
    assert rates[10] == pytest.approx(usual[10]) and rates[20] == pytest.approx(usual[20])
    note = json.loads((run / "run.json").read_text())["resumed"][-1]
    assert note["step"] == 6 and note["optimizer.lr"] == 0.001
    assert "lr: 0.001" in (run / "config.yaml").read_text()
    assert list(run.glob("diverged-*/diverged.json"))  # kept


def test_replay_names_the_first_gradient_that_is_not_finite(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, name = tmp_path / "run", "model.deberta.encoder.layer.0.output.dense.weight"
    original = AdaptiveMaskedLM.training_step

    def breaks(self: AdaptiveMaskedLM, batch: StepBatch, index: int) -> Any:
        if batch.step == 7:
            weight: Any = self.get_parameter(name)
            weight.register_hook(lambda gradient: gradient * math.inf)
        return original(self, batch, index)

    monkeypatch.setattr(AdaptiveMaskedLM, "training_step", breaks)
    with pytest.raises(InputError, match="not finite in step 8"):
        train(tiny(*STEPS, f"run_dir={run}"))
    found = replay(run, lambda _: None)
    assert found["tensor"] == f"gradient of {name}"
    assert (found["step"], found["shape"], found["not_finite"]) == (8, [32, 64], 2048)


def test_a_table_that_is_not_finite_ends_the_run_before_it_is_saved(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MaskingPolicy.update

    def breaks(self: MaskingPolicy, step: int, *arguments: Any) -> torch.Tensor:
        floored = original(self, step, *arguments)
        self.table_V[7] = torch.nan
        return floored

    monkeypatch.setattr(MaskingPolicy, "update", breaks)
    run = tmp_path / "run"
    with pytest.raises(InputError, match="the masking table was not finite in step 6"):
        train(tiny(*STEPS, "masking.update_every=6", f"run_dir={run}"))
    assert _last(run)["global_step"] == 3
    assert read_log(run)[-1]["event"] == "diverged"


def test_a_run_that_stops_early_at_a_nan_has_diverged(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its next ``train`` record, by which others are found."""
    original = DebertaV2MaskedLM.forward
    calls = 0

    def breaks(self: DebertaV2MaskedLM, *arguments: Any, **options: Any) -> torch.Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()
        return original(self, *arguments, **options) * (torch.nan if calls == 4 else 1)

    monkeypatch.setattr(DebertaV2MaskedLM, "forward", breaks)
    run = tmp_path / "run"
    stop = "+callbacks.stop={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: %s}"
    often = ("trainer.log_every=20", "trainer.validate_every=5", stop % "validation/loss")
    with pytest.raises(InputError, match="loss or gradient was not finite in step 4"):
        train(tiny(*STEPS, *often, f"run_dir={run}"))
    assert _last(run)["global_step"] == 3 and (run / "diverged" / "last.ckpt").is_file()
    assert read_log(run)[-1]["event"] == "diverged" and not (run / "hf").exists()
    assert not json.loads((run / "run.json").read_text())["finished"]


@pytest.mark.parametrize(
    ("bad_steps", "steps", "expected"), [([], 4, 4), ([3], 4, 2), ([1, 3], 4, 0)]
)
def test_the_window_counts_the_steps_until_something_was_not_finite(
    bad_steps: list[int], steps: int, expected: int
) -> None:
    ranks = [Window(), Window()]
    for step in range(1, steps + 1):
        for rank, window in enumerate(ranks):
            window.steps += 1
            if rank and step in bad_steps:
                window.sums_5[0] += torch.inf  # the loss of one rank
            norm = torch.nan if step in bad_steps else 1.0
            window.add_gradient_norm(torch.tensor(norm))
    sums = iter(
        [torch.cat([w.sums_5, w.finite_2.double(), torch.tensor([0, 0, w.steps]).double()])
         for w in ranks]
    )  # fmt: skip
    total = next(sums) + next(sums)
    ranks[0].close(lambda _: total, ranks=2)
    assert (ranks[0].closed_steps, ranks[0].finite_steps) == (steps, expected)


def test_replay_of_a_folder_without_a_dump_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"run_dir={tmp_path} .*no diverged.*needs the folder"):
        replay(tmp_path, lambda _: None)
