"""A run in a poor environment: no room for temporary files, no home, a latin-1 terminal."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_run_needs_no_temporary_folder_no_home_and_no_unicode(
    command_here: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    def unknown(_: object) -> None:
        raise KeyError

    raw, folder = io.BytesIO(), tmp_path / "run"
    monkeypatch.setattr(tempfile, "gettempdir", full)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1"))
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.delenv("HOME")
    for name in ("TMPDIR", "TMP", "TEMP"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    umask = os.umask(0o027)
    try:
        more = ["trainer.max_steps=4", "masking.update_every=2", "checkpoints.every=2"]
        command_here(*more, f"run_dir={folder}")
    finally:
        os.umask(umask)
    sys.stdout.flush()
    shown = raw.getvalue().decode("latin-1")
    assert "\\u2581" in shown and f"model               {folder / 'hf'}" in shown
    assert shown.index("words    ") < shown.index("masked accuracy")
    modes = {
        each.name: each.stat().st_mode & 0o777
        for each in (folder, *folder.rglob("*"))
        if not each.name.startswith(".")
    }
    assert "model.safetensors" in modes
    assert set(modes.values()) == {0o640, 0o750}
