"""The fields of the leaderboard's form, filled from a run's record. Nothing is sent.

What the record does not hold stays None: the author knows it. Names follow the form of 2026 (39
fields, by the client of a participant; they may have changed since).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from amlm.models.cost import step_operations
from amlm.models.deberta import DebertaV2MaskedLM
from amlm.publish.card import component_text
from amlm.publish.run_models import Record, RunRecord
from amlm.util.errors import InputError

MODEL_TYPE = "Encoder only"
LANGUAGES = {"en": "eng", "nld": "nld", "zho": "zho"}  # of the form, and of data.languages


def parameters(model: Path) -> int:
    """Number of weights of an exported model."""
    with safe_open(model / "model.safetensors", "pt") as file:
        sizes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return sum(torch.Size(each).numel() for each in sizes)


def operations(run: RunRecord, model: Path) -> float:
    """Floating-point operations of a training run (see `amlm.models.cost`): those of a step of the
    model's shape, with the sequence length and the labels of that step, times the steps.

    N-hot embeddings, whose sums are no matrix products of the encoder, are not counted.
    """
    from transformers import DebertaV2Config

    with torch.device("meta"):
        shape = DebertaV2MaskedLM(DebertaV2Config.from_pretrained(model, local_files_only=True))
    data = run.config["data"]
    lengths = {int(epoch): int(length) for epoch, length in data["sequence_length"].items()}
    tokens, total = int(data["tokens_per_step"]), 0.0
    for record, steps in _windows(run):
        # The last step of a window tells its epoch; an epoch ends inside a window at most once.
        length = lengths[max(epoch for epoch in lengths if epoch < max(record["epoch"], 1e-9))]
        labels = tokens * record["realised_ratio"]
        total += steps * step_operations(shape, tokens, length, labels)
    return total


def device_hours(run: RunRecord) -> float | None:
    """Hours of training, times devices: tokens by tokens per second in each window of the log; None
    where the number of devices is not known.

    Validation, evaluation and starting are left out; work that a kill lost too.
    """
    trainer = run.config["trainer"]
    devices = int(trainer["devices"])
    if trainer["accelerator"] == "cpu":
        devices = max(devices, 1)
    else:  # a process for each; 0 devices are all that there are
        devices = run.run.get("machine", {}).get("processes", devices)
    if not devices:
        return None
    tokens = int(run.config["data"]["tokens_per_step"])
    seconds = sum(steps * tokens / record["tokens_per_second"] for record, steps in _windows(run))
    return float(f"{seconds / 3600 * devices:.4g}")


def _windows(run: RunRecord) -> Iterator[tuple[Record, int]]:
    """The training records, each with its number of steps."""
    before = 0
    for record in run.of_kind("train"):
        yield record, record["step"] - before
        before = record["step"]


def form_fields(run: RunRecord, track: str, submission: Path) -> dict[str, Any]:
    """The fields of the form by name, in its order.

    Raises:
        InputError: the run is not finished.
    """
    summaries = run.of_kind("summary")
    if not summaries:
        raise InputError(
            f"{run.folder} is not finished, so the form can't be filled: resume it with its "
            "command and run_dir"
        )
    config, summary, model = run.config, summaries[-1], run.folder / "hf"
    data, optimizer, sizes = config["data"], config["optimizer"], config["model"]
    last = run.of_kind("train")[-1]
    facts = next(reversed(run.of_kind("data")), None)
    names = [each["name"] for each in facts["sources"]] if facts else list(data["sources"])
    words = facts["words"] if facts else round(last["words_seen"] / max(last["epoch"], 1e-9))
    given = config["tokenizer"]["path"]
    languages = _words_by_language(data, facts, words)
    masking = {name: component_text(config["masking"][name]) for name in ("signal", "schedule")}
    return {
        "model name": config["name"],
        "revision": "main",
        "HF repo": None,
        "track": track,
        "results file": submission.name,
        "predictions file": None,  # of the multilingual track only
        "model type": MODEL_TYPE,
        "approaches": ["masked language modeling", f"masking by {masking['signal']}"],
        "base model": "DeBERTa-V2, from scratch",
        "LR scheduler": f"cosine with {optimizer['warmup']:.0%} warm-up",
        "epochs": round(last["epoch"], 3),
        "tokenizer": "BPE of the training text" if given is None else Path(given).name,
        "seed": config["seed"],
        "heads": sizes["heads"],
        "max sequence length": max(int(each) for each in data["sequence_length"].values()),
        "GPU-hours development": None,
        "training data": ", ".join(names),
        "data size (M words)": round(words / 1e6, 6),
        "genre": None,
        "learning rate": optimizer["lr"],
        "optimizer": optimizer["name"],
        "batch size": _batch(data),
        "vocabulary": json.loads((model / "config.json").read_text("utf-8"))["vocab_size"],
        "layers": sizes["layers"],
        "parameters": parameters(model),
        "FLOPs": operations(run, model),
        "GPU-hours training": device_hours(run),
        "human annotation": None,
        "preprocessing": _cleaning(data["cleaning"], names),
        "augmentation": "substring (n-hot) embeddings"
        if sizes["nhot"]["fusion"] != "none"
        else None,
        "description": None,
        "other hyper-parameters": {
            **{f"masking {name}": text for name, text in masking.items()},
            "hidden size": sizes["hidden_size"],
            "feed-forward size": sizes["intermediate_size"],
            "dropout": sizes["dropout"],
            "weight decay": optimizer["weight_decay"],
            "gradient clipping": optimizer["clip"],
            "steps": summary["steps"],
            "words seen": summary["words_seen"],
        },
        "teacher models": None,
        **{f"language {name}": count > 0 for name, count in languages.items()},
        **{f"words {name}": count for name, count in languages.items()},
    }


def _words_by_language(data: Any, facts: Record | None, words: int) -> dict[str, int]:
    """English, unless the run is multilingual."""
    if not (facts and data.get("languages")):
        return {"en": words, "nld": 0, "zho": 0}
    return {
        name: sum(
            each["words"] for each in facts["sources"] if data["languages"][each["name"]] == code
        )
        for name, code in LANGUAGES.items()
    }


def _batch(data: Any) -> str:
    tokens = data["tokens_per_step"]
    parts = [f"{tokens // int(each)} x {each} tokens" for each in data["sequence_length"].values()]
    return ", then ".join(parts)


def _cleaning(rules: Any, names: list[str]) -> str:
    used = {name: [rule for rule, on in rules.get(name, {}).items() if on] for name in names}
    parts = [f"{name}: {', '.join(each)}" for name, each in used.items() if each]
    return "; ".join(parts) or "none"
