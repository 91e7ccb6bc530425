"""Table signal: a fixed table, for example the last one of another run (the control ``frozen``).

V token types.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from amlm.config.options import option
from amlm.masking.signals import Context, PreparedSignal, score_of_weights
from amlm.tokenizers.bpe import load_tokenizer
from amlm.tokenizers.surfaces import surfaces_of
from amlm.util.errors import InputError

TABLES, MODEL = "tables.f32", "hf"  # of a run folder


@dataclass
class Table(PreparedSignal):
    """The same weights from the first step on, matched with our types by surface form.

    ``path`` is the folder of a finished run (its last table), a TSV file with a surface form and a
    weight per line, or an ``.npy`` or ``.safetensors`` file (tensor ``table``) in the order of our
    ids. Types without a surface form that a TSV file cannot name get the mean weight.
    """

    path: str | None = option(None, "folder of a finished run, or .tsv, .npy or .safetensors file")

    def __post_init__(self) -> None:
        # The path of experiment=frozen begins with run_dir, which need not be set.
        if self.path is None or self.path.startswith("None/"):
            raise InputError(
                "path is not set: give masking.signal.path=<folder of a finished run, or file>"
            )

    def found(self) -> Path:
        """The path.

        Raises:
            InputError: it does not exist.
        """
        path = Path(str(self.path)).expanduser()
        if not path.exists():
            raise InputError(
                f"masking.signal.path={self.path} does not exist: give a run folder or a file"
            )
        return path

    def prepare(self, context: Context) -> None:
        weight_V = read_weights(self.found(), context.surfaces)
        if not (np.isfinite(weight_V).all() and (weight_V >= 0).all() and weight_V.any()):
            raise InputError(
                f"{self.path}: weights must be finite, at least 0, and not all 0: "
                "correct the file, or give another as masking.signal.path"
            )
        self.weight_V = torch.from_numpy(weight_V)

    def digests(self) -> dict[str, str]:
        """What was read, by the option that names its place."""
        read = self.weight_V.numpy().tobytes()
        return {"path": hashlib.blake2b(read, digest_size=16).hexdigest()}

    def score(self, statistics: Mapping[str, Tensor]) -> Tensor:
        return score_of_weights(self.weight_V)


def read_weights(path: Path, surfaces: Sequence[str | None]) -> NDArray[np.float64]:
    """Weights of types with these surface forms: ``[V]``.

    Raises:
        InputError: the file cannot be read, or its vocabulary (of an array, its size) is another.
    """
    try:
        if path.is_dir():
            return _last_of_run(path, surfaces)
        if path.suffix == ".tsv":
            return _from_lines(path, surfaces)
        found = load_file(path)["table"] if path.suffix == ".safetensors" else np.load(path)
        if not isinstance(found, np.ndarray):
            raise ValueError("an archive of arrays")
        found = found.astype(np.float64)
    except InputError:
        raise
    except (OSError, ValueError, TypeError, KeyError, EOFError, SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read as a masking table ({error}): masking.signal.path takes the "
            "folder of a finished run, or a .tsv, .npy or .safetensors file"
        ) from error
    if found.shape != (len(surfaces),):
        raise InputError(
            f"{path} has shape {found.shape}, and this run {len(surfaces):,} types: use the "
            "tokenizer that the table was made with (tokenizer.path), or a .tsv file by surface "
            "form"
        )
    return found


def _last_of_run(folder: Path, surfaces: Sequence[str | None]) -> NDArray[np.float64]:
    if not (folder / MODEL).is_dir() or not (folder / TABLES).is_file():
        raise InputError(
            f"{folder} is not the folder of a finished run: it needs {MODEL}/ and {TABLES}; let "
            "that run finish, or name another as masking.signal.path"
        )
    theirs = surfaces_of(load_tokenizer(folder / MODEL))
    if list(theirs) != list(surfaces):
        other = set(theirs) ^ set(surfaces)
        examples = ", ".join(sorted(str(each) for each in other)[:3]) or "the order of the ids"
        raise InputError(
            f"{folder} has another vocabulary than this run ({len(theirs):,} and "
            f"{len(surfaces):,} types; {len(other):,} are in one only, e.g. {examples}): use its "
            f"tokenizer, tokenizer.path={folder / MODEL}"
        )
    size = len(surfaces)
    tables = np.memmap(folder / TABLES, dtype="<f4", mode="r")
    return np.asarray(tables[len(tables) // size * size - size :][:size], dtype=np.float64)


def _from_lines(path: Path, surfaces: Sequence[str | None]) -> NDArray[np.float64]:
    weights: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not line:
            continue
        surface, _, weight = line.rpartition("\t")
        try:
            weights[surface] = float(weight)
        except ValueError:
            raise InputError(
                f"{path}, line {number}: {line!r} is not a surface form, a tab and a number: "
                "correct that line"
            ) from None
    missing = [each for each in surfaces if each is not None and each not in weights]
    if missing or weights.keys() - set(surfaces):
        extra = sorted(weights.keys() - set(surfaces))
        raise InputError(
            f"{path} has another vocabulary than this run: {len(missing):,} types have no line "
            f"({', '.join(missing[:3]) or 'none'}), {len(extra):,} lines name no type "
            f"({', '.join(extra[:3]) or 'none'}). Use the tokenizer that it was made with "
            "(tokenizer.path)"
        )
    mean = math.fsum(weights.values()) / max(len(weights), 1)
    named = [mean if each is None else weights[each] for each in surfaces]
    return np.array(named, dtype=np.float64)
