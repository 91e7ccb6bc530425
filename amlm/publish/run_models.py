"""What a run has to publish: its models and what its record says about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from amlm.evaluation.models import fingerprint, load_tokenizer
from amlm.evaluation.places import Source
from amlm.util.errors import InputError

FINAL = "main"
Record = dict[str, Any]  # one line of a log
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class RunModel:
    """A model of a run.

    Attributes:
        name: ``main``, or of a word checkpoint ``chck_<n>M``; on the Hub the branch.
        folder: where training left it, in Hugging Face format.
        step: optimizer steps it was trained for.
        words_seen: words it was trained on, repetitions counted.
    """

    name: str
    folder: Path
    step: int
    words_seen: int


@dataclass(frozen=True)
class RunRecord:
    """The files of a run folder that say what was run.

    Attributes:
        folder: the run folder.
        config: the resolved configuration.
        run: ``run.json``.
        records: ``log.jsonl``.
        identity: a digest of its configuration and start, the same for no other run.
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
    """The models of a run: the word checkpoints in order, then the final one if it has finished.

    Raises:
        InputError: there is none yet.
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
            f"{run.folder} holds no model to export: the run has not finished and has not seen a "
            "million words. Go on with its command and run_dir"
        )
    return models


def check_model(folder: Path) -> tuple[str, str]:
    """Loads a model as its users will, and checks that nothing is missing, left over or not finite.

    Returns: the fingerprints that its results bear in `amlm.evaluate`, zero-shot and fine-tuned.

    Raises:
        InputError: what is wrong with which folder.
    """
    from transformers import DebertaV2ForMaskedLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # reading takes less than a second
    for name in MODEL_FILES:
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}: it is not a model that training wrote")
    try:
        model, info = DebertaV2ForMaskedLM.from_pretrained(folder, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder} cannot be loaded: {error}") from error
    for trouble in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[trouble]:
            raise InputError(f"{folder}: {trouble.replace('_', ' ')} {sorted(info[trouble])[:3]}")
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise InputError(f"{folder}: {name} is not finite: the run had diverged")
    tokenizer = load_tokenizer(Source(folder.name, str(folder)))
    return fingerprint(model, tokenizer), fingerprint(model.deberta, tokenizer)
