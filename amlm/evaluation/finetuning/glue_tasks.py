"""The (Super)GLUE tasks of the BabyLM evaluation with their official settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

from amlm.evaluation.zero_shot.items import from_json
from amlm.text.readers.text_files import numbered_lines
from amlm.util.errors import InputError

FOLDERS = ("glue_filtered", "full_eval/glue_filtered")


class Pair(NamedTuple):
    """An item: two texts and a label, counted from 0."""

    first: str
    second: str
    label: int


@dataclass(frozen=True)
class Task:
    """A task and its official settings.

    Attributes:
        first, second: templates of the two texts, filled with the fields of a line.
        labels: number of labels.
        epochs, batch_size: training settings.
        metric: the metric that selects the best epoch and is reported.
    """

    first: str
    second: str
    labels: int = 2
    epochs: int = 10
    batch_size: int = 32
    metric: str = "accuracy"


TASKS = {
    "boolq": Task("{question}", "{passage}", batch_size=16),
    "multirc": Task("Question: {question} Answer: {answer}", "{paragraph}", batch_size=16),
    "rte": Task("{sentence1}", "{sentence2}"),
    "wsc": Task(
        'Does "{span2_text}" refer to "{span1_text}" in this passage?', "{text}", epochs=30
    ),
    "mrpc": Task("{sentence1}", "{sentence2}", metric="f1"),
    "qqp": Task("{question1}", "{question2}", metric="f1"),
    "mnli": Task("{premise}", "{hypothesis}", labels=3),
}


def find_files(data_dir: str | Path | None, names: Sequence[str]) -> dict[str, dict[str, Path]]:
    """The ``train`` and ``valid`` files of each task, in one of `FOLDERS` of `data_dir`.

    Raises:
        InputError: a task has no data.
    """
    found: dict[str, dict[str, Path]] = {}
    if names and data_dir is None:
        raise InputError("finetune=[...] needs data_dir=<folder with glue_filtered>")
    root = Path(data_dir or ".").expanduser()
    for name, folder in product(names, FOLDERS):
        paths = {split: root / folder / f"{name}.{split}.jsonl" for split in ("train", "valid")}
        if all(path.is_file() for path in paths.values()):
            found.setdefault(name, paths)
    missing = [name for name in names if name not in found]
    if missing:
        absent = "" if root.is_dir() else "there is no such folder; "
        raise InputError(
            f"data_dir={data_dir} has no data for {', '.join(missing)}: {absent}expected "
            f"{FOLDERS[0]}/{missing[0]}.train.jsonl and .valid.jsonl in it or in its full_eval, "
            "as in the evaluation data of BabyLM (BabyLM-community/BabyLM-2026-Strict-Evals on the "
            "Hugging Face Hub, or OSF project ryjfm, https://osf.io/ryjfm)"
        )
    return found


def read_pairs(path: Path, task: Task) -> list[Pair]:
    """Reads the items of a file.

    Raises:
        InputError: a line is not a JSON object, lacks a field or has an unknown label, or the file
            is empty.
    """
    pairs = []
    for number, line in numbered_lines(path):
        try:
            fields = from_json(line)
            pair = Pair(
                task.first.format_map(fields), task.second.format_map(fields), fields["label"]
            )
        except (ValueError, TypeError) as error:  # not JSON, or not an object
            raise InputError(f"{path}, line {number}: not a JSON object ({error})") from error
        except KeyError as error:
            raise InputError(f"{path}, line {number}: no field {error}") from error
        # In Python, true and 1.0 would be in the range.
        if type(pair.label) is not int or pair.label not in range(task.labels):
            raise InputError(
                f"{path}, line {number}: label {pair.label!r} is not in 0 to {task.labels - 1}"
            )
        pairs.append(pair)
    if not pairs:
        raise InputError(f"{path} is empty")
    return pairs
