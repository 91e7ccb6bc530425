"""Exported folders against the training model and its Hugging Face twin: here, and in an
environment with nothing but torch and transformers 4.51.3 whose interpreter the environment
variable AMLM_TRANSFORMERS_4 names. And what a user meets who exports twice, too early, or into the
wrong place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModel, DebertaV2ForMaskedLM

from amlm import evaluate
from amlm.config.schema import Config
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.models import load
from amlm.evaluation.places import find_model
from amlm.export import ExportOptions, export
from amlm.models.build import to_hugging_face
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.store.token_store import open_store
from amlm.train import train
from amlm.training.callbacks import word_checkpoints
from amlm.training.checkpoint_files import newest
from amlm.training.make_module import make_module
from amlm.training.record import read_log
from amlm.training.run import Result
from amlm.util.errors import InputError
from amlm.util.files import write_aside, write_json

# Loads an export by every class its users need, and leaves the logits of a batch with padding.
LOADS = """
import sys, torch
from transformers import (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification,
                          AutoProcessor, AutoTokenizer)
torch.set_num_threads(1)
folder, batch, out = sys.argv[1:]
model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
assert type(model).__name__ == "DebertaV2ForMaskedLM", type(model)
assert not info["missing_keys"] and not info["unexpected_keys"], info
assert not AutoModel.from_pretrained(folder, output_loading_info=True)[1]["missing_keys"]
info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)[1]
assert {name.split(".")[0] for name in info["missing_keys"]} == {"classifier", "pooler"}, info
processor = AutoProcessor.from_pretrained(folder, padding_side="right", trust_remote_code=True)
found = processor("The [MASK] sat.", return_offsets_mapping=True)
assert found == AutoTokenizer.from_pretrained(folder)("The [MASK] sat.",return_offsets_mapping=True)
assert found["offset_mapping"][0] == (0, 0) and processor.mask_token_id in found["input_ids"]
ids, mask = torch.load(batch)
with torch.no_grad():
    torch.save(model.eval()(input_ids=ids, attention_mask=mask).logits, out)
"""


@pytest.fixture
def few_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_checkpoints, "THRESHOLDS", [500, 1_500, 10**9])
    monkeypatch.setattr(word_checkpoints, "MILLION", 500)


def trained_model(config: Config, folder: Path, steps: int) -> DebertaV2MaskedLM:
    """The model of a run's last checkpoint, as it was trained."""
    store = open_store(config.data, config.tokenizer, folder)
    module = make_module(config, store, total_steps=steps).eval()
    checkpoint = newest(folder)[1]
    module.load_state_dict(checkpoint["state_dict"])
    return module.model


def padded_batch(vocab_size: int) -> tuple[Tensor, Tensor]:
    ids_BL = torch.randint(5, vocab_size, (3, 40), generator=torch.Generator().manual_seed(0))
    mask_BL = torch.ones_like(ids_BL)
    ids_BL[1, 30:] = mask_BL[1, 30:] = 0
    return ids_BL, mask_BL


@pytest.fixture(params=[None, "AMLM_TRANSFORMERS_4"], ids=["here", "transformers4"])
def interpreter(request: pytest.FixtureRequest) -> str | None:
    """None for this process, and a Python with transformers 4.51.3."""
    found = os.environ.get(request.param) if request.param else None
    if request.param and not found:
        pytest.skip(f"needs a Python with torch and transformers==4.51.3 ({request.param})")
    return found


@pytest.mark.parametrize(
    ("experiment", "tolerance"), [("hard_decay", 0.0), ("hard_decay_nhot", 1e-5)]
)
def test_an_export_has_the_logits_of_the_training_model(
    experiment: str,
    tolerance: float,
    interpreter: str | None,
    tiny: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tiny(f"experiment={experiment}", "trainer.max_steps=4")
    folder = train(config).folder
    (exported,) = export(ExportOptions(run=str(folder), out=str(tmp_path / "out")))
    assert sorted(path.name for path in exported.iterdir()) == [
        "README.md", "config.json", "export.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json",
    ]  # fmt: skip
    assert "auto_map" not in json.loads((exported / "config.json").read_text())

    model = trained_model(config, folder, 4)
    ids_BL, mask_BL = padded_batch(model.config.vocab_size)
    with torch.no_grad():
        if tolerance == 0:
            wanted_BLV = to_hugging_face(model)(input_ids=ids_BL, attention_mask=mask_BL).logits
        else:
            wanted_BLV = model(ids_BL, mask_BL)  # embeds n-hot, is not folded
    batch, logits = tmp_path / "batch.pt", tmp_path / "logits.pt"
    torch.save((ids_BL, mask_BL), batch)
    arguments = [str(exported), str(batch), str(logits)]
    if interpreter is None:
        monkeypatch.setattr(sys, "argv", ["loads", *arguments])
        exec(LOADS, {})
    else:
        done = subprocess.run(
            [interpreter, "-c", LOADS, *arguments],
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    difference_MV = (torch.load(logits) - wanted_BLV).abs()[mask_BL.bool()]
    assert difference_MV.max() <= tolerance


# That it resumes exactly is in test_experiments.
@pytest.mark.parametrize("fusion", ["gate", "attention", "frequency"])
def test_a_run_of_each_nhot_fusion_exports_a_plain_model(
    fusion: str, tiny: Callable[..., Config]
) -> None:
    config = tiny(
        f"experiment=hard_decay_nhot_{fusion}",
        "trainer.max_steps=2",
        "masking.update_every=1",
        "model.nhot.dim=16",
    )
    folder = train(config).folder

    model = trained_model(config, folder, 2)
    ids_BL, mask_BL = padded_batch(model.config.vocab_size)
    plain = DebertaV2ForMaskedLM.from_pretrained(folder / "hf").eval()
    with torch.no_grad():
        found_BLV = plain(input_ids=ids_BL, attention_mask=mask_BL).logits
        expected_BLV = model(ids_BL, mask_BL)
    assert (found_BLV - expected_BLV)[mask_BL.bool()].abs().max() <= 1e-5


def test_every_model_of_a_run_is_exported_with_its_card(
    few_checkpoints: None, tiny_run: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tiny_run("experiment=hard", "trainer.max_steps=12").folder
    model = load(find_model(str(folder), "chck_3M"), "cpu", 64)
    scores = tmp_path / "results" / "tiny" / "chck_3M" / "finetune" / "scores.json"
    figures = {
        "accuracy": {"score": 54.32, "low": 45.61, "high": 63.0},
        "Spearman": {"score": 0.1234, "low": -0.1, "high": 0.3456},
        "mcc": {"score": None, "low": None, "high": None},
    }
    tasks = {"rte": {"totals": figures, "seeds": {"42": {}}}}
    write_json(scores, {"fingerprint": model.fingerprint, "tasks": tasks})
    write_json(tmp_path / "results" / "other" / "main" / "scores.json",
               {"fingerprint": "of another model", "tasks": {"wsc": tasks["rte"]}})  # fmt: skip
    out = tmp_path / "out"
    options = ExportOptions(
        run=str(folder), out=str(out), results=str(tmp_path / "results"),
        license="cc0-1.0", language="fr",
    )  # fmt: skip
    written = export(options)
    assert [path.name for path in written] == ["chck_1M", "chck_3M", "main"]

    first, third, _ = (AutoModel.from_pretrained(path).state_dict() for path in written)
    name = "embeddings.word_embeddings.weight"
    assert not torch.equal(first[name], third[name])
    log = read_log(folder)
    reached = {r["name"]: r for r in log if r["kind"] == "checkpoint"}
    cards = {path.name: (path / "README.md").read_text(encoding="utf-8") for path in written}
    for name, record in reached.items():
        assert f"| words seen | {record['words_seen']:,} " in cards[name]
        assert f"| trained for | {record['step']:,} steps" in cards[name]
        assert f'revision="{name}"' in cards[name]
    validation = next(r for r in reversed(log) if r["kind"] == "validation")
    for name, card in cards.items():
        _, front, text = card.split("---\n", 2)
        fields = OmegaConf.create(front)
        assert (fields.license, fields.language) == ("cc0-1.0", "fr")
        assert fields.pipeline_tag == "fill-mask"
        assert "adaptive masked language modeling" in text and "edman2025mask" in text
        assert f"| {validation['loss']:.3f} | {validation['accuracy']:.1%} |" in text
        rows = (
            "| rte, accuracy | 54.3 | 45.6 to 63.0 |",
            "| rte, Spearman | 0.123 | -0.100 to 0.346 |",
            "| rte, mcc | - |  |",
        )
        assert [row in text for row in rows] == [name == "chck_3M"] * 3
        assert "wsc" not in text
        assert str(tmp_path) not in card  # nor paths of the machine
    assert "blocks of 64 tokens |" in cards["main"]
    assert "masking signal | hard" in cards["main"] and "minutes" in cards["main"]

    again = export(options)
    assert again == written and not list(out.glob(".*"))

    options.results = str(tmp_path / "nowhere")
    with pytest.raises(InputError, match="nowhere is no folder"):
        export(options)
    options.results = str(tmp_path / "results")
    scores.write_text('{"rte": 0.5}')
    with pytest.raises(InputError, match=r"scores\.json was not written by amlm\.evaluate"):
        export(options)


def test_a_card_knows_what_evaluate_says_of_the_model(
    tiny_run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amlm.evaluation.zero_shot.items.SAMPLE_PAIRS", 5)
    folder = tiny_run("experiment=hard_decay_nhot", "trainer.max_steps=2").folder
    for split in ("train", "valid"):
        lines = [
            json.dumps({"sentence1": "A dog.", "sentence2": f"{n}", "label": n % 2})
            for n in range(8)
        ]
        write_aside(tmp_path / "glue_filtered" / f"rte.{split}.jsonl", "\n".join(lines))
    evaluate.run(Options(
        str(folder), str(tmp_path), str(tmp_path), ["sample"], baselines=["untrained"],
        finetune=["rte"], epochs=1, batch_size=8, device="cpu", threads=1,
    ))  # fmt: skip
    (main,) = export(
        ExportOptions(run=str(folder), out=str(tmp_path / "out"), results=str(tmp_path))
    )
    card = (main / "README.md").read_text()
    for row in ("sample, accuracy", "rte, accuracy", "rte, mcc"):
        assert card.count(f"| {row} |") == 1


def test_push_uploads_what_was_written(
    tiny_run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_run("experiment=mlm", "trainer.max_steps=2").folder
    options = ExportOptions(run=str(folder), out=str(tmp_path / "out"), push="a/b", private=True)
    monkeypatch.setattr("amlm.publish.push.get_token", lambda: None)
    with pytest.raises(InputError, match="needs a token"):
        export(options)
    assert not (tmp_path / "out").exists()
    pushed: list[tuple[Sequence[Path], str, bool]] = []

    def push(folders: Sequence[Path], repository: str, _: object, *, private: bool, say: object):  # type: ignore[no-untyped-def]
        pushed.append((folders, repository, private))

    monkeypatch.setattr("amlm.publish.push.get_token", lambda: "a-token")
    monkeypatch.setattr("amlm.publish.push.push", push)
    assert pushed == [] and export(options) == [tmp_path / "out" / "main"]
    assert pushed == [([tmp_path / "out" / "main"], "a/b", True)]
    card = (tmp_path / "out" / "main" / "README.md").read_text()
    assert 'pipeline("fill-mask", "a/b")' in card and "adaptive masked" not in card


def test_an_unfinished_run_exports_what_it_has(
    few_checkpoints: None,
    tiny_run: Callable[..., Result],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tiny_run("experiment=hard", "trainer.max_steps=12").folder
    log = (folder / "log.jsonl").read_text().splitlines(keepends=True)
    (folder / "log.jsonl").write_text("".join(log[:-1]))  # all but the summary
    written = export(ExportOptions(run=str(folder), out=str(tmp_path / "out")))
    assert [path.name for path in written] == ["chck_1M", "chck_3M"]
    assert "has not finished" in capsys.readouterr().out

    kept = [line for line in log[:-1] if '"checkpoint"' not in line]
    (folder / "log.jsonl").write_text("".join(kept))
    with pytest.raises(InputError, match="no model to export"):
        export(ExportOptions(run=str(folder), out=str(tmp_path / "other")))
    assert not (tmp_path / "other").exists()


def test_export_reports_errors_and_overwrites_nothing(
    tiny_run: Callable[..., Result], tmp_path: Path
) -> None:
    folder, other = (tiny_run("trainer.max_steps=2", f"seed={seed}").folder for seed in (0, 1))
    out = tmp_path / "out"

    def refused(match: str, run: Path = folder, to: Path = out, push: str | None = None) -> None:
        with pytest.raises(InputError, match=match):
            export(ExportOptions(run=str(run), out=str(to), push=push))

    refused("not a run folder", run=tmp_path)
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    refused("not empty and not an export")
    assert (out / "thesis.tex").read_text() == "years of work"
    (out / "thesis.tex").unlink()
    export(ExportOptions(run=str(folder), out=str(out)))
    refused("export of another run", run=other)
    refused("user/name", push="no-slash")

    weights = folder / "hf" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    refused("can't be loaded")
    refused("not empty and not an export", to=tmp_path)  # said before models are loaded
    state = load_file(out / "main" / "model.safetensors")
    name = "cls.predictions.transform.dense.weight"
    save_file({**state, name: state[name] / 0}, weights, {"format": "pt"})
    refused("not finite")
    save_file({k: v for k, v in state.items() if k != name}, weights, {"format": "pt"})
    refused("lacks weights.*transform.dense")
    save_file({**state, "deberta.more": state[name].clone()}, weights, {"format": "pt"})
    refused("weights that config.json does not name: deberta.more")
    weights.unlink()
    refused(r"has no model\.safetensors")
    assert (out / "main" / "model.safetensors").read_bytes() == whole
