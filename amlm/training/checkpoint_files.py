"""The checkpoints in a run folder: two are kept, each named by its checksum, and a pointer.

A name, ``checkpoints/step_<n>-<checksum>.ckpt``, has the optimizer steps completed and the first 16
hex digits of the file's SHA-256, as in PyTorch's hub. ``checkpoints/last`` names the newest; it is
written last, so that a checkpoint newer than it is one that was not finished.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from amlm.util.errors import InputError
from amlm.util.files import aside, remove, sha256, write_aside

FOLDER, POINTER = "checkpoints", "last"
NEW = "new.ckpt"  # before its checksum is known
NAME = re.compile(r"step_(\d+)-([0-9a-f]{16})\.ckpt")
State = dict[str, Any]


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes Lightning's checkpoints, those of `ModelCheckpoint` too, aside and synced.

    Lightning's own serialises into memory, writes to the system's temporary folder, and moves.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        with aside(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)


class _Saved(NamedTuple):
    step: int
    checksum: str
    path: Path


def _all(run: Path) -> list[_Saved]:
    """The checkpoints of a run, newest first, whether valid or not."""
    found = [(NAME.fullmatch(path.name), path) for path in (run / FOLDER).glob("step_*.ckpt")]
    return sorted((_Saved(int(m[1]), m[2], path) for m, path in found if m), reverse=True)


def has_checkpoint(run: Path) -> bool:
    """Whether a run has saved its state, even if nothing of it is left but the pointer."""
    return (run / FOLDER / POINTER).exists() or bool(_all(run))


def read_checkpoint(path: Path) -> State:
    """The content of a checkpoint, its tensors mapped from the file; executes nothing.

    Raises:
        InputError: it holds objects other than tensors and plain values.
    """
    try:
        found = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except UnpicklingError as error:
        named = re.search(r"(?:GLOBAL|class) (\S+)", str(error))
        raise InputError(
            f"{path} holds objects other than tensors and plain values"
            f"{f' ({named[1]})' if named else ''}, whose loading could run code: if a callback of "
            "yours saves them, let its state_dict give numbers, texts, lists and tensors"
        ) from error
    assert isinstance(found, dict)
    return found


def keep(run: Path, step: int, previous: Path | None) -> Path:
    """Names `NEW` by its checksum, points to it, and removes all others but the previous one.

    Raises:
        InputError: it could not be loaded, which is found now, not on resuming.
    """
    folder = run / FOLDER
    read_checkpoint(folder / NEW)
    path = folder / f"step_{step}-{sha256(folder / NEW)[:16]}.ckpt"
    (folder / NEW).replace(path)
    write_aside(folder / POINTER, path.name + "\n")  # syncs the new name, too
    for other in _all(run):
        if other.path not in (path, previous):
            remove(other.path)
    return path


def _candidates(run: Path) -> Iterator[tuple[Path, str | None]]:
    """Checkpoints to resume from, in order, each with what is wrong with it."""
    pointer, saved = run / FOLDER / POINTER, _all(run)
    if pointer.exists():
        name = pointer.read_text(encoding="utf-8", errors="replace").strip()
        if named := NAME.fullmatch(name):
            if pointer.with_name(name) not in {each.path for each in saved}:
                yield pointer.with_name(name), "is missing"
            saved = [each for each in saved if each.step <= int(named[1])]
            saved.sort(key=lambda each: each.path.name != name)
        else:
            yield pointer, "names no checkpoint"
    for _, checksum, path in saved:
        valid = sha256(path).startswith(checksum)
        yield path, None if valid else "is damaged: its SHA-256 is not the one in its name"


def newest(
    run: Path,
    fault: Callable[[State], str | None] = lambda state: None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Path, State]:
    """The newest checkpoint that is whole and that the rest of the run folder fits.

    Args:
        run: the run folder.
        fault: what keeps a run from resuming with a state; None if nothing does.
        say: is told of every checkpoint that is skipped, once one is found.

    Returns: its path, and its content, whose tensors are memory-mapped.

    Raises:
        InputError: there is none.
    """
    skipped: list[tuple[Path, str]] = []
    for path, wrong in _candidates(run):
        if wrong is None:
            state = read_checkpoint(path)
            if (found := fault(state)) is None:
                for other, why in skipped:
                    say(f"{other} {why}; falling back to the checkpoint before it")
                return path, state
            wrong = f"can't be used: {found}"
        skipped.append((path, wrong))
    faults = [f"{path.name} {wrong}" for path, wrong in skipped]
    raise InputError(
        f"no checkpoint in {run / FOLDER} can be resumed from ({'; '.join(faults) or 'none'}): "
        "restore the files from a copy, or choose another folder with run_dir= to start again"
    )
