"""How the masking table of one run drifted, read from its folder.

Shapes: V token types, T updates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from amlm.publish.run_models import RunRecord
from amlm.report.curves import curves_of
from amlm.report.run_scores import Evaluated
from amlm.report.runs import RunResult, run_result
from amlm.store.token_store import TokenStore
from amlm.tokenizers.bpe import load_tokenizer
from amlm.tokenizers.parts_of_speech import parts_of_speech
from amlm.tokenizers.surfaces import special_types, surfaces_of
from amlm.training.record import Record, read_tables
from amlm.util.files import sha256

Named = list[tuple[str, float]]  # types by surface form with their masking probability


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The types of a tokenizer.

    Attributes:
        digest: of its file.
        surfaces: surface form of each type; None for special tokens and bytes.
        classes: part of speech of each type.
        counts_V: occurrences in the training text; None if its store is not in the cache.
        store: that store.
    """

    digest: str
    tokenizer: Tokenizer
    surfaces: list[str | None]
    classes: list[str]
    counts_V: NDArray[np.int64] | None
    store: TokenStore | None


@dataclass(frozen=True, eq=False)
class RunDrift:
    """One run.

    Attributes:
        steps: optimizer steps completed.
        curves: every number of the log by name and step, and
            ``mask_update/by_part_of_speech/<class>``.
        updates: steps of the updates, ``[T]``.
        ratios: the mask ratio at each update, ``[T]``.
        tables_TV: memory-mapped masking probabilities after each update.
        extremes: for each update, the highest and the lowest types.
        vocabulary: None if no tokenizer of the run was found.
    """

    result: RunResult
    record: RunRecord
    finished: bool
    steps: int
    curves: dict[str, dict[int, float]]
    updates: list[int]
    ratios: list[float]
    tables_TV: NDArray[np.float32]
    extremes: list[tuple[Named, Named]]
    vocabulary: Vocabulary | None


def read_drift(
    record: RunRecord, evaluated: Sequence[Evaluated], known: dict[str, Vocabulary], tagger: str
) -> RunDrift:
    """Reads the drift of a run that has at least one ``train`` and one ``validation`` record.

    Args:
        record: the run.
        evaluated: see `amlm.report.runs.run_result`.
        known: vocabularies read before by digest; a new one is added.
        tagger: tells the parts of speech.
    """
    updates = record.of_kind("mask_update")
    steps, tables_TV = read_tables(record.folder)
    vocabulary = _vocabulary(record, known, tagger)
    curves = curves_of(record.records)
    if vocabulary:
        for name, mean_T in _means(tables_TV, vocabulary.classes):
            points = zip(steps, mean_T.tolist(), strict=True)
            curves[f"mask_update/by_part_of_speech/{name}"] = dict(points)
    return RunDrift(
        result=run_result(record, evaluated),
        record=record,
        finished=bool(record.of_kind("summary")),
        steps=record.of_kind("train")[-1]["step"],
        curves=curves,
        updates=steps,
        ratios=[update["ratio"] for update in updates],
        tables_TV=tables_TV,
        extremes=[(_named(update, "highest"), _named(update, "lowest")) for update in updates],
        vocabulary=vocabulary,
    )


def _named(update: Record, end: str) -> Named:
    return [(str(name), float(w)) for name, w in update[end]]


def _means(
    tables_TV: NDArray[np.float32], classes: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The mean masking probability ``[T]`` of each class but special tokens and bytes."""
    class_V = np.array(classes[: tables_TV.shape[1]])
    for name in sorted({*classes} - {"special", "byte"}):
        chosen = np.flatnonzero(class_V == name)
        if len(chosen) and len(tables_TV):
            yield name, tables_TV[:, chosen].mean(1, dtype=np.float64)


def _vocabulary(record: RunRecord, known: dict[str, Vocabulary], tagger: str) -> Vocabulary | None:
    cache, content = Path(record.config["paths"]["cache"]).expanduser(), record.run["content"]
    stored = cache / content["store"]
    folders = [record.folder / "hf", *sorted((record.folder / "checkpoints").glob("chck_*"))]
    for folder in [*folders, stored / "tokenizer"]:
        if (folder / "tokenizer.json").is_file():
            break
    else:
        return None
    digest = sha256(folder / "tokenizer.json")[:16]
    if digest not in known:
        store = TokenStore(stored) if (stored / "train.counts").is_file() else None
        tokenizer = load_tokenizer(folder)
        surfaces = surfaces_of(tokenizer)
        special = special_types(tokenizer)
        classes = [
            "special" if v in special else name
            for v, name in enumerate(parts_of_speech(surfaces, tagger))
        ]
        counts_V = store.type_counts("train") if store else None
        known[digest] = Vocabulary(digest, tokenizer, surfaces, classes, counts_V, store)
    return known[digest]
