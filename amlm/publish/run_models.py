"""The models of a run that can be published, with their entries in the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from amlm.evaluation.fingerprint import fingerprint
from amlm.evaluation.models import load_tokenizer, read_model
from amlm.evaluation.places import Source
from amlm.util.errors import InputError

FINAL = "main"
Record = dict[str, Any]  # one line of a log
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class RunModel:
    """A model of a run.

    Attributes:
        name: ``main``, or ``chck_<n>M`` for a word checkpoint; the branch on the Hub.
        folder: the folder written by training, in Hugging Face format.
        words_seen: words it was trained on, counting repetitions.
    """

    name: str
    folder: Path
    step: int
    words_seen: int


@dataclass(frozen=True)
class RunRecord:
    """The files of a run folder that describe the run.

    Attributes:
        config: the resolved configuration.
        run: the contents of ``run.json``.
        records: the contents of ``log.jsonl``.
        identity: a digest of configuration and start time, unique to the run.
    """

    folder: Path
    config: dict[str, Any]
    run: dict[str, Any]
    records: list[Record]
    identity: str

    def of_kind(self, kind: str) -> list[Record]:
        return [record for record in self.records if record["kind"] == kind]

    def latest(self, kind: str, step: int) -> Record | None:
        """The last record of a kind at or before a step."""
        found = [record for record in self.of_kind(kind) if record["step"] <= step]
        return found[-1] if found else None


def run_models(run: RunRecord) -> list[RunModel]:
    """The models of a run: word checkpoints in order, then the final model if the run finished.

    Raises:
        InputError: there is no model yet.
    """

    def find() -> Iterator[RunModel]:
        for each in run.of_kind("checkpoint"):
            folder = run.folder / "checkpoints" / each["name"]
            yield RunModel(each["name"], folder, each["step"], each["words_seen"])
        for each in run.of_kind("summary"):
            yield RunModel(FINAL, run.folder / "hf", each["steps"], each["words_seen"])

    models = list(find())
    if not models:
        raise InputError(
            f"{run.folder} has no model to export: the run has not finished and has not seen a "
            "million words. Resume it with its command and run_dir"
        )
    return models


def check_model(folder: Path) -> tuple[str, str]:
    """Loads a model with `transformers` and checks for missing, unexpected and non-finite weights.

    Returns: its fingerprints in the results of `amlm.evaluate`, for zero-shot and fine-tuning.

    Raises:
        InputError: the model is invalid; says how.
    """
    from transformers import DebertaV2ForMaskedLM

    for name in MODEL_FILES:
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}: it is not a model written by training")
    source = Source(folder.name, str(folder))
    tokenizer = load_tokenizer(source)
    model = read_model(DebertaV2ForMaskedLM, source, tokenizer)
    with safe_open(folder / "model.safetensors", "pt") as file:
        if unexpected := sorted({*file.keys()} - model.state_dict().keys()):
            names = ", ".join(unexpected[:3])
            raise InputError(
                f"model={folder} has weights that config.json does not name: {names}; they don't "
                "belong together"
            )
    return fingerprint(model, tokenizer), fingerprint(model.deberta, tokenizer)
