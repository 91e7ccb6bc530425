"""Complete fine-tuning runs of tiny models: against a training loop in plain torch, against
themselves with the same seed, on a learnable task, and after an interruption."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from amlm import evaluate
from amlm.config import command_line
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.finetuning import finetune as finetuning
from amlm.evaluation.finetuning.batches import encode, make_batches
from amlm.evaluation.finetuning.finetune import finetune
from amlm.evaluation.finetuning.glue_tasks import TASKS, Pair, find_files, read_pairs
from amlm.evaluation.finetuning.train_task import Recipe, train_task
from amlm.evaluation.models import load_encoder
from amlm.evaluation.places import find_model
from amlm.util.errors import InputError
from amlm.util.seeds import derived_seed


def pairs_of(data_dir: Path, name: str) -> tuple[list[Pair], list[Pair]]:
    paths = find_files(data_dir, [name])[name]
    return read_pairs(paths["train"], TASKS[name]), read_pairs(paths["valid"], TASKS[name])


def options(model: Path, data: Path, out: Path, **more: Any) -> Options:
    fields = {"finetune": ["rte"], "seeds": [42], "epochs": 2, "batch_size": 8, "device": "cpu"}
    return Options(
        **{"model": str(model), "data_dir": str(data), "out": str(out), **fields, **more}
    )


def main(*arguments: str) -> None:
    command_line.run(evaluate.COMMAND, arguments)


@pytest.fixture
def double() -> Iterator[None]:
    """Float64, so that rounding differences do not accumulate."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("pooling", "side", "position"), [("first", "right", 0), ("last", "left", -1)]
)
def test_train_task_equals_the_official_loop(
    pooling: str, side: str, position: int, still_model: Path, trivial: Path
) -> None:
    train, valid = pairs_of(trivial, "rte")
    recipe = Recipe(epochs=3, batch_size=8, lr=1e-3, max_length=20, pooling=pooling)
    model, tokenizer = load_encoder(find_model(str(still_model), "main"))
    model.double()
    ours = train_task(model, tokenizer, TASKS["rte"], (train, valid), recipe, seed=7)

    # The transformers model; all parameters have weight decay; the rate at step s is s / warm-up.
    torch.manual_seed(7)
    head = nn.Sequential(
        nn.LayerNorm(32, elementwise_affine=False), nn.Linear(32, 32), nn.GELU(),
        nn.LayerNorm(32, elementwise_affine=False), nn.Dropout(0.1), nn.Linear(32, 2),
    )  # fmt: skip
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01
    )
    batches = make_batches(encode(train, tokenizer, 20), 8, 0, seed=7, side=side)
    total, step, scores = 3 * (83 // 8), 0, []
    warmup = int(0.06 * total)
    texts = [(pair.first, pair.second) for pair in valid]
    tokenizer.padding_side = side
    inputs = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=20)
    labels_N = torch.tensor([pair.label for pair in valid])
    for epoch in range(3):
        head.train()
        batches.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        for batch in batches:
            torch.manual_seed(derived_seed(7, "dropout", step))
            hidden = model(input_ids=batch.ids_BL, attention_mask=batch.mask_BL)[0]
            optimizer.zero_grad()
            F.cross_entropy(head(hidden[:, position]), batch.labels_B).backward()  # type: ignore[no-untyped-call]
            cosine = 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
            optimizer.param_groups[0]["lr"] = 1e-3 * (step / warmup if step < warmup else cosine)
            optimizer.step()
            step += 1
        with torch.no_grad():
            hidden = model(inputs["input_ids"], attention_mask=inputs["attention_mask"])[0]
            predictions_N = head.eval()(hidden[:, position]).argmax(-1)
        scores.append((predictions_N == labels_N).float().mean().item())

    assert [each["accuracy"] for each in ours.history] == pytest.approx(scores)
    trained = ours.classifier
    theirs = {**model.state_dict(), **{f"head.{k}": v for k, v in head.state_dict().items()}}
    state = {n.removeprefix("encoder.encoder.deberta."): v for n, v in trained.state_dict().items()}
    assert len(state) == len(theirs)
    for name, value in state.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=1e-9, msg=name)


def test_finetune_learns_a_learnable_task(
    tiny_model: Path, trivial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = finetune(
        options(tiny_model, trivial, tmp_path, epochs=12, lr=5e-3, seeds=[42, 1], batch_size=16)
    )["rte"]
    accuracy, mcc = scores["totals"]["accuracy"], scores["totals"]["mcc"]
    assert accuracy["score"] > 97 > 60 > scores["constant"] and mcc["score"] > 90
    assert accuracy["low"] > 90 and accuracy["high"] == 100 and mcc["low"] is None
    assert set(scores["seeds"]) == {"42", "1"} and scores["items"] == 30
    shown = capsys.readouterr().out
    assert "accuracy" in shown and "MCC" in shown and "95 % interval over items" in shown

    folder = tmp_path / "results" / "tiny" / "main" / "finetune"
    predictions = json.loads((folder / "rte" / "predictions.json").read_text())
    official = predictions["rte"]["predictions"]
    assert [each["id"] for each in official] == [f"rte_{n}" for n in range(30)]
    right = [p["pred"] == pair.label for p, pair in zip(official, pairs_of(trivial, "rte")[1],
                                                        strict=True)]  # fmt: skip
    assert 100 * sum(right) / 30 == pytest.approx(scores["seeds"]["42"]["accuracy"])
    assert json.loads((folder / "scores.json").read_text())["tasks"]["rte"] == scores


def test_the_untrained_baseline_is_fine_tuned_too(
    tiny_model: Path, trivial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_baseline = options(tiny_model, trivial, tmp_path, epochs=1, baselines=["untrained"])
    evaluate.run(with_baseline)
    found = [
        json.loads((tmp_path / "results" / "tiny" / name / "finetune" / "scores.json").read_text())
        for name in ("main", "main-untrained")
    ]
    assert found[0]["fingerprint"] != found[1]["fingerprint"]
    assert [each["revision"] for each in found] == ["main", "main-untrained"]
    assert {each["model"] for each in found} == {str(tiny_model.resolve())}
    assert capsys.readouterr().out.count("mean") == 2
    evaluate.run(with_baseline)  # the same random weights, so nothing is trained again
    assert capsys.readouterr().out.count("mean") == 2
    pair = [load_encoder(find_model(str(tiny_model), "main"), untrained=True) for _ in range(2)]
    first, second = (model.state_dict() for model, _ in pair)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_train_task_is_bitwise_reproducible_for_a_seed(tiny_model: Path, trivial: Path) -> None:
    model, tokenizer = load_encoder(find_model(str(tiny_model), "main"))
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def weights(seed: int) -> torch.Tensor:
        recipe = Recipe(epochs=2, batch_size=8, lr=1e-3, max_length=20, pooling="last")
        splits = pairs_of(trivial, "wsc")
        torch.manual_seed(seed + 100)  # earlier draws must not matter
        module = train_task(model, tokenizer, TASKS["wsc"], splits, recipe, seed=seed)
        assert module.classifier.training
        return nn.utils.parameters_to_vector(module.classifier.parameters())

    first = weights(0)
    assert torch.equal(weights(0), first)
    assert not torch.equal(weights(1), first)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_finished_outcomes_are_reused(
    tiny_model: Path, trivial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, int]] = []

    def counted(*arguments: Any, **more: Any) -> Any:
        if len(trained) == stop_after:
            raise KeyboardInterrupt
        trained.append((more["title"].split(",")[0], more["seed"]))
        return train_task(*arguments, **more)

    monkeypatch.setattr(finetuning, "train_task", counted)
    both = {"finetune": ["rte", "wsc"], "seeds": [42, 7], "epochs": 1}
    stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        finetune(options(tiny_model, trivial, tmp_path / "a", **both))
    stop_after = -1
    scores = finetune(options(tiny_model, trivial, tmp_path / "a", **both))
    assert trained == [("rte", 42), ("rte", 7), ("wsc", 42), ("wsc", 7)]
    assert finetune(options(tiny_model, trivial, tmp_path / "a", **both)) == scores
    assert len(trained) == 4
    assert finetune(options(tiny_model, trivial, tmp_path / "b", **both)) == scores

    kept = tmp_path / "a" / "results" / "tiny" / "main" / "finetune" / "scores.json"
    finetune(options(tiny_model, trivial, tmp_path / "a", finetune=["wsc"], seeds=[7], epochs=1))
    tasks = json.loads(kept.read_text())["tasks"]
    assert list(tasks["wsc"]["seeds"]) == ["7"] and tasks["rte"] == scores["rte"]

    trained.clear()
    for more in ({"epochs": 2}, {"lr": 1e-4}, {"max_length": 9}, {"batch_size": 16},
                 {"pooling": "first"}):  # fmt: skip
        finetune(options(tiny_model, trivial, tmp_path / "a", **{"epochs": 1, **more}))
    assert trained == [("rte", 42)] * 5
    before = options(tiny_model, trivial, tmp_path / "a", epochs=1, rules="2025")
    assert finetune(before)["rte"]["recipe"]["pooling"] == "first"  # that of 2025
    assert trained == [("rte", 42)] * 5
    copied = shutil.copytree(trivial, tmp_path / "data")
    with (copied / "glue_filtered" / "rte.valid.jsonl").open("a") as file:
        file.write('{"sentence1": "ba", "sentence2": "no", "label": 0}\n')
    finetune(options(tiny_model, copied, tmp_path / "a", epochs=1, batch_size=16))
    assert len(trained) == 6


def test_invalid_options_are_named(
    tiny_model: Path, trivial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="batch_size=100 is larger than the 83 training items"):
        finetune(options(tiny_model, trivial, tmp_path, batch_size=100))
    with pytest.raises(InputError, match="no data for mrpc"):
        finetune(options(tiny_model, trivial, tmp_path, finetune=["mrpc"]))
    with pytest.raises(SystemExit):
        main(f"model={tiny_model}", "data_dir=x", "out=y", "finetune=[rtf]")
    assert "finetune=rtf" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_fine_tuning_on_real_items_is_reproducible(
    tiny_model: Path, shared_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "glue_filtered").mkdir()
    for name in ("rte", "wsc", "mrpc"):
        for split, count in (("train", 32), ("valid", 12)):
            path = Path("glue_filtered") / f"{name}.{split}.jsonl"
            lines = (shared_data / "eval" / path).open(encoding="utf-8").readlines()[:count]
            (tmp_path / path).write_text("".join(lines), encoding="utf-8")
    found = []
    for out, pooling in (("a", "last"), ("b", "last"), ("c", "first"), ("d", "first")):
        main(f"model={tiny_model}", f"data_dir={tmp_path}", f"out={tmp_path / out}", "epochs=1",
             "finetune=[rte,wsc,mrpc]", "batch_size=16", "max_length=32", "device=cpu",
             f"pooling={pooling}")  # fmt: skip
        folder = tmp_path / out / "results" / "tiny" / "main" / "finetune"
        assert [path.name for path in folder.parent.iterdir()] == ["finetune"]
        found.append({p.relative_to(folder): p.read_text() for p in folder.rglob("*.json")})
    assert len(found[0]) == 7 and found[0] == found[1] != found[2] == found[3]
