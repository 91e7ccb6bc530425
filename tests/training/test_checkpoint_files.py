"""Which checkpoint a run resumes from, after damage to the two that are kept or to the pointer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amlm.training.checkpoint_files import DurableCheckpointIO, has_checkpoint, keep, newest
from amlm.util.errors import InputError


def _save(run: Path, step: int, previous: Path | None) -> Path:
    state = {"global_step": step, "weights": torch.full((1_000,), float(step))}
    DurableCheckpointIO().save_checkpoint(state, run / "checkpoints" / "new.ckpt")
    return keep(run, step, previous)


@pytest.fixture
def saved(tmp_path: Path) -> list[Path]:
    """Checkpoints of the steps 5, 10 and 15, of which the first is no longer kept."""
    paths: list[Path] = []
    for step in (5, 10, 15):
        paths.append(_save(tmp_path, step, paths[-1] if paths else None))
    return paths


def _names(run: Path) -> set[str]:
    return {path.name for path in (run / "checkpoints").iterdir()}


def test_two_checkpoints_and_a_pointer_are_kept(saved: list[Path], tmp_path: Path) -> None:
    assert _names(tmp_path) == {saved[1].name, saved[2].name, "last"}
    assert (tmp_path / "checkpoints" / "last").read_text() == saved[2].name + "\n"
    path, state = newest(tmp_path)
    assert (path, state["global_step"], state["weights"][0]) == (saved[2], 15, 15.0)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "one bit flipped": _flip,
    "missing": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    damage: str, saved: list[Path], tmp_path: Path
) -> None:
    DAMAGE[damage](saved[2])
    said: list[str] = []
    assert newest(tmp_path, say=said.append)[0] == saved[1]
    wrong = "is missing" if damage == "missing" else "is damaged: its SHA-256 is not the one in its"
    assert len(said) == 1 and said[0].startswith(f"{saved[2]} {wrong}")
    assert said[0].endswith("; falling back to the checkpoint before it")

    # The next one of the same step replaces the damaged one.
    again = _save(tmp_path, 15, saved[1])
    assert newest(tmp_path, say=said.append)[0] == again
    assert _names(tmp_path) == {saved[1].name, again.name, "last"} and len(said) == 1


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"step_15-zz.ckpt\n", b"\xff"])
def test_a_damaged_pointer_is_noticed_and_the_newest_checkpoint_used(
    content: bytes, saved: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "checkpoints" / "last").write_bytes(content)
    said: list[str] = []
    assert newest(tmp_path, say=said.append)[0] == saved[2]
    assert len(said) == 1 and "checkpoints/last names no checkpoint" in said[0]


def test_a_checkpoint_newer_than_the_pointer_was_not_finished(
    saved: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "checkpoints" / "last").write_text(saved[1].name + "\n")
    assert newest(tmp_path)[0] == saved[1]
    following = _save(tmp_path, 12, saved[1])
    assert _names(tmp_path) == {saved[1].name, following.name, "last"}


def test_a_checkpoint_that_the_run_does_not_fit_is_skipped(
    saved: list[Path], tmp_path: Path
) -> None:
    said: list[str] = []
    found = newest(
        tmp_path, lambda state: "log is short" if state["global_step"] > 10 else None, said.append
    )
    assert found[0] == saved[1]
    assert f"{saved[2]} can't be used: log is short" in said[0]


def test_no_usable_checkpoint_is_an_error_that_names_them_all(
    saved: list[Path], tmp_path: Path
) -> None:
    saved[1].write_bytes(b"")
    saved[2].unlink()
    said: list[str] = []
    with pytest.raises(InputError) as raised:
        newest(tmp_path, say=said.append)
    assert said == []  # no promise to fall back to what is not there
    message = str(raised.value)
    assert message.startswith(f"no checkpoint in {tmp_path / 'checkpoints'} can be resumed from (")
    assert f"{saved[2].name} is missing; {saved[1].name} is damaged" in message
    assert message.endswith(
        "restore the files from a copy, or choose another folder with run_dir= to start again"
    )
    saved[1].unlink()
    assert has_checkpoint(tmp_path)  # the pointer says so
    (tmp_path / "checkpoints" / "last").unlink()
    assert not has_checkpoint(tmp_path)
