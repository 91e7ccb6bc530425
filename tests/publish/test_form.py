"""The form's fields: numbers worked out by hand from a made-up record, and the paper's shape."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from amlm.config.composition import parse
from amlm.config.schema import Config, ModelConfig, as_dict
from amlm.evaluate import run as evaluate
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.submission import submit as submitting
from amlm.models.build import build_model, save_hugging_face
from amlm.models.cost import step_operations
from amlm.publish.form import device_hours, form_fields, operations, parameters
from amlm.publish.run_models import RunRecord
from amlm.util.errors import InputError

SIZES = ModelConfig(hidden_size=8, layers=2, heads=2, intermediate_size=12, max_positions=64)
CHOICES = [
    "experiment=hard_decay",
    "scale=paper",
    "data=babylm",
    "data.dir=/somewhere/text",
    "data.sequence_length={0: 8, 5: 16}",
    "data.tokens_per_step=128",
    "model.hidden_size=8",
    "model.layers=2",
    "model.heads=2",
    "model.intermediate_size=12",
    "model.max_positions=64",
    "seed=7",
]


def train(step: int, epoch: float, ratio: float, speed: float, words: int) -> dict[str, Any]:
    numbers = {"realised_ratio": ratio, "tokens_per_second": speed, "words_seen": words}
    return {"kind": "train", "step": step, "epoch": epoch, **numbers}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A run of 30 steps: 20 of 8-token sequences in the first five epochs, 10 of 16."""
    folder = tmp_path_factory.mktemp("run")
    save_hugging_face(build_model(SIZES, 300, None, 0), folder / "hf")
    records = [
        train(10, 2.5, 0.4, 64.0, 250),
        train(20, 5.0, 0.3, 128.0, 500),
        train(30, 10.0, 0.15, 32.0, 1_000),
        {"kind": "summary", "steps": 30, "words_seen": 1_000, "seconds": 99.0},
    ]
    return RunRecord(folder, as_dict(parse(Config, CHOICES)), {}, records, "x")


def test_device_hours_are_the_windows_of_the_log(record: RunRecord) -> None:
    # 10 steps of 128 tokens at 64, 128 and 32 tokens per second: 20, 10 and 40 seconds.
    def hours(run: dict[str, Any], **trainer: Any) -> float | None:
        config = {**record.config, "trainer": {**record.config["trainer"], **trainer}}
        return device_hours(replace(record, config=config, run=run))

    one, eight = 0.01944, {"machine": {"processes": 8}}
    assert hours({}) == one == pytest.approx(70 / 3600, rel=1e-3)
    assert hours({}, devices=4) == 0.07778 == pytest.approx(4 * 70 / 3600, rel=1e-4)
    # All devices, on several nodes, or in processes of torchrun: run.json has their number.
    for devices in (0, 1, 4):
        assert hours(eight, devices=devices) == 0.1556
    assert hours({}, devices=0) is None
    assert hours({}, devices=0, accelerator="cpu") == hours(eight, accelerator="cpu") == one


def test_operations_are_those_of_each_windows_shape(record: RunRecord) -> None:
    shape = build_model(SIZES, 300, None, 0)
    expected = 10 * (
        step_operations(shape, 128, 8, 0.4 * 128)
        + step_operations(shape, 128, 8, 0.3 * 128)
        + step_operations(shape, 128, 16, 0.15 * 128)
    )
    assert operations(record, record.folder / "hf") == pytest.approx(expected, rel=1e-12)


def test_operations_of_a_step_by_hand() -> None:
    # Two multiplications and additions each; forward once, backward twice: 6 a product.
    shape, tokens, length, labels = build_model(SIZES, 300, None, 0), 128, 8, 20
    width, inner, rows, distances = 8, 12, len(range(-7, 8)), 2 * length - 1
    attention = 3 * tokens * width**2 + 2 * tokens * length * width
    attention += 2 * tokens * distances * width + 2 * rows * width**2
    rest, head = width**2 + 2 * width * inner, width**2 + width * 300
    products = 2 * attention + tokens * rest + labels * (rest + head)
    assert step_operations(shape, tokens, length, labels) == 6 * products


def test_parameters_of_the_papers_shape() -> None:
    # Published for this architecture with a vocabulary of 40,000 (BabyLM 2026, a participant).
    paper = ModelConfig(
        hidden_size=384, layers=12, heads=12, intermediate_size=1_280, max_positions=512
    )
    with torch.device("meta"):
        model = build_model(paper, 40_000, None, 0)
    assert sum(each.numel() for each in model.parameters()) == 34_677_952


def test_parameters_are_counted_in_the_exported_file(record: RunRecord) -> None:
    model = build_model(SIZES, 300, None, 0)
    assert parameters(record.folder / "hf") == sum(each.numel() for each in model.parameters())


def test_fields_are_the_runs(record: RunRecord, tmp_path: Path) -> None:
    fields = form_fields(record, "strict-small", tmp_path / "mine.json")
    assert fields["track"] == "strict-small" and fields["results file"] == "mine.json"
    expected = {
        "seed": 7,
        "heads": 2,
        "layers": 2,
        "vocabulary": 300,
        "epochs": 10.0,
        "data size (M words)": 0.0001,
        "max sequence length": 16,
        "batch size": "16 x 8 tokens, then 8 x 16 tokens",
        "optimizer": "lamb",
        "learning rate": 0.007,
        "LR scheduler": "cosine with 1% warm-up",
        "training data": "babylm",
        "tokenizer": "BPE of the training text",
        "parameters": parameters(record.folder / "hf"),
        "GPU-hours training": 0.01944,
        "language en": True,
        "language nld": False,
        "words en": 100,
    }
    assert {name: fields[name] for name in expected} == expected
    assert len(fields) == 39 and fields["other hyper-parameters"]["words seen"] == 1_000
    assert fields["FLOPs"] == operations(record, record.folder / "hf") > 0
    assert "hard" in fields["approaches"][1]
    mine = ("HF repo", "GPU-hours development", "human annotation", "description")
    assert all(fields[name] is None for name in mine)
    assert "/somewhere" not in json.dumps(fields)


def test_facts_about_the_text_are_exact_in_a_track(record: RunRecord, tmp_path: Path) -> None:
    sources = [
        {"name": "childes", "words": 60, "passes": 10.0},
        {"name": "wiki_nl", "words": 30, "passes": 10.0},
    ]
    facts = {"kind": "data", "step": 0, "sources": sources, "words": 90}
    languages = {"childes": "eng", "wiki_nl": "nld"}
    cleaning = {"childes": {"speakers": True, "markup": False}, "unused": {"x": True}}
    data = {**record.config["data"], "languages": languages, "cleaning": cleaning}
    config = {**record.config, "data": data}
    run = replace(record, config=config, records=[facts, *record.records])
    fields = form_fields(run, "strict", tmp_path / "mine.json")
    assert fields["data size (M words)"] == 0.00009
    assert (fields["words en"], fields["words nld"], fields["words zho"]) == (60, 30, 0)
    assert fields["training data"] == "childes, wiki_nl"
    assert fields["preprocessing"] == "childes: speakers"


def test_an_unfinished_run_is_refused(record: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not finished.*resume it with its command"):
        form_fields(replace(record, records=record.records[:-1]), "strict", tmp_path)


def test_the_command_writes_the_form_and_sends_nothing(
    record: RunRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, file = record.folder, tmp_path / "mine.json"
    OmegaConf.save(OmegaConf.create(record.config), folder / "config.yaml")
    (folder / "run.json").write_text('{"started": "now"}')
    (folder / "log.jsonl").write_text("".join(json.dumps(each) + "\n" for each in record.records))
    (folder / "hf" / "README.md").write_text("---\nlibrary_name: transformers\n---\n# short\n")
    monkeypatch.setattr(submitting, "submit", lambda options, run: file)
    evaluate(Options(model=str(folder), out=str(tmp_path), submission=str(file)))
    fields = json.loads((tmp_path / "mine.form.json").read_text())
    assert fields == json.loads(json.dumps(form_fields(record, "strict-small", file)))
    said = capsys.readouterr().out
    for text in (
        "yours to fill: HF repo, predictions file, GPU-hours development",
        "the model card has 7 characters, and needs 200",
        "the model card states no license",
        "nothing was sent",
    ):
        assert text in said
