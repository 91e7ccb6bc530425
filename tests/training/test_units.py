"""Runs whose unit is not the token: they resume exactly, export plain models, do not depend on how
a batch is divided, and record what updates did to words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from amlm.config.schema import Config
from amlm.train import train
from amlm.training.checkpoint_files import newest
from amlm.training.record import read_log, read_tables
from amlm.training.run import Result
from amlm.util.errors import InputError

STEPS = ("trainer.max_steps=6", "checkpoints.every=2", "masking.update_every=2")


@pytest.mark.parametrize("experiment", ["span", "hard_decay_word_then_token"])
def test_a_run_resumes_exactly_and_exports(
    experiment: str,
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    stopped_and_resumed: Callable[[Config, int], Path],
    tmp_path: Path,
) -> None:
    steps = (f"experiment={experiment}", *STEPS)
    whole = train(tiny(*steps, f"run_dir={tmp_path / 'whole'}")).folder
    # The checkpoint is of step 2; word_then_token switches after step 4.
    same_run(stopped_and_resumed(tiny(*steps, f"run_dir={tmp_path / 'stopped'}"), 4), whole)

    state = newest(whole)[1]["state_dict"]
    model = AutoModelForMaskedLM.from_pretrained(whole / "hf")
    exported = model.state_dict()["deberta.embeddings.word_embeddings.weight"]
    assert any(torch.equal(exported, each) for each in state.values() if torch.is_tensor(each))
    batch = AutoTokenizer.from_pretrained(whole / "hf")("The dogs [MASK].", return_tensors="pt")
    assert model(**batch).logits.isfinite().all()

    records = read_log(whole)
    for record in (r for r in records if r["kind"] == "train"):
        # A unit has at most the expected number of positions of one of the 8 blocks.
        assert abs(record["realised_ratio"] - record["ratio"]) <= record["ratio"] / 8
    updates = [r for r in records if r["kind"] == "mask_update"]
    unit = "span" if experiment == "span" else "word"
    last = "token" if "then_token" in experiment else unit
    assert [r["unit"] for r in updates] == [unit, unit, last]
    assert {r["signal"] for r in updates} == {"hard" if "hard" in experiment else "uniform"}
    (summary,) = (r for r in records if r["kind"] == "summary")
    assert summary["units"] == list(dict.fromkeys([unit, last]))


def test_words_are_described_by_the_mean_of_their_pieces(
    tiny_run: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_run("experiment=hard_decay_word", *STEPS, "tokenizer.vocab_size=320").folder
    printed = capsys.readouterr().out
    assert "masking  words, hard signal" in printed
    assert "masked units        words; signal hard" in printed and "words masked most" in printed
    update = [r for r in read_log(folder) if r["kind"] == "mask_update"][-1]
    of_words = update["of_words"]
    table_V = read_tables(folder)[1][-1]
    tokenizer = AutoTokenizer.from_pretrained(folder / "hf")
    assert of_words["words"] > 20 and len(table_V) == len(tokenizer)  # the table stays per type
    assert 0 < of_words["effective_words"] <= of_words["words"]
    for name, weight in [*of_words["highest"], *of_words["lowest"]]:
        pieces = tokenizer(name, add_special_tokens=False)["input_ids"]
        assert weight == pytest.approx(float(np.mean(table_V[pieces]))), name
    assert set(of_words["by_pieces"]) <= {"1", "2", "3", "4+"} and len(of_words["by_pieces"]) > 1


@pytest.mark.parametrize("unit", ["word", "span"])
def test_gradient_accumulation_does_not_change_a_run(
    unit: str, tiny_run: Callable[..., Result]
) -> None:
    def outcome(parts: int) -> tuple[list[float], list[float], Any]:
        more = ("experiment=hard_decay", f"masking/unit={unit}", "model.dropout=0", *STEPS)
        folder = tiny_run(*more, f"trainer.accumulate={parts}").folder
        records = [r for r in read_log(folder) if r["kind"] == "train"]
        losses, ratios = ([r[k] for r in records] for k in ("loss", "realised_ratio"))
        return losses, ratios, read_tables(folder)[1]

    (whole, ratios, tables), (parts, ratios_in_parts, tables_in_parts) = outcome(1), outcome(4)
    assert parts == pytest.approx(whole, rel=1e-5) and ratios_in_parts == ratios
    np.testing.assert_array_equal(tables_in_parts, tables)


def test_excluded_types_are_not_masked_and_not_adapted(
    tiny_run: Callable[..., Result], tiny: Callable[..., Config]
) -> None:
    exclude = "masking.exclude=[dog, '/[.].*/', '▁The']"
    folder = tiny_run("experiment=hard", *STEPS, exclude).folder
    tokenizer = AutoTokenizer.from_pretrained(folder / "hf")
    excluded = [tokenizer.convert_tokens_to_ids(t) for t in ("▁dog", ".", "▁The")]
    state = newest(folder)[1]["state_dict"]
    table_V = state["masking.table_V"]
    assert table_V[excluded].tolist() == pytest.approx([0.15] * 3)
    assert table_V[tokenizer.convert_tokens_to_ids("▁cat")].item() != pytest.approx(0.15)
    records = read_log(folder)
    shown = {name for r in records if r["kind"] == "mask_update"
             for name, _ in [*r["highest"], *r["lowest"]]}  # fmt: skip
    assert "▁cat" in shown and not shown & {"▁dog", ".", "▁The"}
    for record in (r for r in records if r["kind"] == "train"):
        assert record["realised_ratio"] == pytest.approx(record["ratio"], abs=1 / 300)
    with pytest.raises(InputError, match=r"masking\.exclude=dogg matches no.*dog.*between slashes"):
        train(tiny("experiment=hard", "masking.exclude=[dogg]"))


def test_a_policy_that_masks_noise_is_named_once_on_the_terminal_and_in_every_record(
    tiny_run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from amlm.training.callbacks import mask_drift

    def noisy(*_: Any, **__: Any) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        return [("▁MOT", 0.9), ("[", 0.8), ("▁*", 0.8), ("▁cat", 0.7)], [("▁the", 0.1)]

    monkeypatch.setattr(mask_drift, "extremes", noisy)
    folder = tiny_run("experiment=hard", *STEPS).folder
    warnings = [r.get("warning") for r in read_log(folder) if r["kind"] == "mask_update"]
    assert len(warnings) == 3 and all("3 of the 4 types masked most" in str(w) for w in warnings)
    printed = capsys.readouterr().out
    assert printed.count("warning  step") == 1 and printed.count("▁MOT [ ▁*") == 2  # summary
    assert "data/cleaning=full" in printed and "masking.exclude" in printed
