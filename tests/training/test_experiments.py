"""Every shipped experiment trains, and its run folder has what the README promises: a plain Hugging
Face model equal to the trained one, a readable log, tables, the configuration."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from transformers import AutoModelForMaskedLM, AutoTokenizer

from amlm.config.command import RUN_CONFIG
from amlm.config.composition import parse
from amlm.config.groups import groups_of
from amlm.config.schema import Config
from amlm.train import train
from amlm.training.checkpoint_files import newest
from amlm.training.record import read_log, read_tables
from amlm.training.run import Result
from amlm.util.errors import InputError


@pytest.fixture(scope="module")
def another_run(
    tiny_overrides: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The overrides of the experiments that need the folder of another run."""
    folder = tmp_path_factory.mktemp("other") / "run"
    steps = ("trainer.max_steps=2", "masking.update_every=1", f"run_dir={folder}")
    train(parse(Config, [*tiny_overrides, *steps]))
    return {
        "frozen": f"masking.signal.path={folder}",
        "mlm_realised": f"masking.schedule.run={folder}",
    }


@pytest.mark.parametrize("experiment", groups_of(RUN_CONFIG)["experiment"])
def test_every_experiment_trains_two_steps_resumes_and_exports(
    experiment: str,
    another_run: dict[str, str],
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    interrupt: Callable[[Config, int], None],
    tmp_path: Path,
) -> None:
    def config(*folder: str) -> Config:
        steps = ("trainer.max_steps=2", "masking.update_every=1", "checkpoints.every=1")
        other = another_run.get(experiment, "seed=0")
        return tiny(f"experiment={experiment}", *steps, other, *folder)

    result = train(config())
    stopped = f"run_dir={tmp_path / 'stopped'}"
    interrupt(config(stopped), 2)
    same_run(train(config(stopped)).folder, result.folder)
    AutoModelForMaskedLM.from_pretrained(result.folder / "hf")

    records = read_log(result.folder)
    assert [r["step"] for r in records if r["kind"] == "train"] == [1, 2]
    updates = [2] if experiment == "paper_parity" else [1, 2]  # the authors' come a step later
    assert [r["step"] for r in records if r["kind"] == "mask_update"] == updates
    assert all(math.isfinite(r["loss"]) for r in records if r["kind"] in ("train", "validation"))
    moved = records[-1]["kl_first"] > 1e-9
    plain = experiment.startswith(("mlm", "word", "span"))
    assert moved == (not plain and experiment != "frozen")
    assert result.folder.parent.name.startswith(experiment)


def test_the_tagger_of_parts_of_speech_is_in_the_log_and_the_record(
    tiny_run: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    steps = ("trainer.max_steps=1", "masking.update_every=1")
    result = tiny_run("experiment=pos_decay", "masking.signal.tagger=hanta", *steps)
    assert "pos (hanta) signal" in capsys.readouterr().out
    (update,) = [r for r in read_log(result.folder) if r["kind"] == "mask_update"]
    assert update["signal"] == "pos (hanta)"
    versions = json.loads((result.folder / "run.json").read_text())["versions"]
    assert versions["HanTa"]


def test_a_run_folder_has_the_files_of_the_readme(tiny: Callable[..., Config]) -> None:
    config = tiny(
        "experiment=hard_decay_nhot",
        "trainer.max_steps=30",
        "trainer.validate_every=10",
        "masking.update_every=10",
        "checkpoints.every=10",
    )
    folder = train(config).folder

    records = read_log(folder)
    kinds = [record["kind"] for record in records]
    assert (kinds.count("train"), kinds.count("mask_update")) == (30, 3)
    validations = [r for r in records if r["kind"] == "validation"]
    assert [r["step"] for r in validations] == [0, 10, 20, 30]
    assert validations[-1]["loss"] < validations[0]["loss"]
    assert kinds[-1] == "summary"
    train_records = [r for r in records if r["kind"] == "train"]
    ratios = [r["ratio"] for r in train_records]
    assert ratios == sorted(ratios, reverse=True) and ratios[0] == pytest.approx(0.40)
    for record in train_records:
        assert record["realised_ratio"] == pytest.approx(record["ratio"], abs=2 / 400)
        assert {"lr", "epoch", "words_seen", "tokens_per_second", "saturated"} <= set(record)
    peaks = [record["peak_memory"] for record in train_records]
    assert peaks[0] > 50_000_000 and peaks[-1] > peaks[0] - 1_000_000  # bytes, roughly
    assert "peak_device_memory" not in train_records[0]
    rates = [r["lr"] for r in train_records]  # one step of warm-up, then a cosine over 29
    assert rates[0] == rates[1] == pytest.approx(7e-3)
    assert rates[-1] == pytest.approx(7e-3 * (1 + math.cos(math.pi * 28 / 29)) / 2)
    update = next(r for r in records if r["kind"] == "mask_update")
    promised = "entropy effective_types variance minimum maximum at_floor kl_previous kl_first mean"
    assert set(promised.split()) <= set(update)
    assert {"word", "continuation", "punctuation", "number"} <= set(update["by_kind"])
    assert {"noun", "verb", "determiner", "special"} <= set(update["by_part_of_speech"])

    steps, tables = read_tables(folder)
    assert steps == [10, 20, 30]
    last = newest(folder)[1]["state_dict"]
    np.testing.assert_array_equal(tables[-1], last["masking.table_V"].numpy())

    saved = OmegaConf.load(folder / "config.yaml")
    assert saved.model.nhot.fusion == "add" and saved.trainer.max_steps == 30
    run = json.loads((folder / "run.json").read_text())
    assert run["finished"] and run["versions"]["torch"] == torch.__version__
    assert "commit" in run["git"]
    assert not (folder / "checkpoints" / "last.aside").exists()


@pytest.mark.parametrize("experiment", ["hard_decay", "hard_decay_nhot"])
def test_the_exported_model_equals_the_trained_one(
    experiment: str, tiny: Callable[..., Config]
) -> None:
    from amlm.store.token_store import open_store
    from amlm.training.make_module import make_module

    config = tiny(f"experiment={experiment}", "trainer.max_steps=3")
    folder = train(config).folder
    store = open_store(config.data, config.tokenizer, folder)
    module = make_module(config, store, total_steps=3).eval()
    state = newest(folder)[1]["state_dict"]
    module.load_state_dict(state)

    tokenizer = AutoTokenizer.from_pretrained(folder / "hf")
    model = AutoModelForMaskedLM.from_pretrained(folder / "hf").eval()
    settings = json.loads((folder / "hf" / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert "auto_map" not in json.loads((folder / "hf" / "config.json").read_text())
    batch = tokenizer("The dogs [MASK] the wuggish dax again.", return_tensors="pt")
    assert tokenizer.mask_token_id in batch["input_ids"]
    with torch.no_grad():
        theirs = model(**batch).logits
        ours = module.model(batch["input_ids"])
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


def test_the_seed_determines_the_bits_of_a_run(
    tiny_run: Callable[..., Result],
) -> None:
    def losses(*overrides: str) -> list[float]:
        result = tiny_run("experiment=hard_decay", "trainer.max_steps=4", *overrides)
        return [r["loss"] for r in read_log(result.folder) if r["kind"] == "train"]

    first = losses("seed=3")
    assert losses("seed=3") == first
    assert losses("seed=4") != first


def test_gradient_accumulation_does_not_change_results(tiny_run: Callable[..., Result]) -> None:
    def outcome(parts: int) -> tuple[list[float], NDArray[np.float32]]:
        result = tiny_run(
            "experiment=hard_decay",
            "trainer.max_steps=6",
            "masking.update_every=2",
            "model.dropout=0",
            f"trainer.accumulate={parts}",
        )
        losses = [r["loss"] for r in read_log(result.folder) if r["kind"] == "train"]
        return losses, read_tables(result.folder)[1]

    (whole, tables), (parts, tables_in_parts) = outcome(1), outcome(4)
    assert parts == pytest.approx(whole, rel=1e-5)
    # The statistics are integers: equal predictions give equal tables to the bit.
    np.testing.assert_array_equal(tables_in_parts, tables)


@pytest.mark.parametrize("optimizer", ["lamb", "adamw"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_every_optimizer_trains_in_every_precision(
    optimizer: str, precision: str, tiny_run: Callable[..., Result]
) -> None:
    folder = tiny_run(
        f"optimizer={optimizer}", f"trainer.precision={precision}", "trainer.max_steps=3"
    ).folder
    norms = [r["gradient_norm"] for r in read_log(folder) if r["kind"] == "train"]
    assert all(math.isfinite(norm) and norm > 0 for norm in norms)


def test_a_compiled_run_gives_the_same_results(
    tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("experiment=hard_decay", "model.layers=1", "model.dropout=0", "trainer.max_steps=4")
    plain = tiny_run(*settings)
    compiler = partial(torch.compile, backend="aot_eager")  # needs no C compiler
    monkeypatch.setattr("torch.compile", compiler)
    compiled = tiny_run(*settings, "trainer.compile=default")
    losses = [
        [record["loss"] for record in read_log(each.folder) if record["kind"] == "train"]
        for each in (plain, compiled)
    ]
    assert len(losses[0]) == 4 and losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_gradients_are_clipped_and_the_norm_before_is_recorded(
    tiny_run: Callable[..., Result],
) -> None:
    def record(clip: float) -> dict[str, float]:
        more = ("optimizer=adamw", "trainer.max_steps=2", f"optimizer.clip={clip}")
        records = read_log(
            tiny_run(*more, "optimizer.eps=1").folder
        )  # AdamW becomes plain gradient descent
        return {f"{name}{r['step']}": r[name] for r in records if r["kind"] == "train"
                for name in ("loss", "gradient_norm")}  # fmt: skip

    free, tight = record(0), record(1e-4)
    assert free["gradient_norm1"] == tight["gradient_norm1"] > 1e-4
    assert free["loss1"] == tight["loss1"] and free["loss2"] != tight["loss2"]


def test_words_seen_and_word_checkpoints(
    tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlm.training.callbacks import word_checkpoints

    monkeypatch.setattr(word_checkpoints, "THRESHOLDS", [500, 1_500, 10**9])
    monkeypatch.setattr(word_checkpoints, "MILLION", 500)
    result = tiny_run("experiment=hard", "trainer.max_steps=12")
    records = read_log(result.folder)
    seen = {r["step"]: r["words_seen"] for r in records if r["kind"] == "train"}
    exports = [r for r in records if r["kind"] == "checkpoint"]
    assert [r["name"] for r in exports] == ["chck_1M", "chck_3M"]
    for record, threshold in zip(exports, (500, 1_500), strict=True):
        step = record["step"]
        assert seen.get(step - 1, 0) < threshold <= seen[step] == record["words_seen"]
        AutoModelForMaskedLM.from_pretrained(result.folder / "checkpoints" / record["name"])
    for name in ("checkpoints/chck_1M", "hf"):
        card = (result.folder / name / "README.md").read_text(encoding="utf-8")
        assert "words seen" in card and "`chck_1M`" in card and 'pipeline("fill-mask"' in card


def test_a_model_overfits_one_batch(tiny_run: Callable[..., Result]) -> None:
    result = tiny_run(
        "experiment=mlm",
        "debug=overfit",
        "trainer.max_steps=200",
        "optimizer=adamw",
        "optimizer.lr=1e-2",
        "data.tokens_per_step=256",
    )
    losses = [r["loss"] for r in read_log(result.folder) if r["kind"] == "train"]
    assert np.mean(losses[-10:]) < losses[0] - 2  # types are memorised one by one


def test_a_run_that_diverges_stops_with_advice(
    tiny_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlm.training import lightning_module as module

    def broken(*arguments: Any, **options: Any) -> object:
        seen = predictions(*arguments, **options)
        object.__setattr__(seen, "nll_M", seen.nll_M * float("nan"))
        return seen

    from amlm.models.loss import predictions

    monkeypatch.setattr(module, "predictions", broken)
    with pytest.raises(InputError, match=r"diverged.*optimizer\.lr"):
        tiny_run("experiment=hard", "trainer.max_steps=4")


def test_the_profiler_writes_a_trace_and_a_table(tiny_run: Callable[..., Result]) -> None:
    folder = tiny_run("debug=profile", "trainer.max_steps=8").folder
    assert json.loads((folder / "profile.json").read_text())["traceEvents"]
    assert "bmm" in (folder / "profile.txt").read_text()
