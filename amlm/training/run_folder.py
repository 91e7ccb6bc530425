"""The run folder: claimed once, never overwritten, with all that says what was run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from amlm import __version__
from amlm.config.schema import Config, as_dict, flat
from amlm.util.errors import InputError, RunFinished
from amlm.util.files import write_aside, write_json

CONFIG_FILE = "config.yaml"
RUN_FILE = "run.json"
CHECKPOINT = Path("checkpoints") / "last.ckpt"
# Where a run is watched from does not change what it computes.
NOT_COMPARED = (
    *("name", "choices", "run_dir", "sweep", "logger", "paths", "trainer.threads"),
    *("components", "objective"),
)
PACKAGES = ("torch", "lightning", "transformers", "tokenizers", "hydra-core", "numpy", "wandb")


class RunFolder:
    """A claimed folder. The claim ends with the process, however it ends.

    Attributes:
        path: the folder.
        resumes: whether it holds an unfinished run of the same configuration to go on with.
    """

    def __init__(self, path: Path, resumes: bool, lock: FileLock | None) -> None:
        self.path = path
        self.resumes = resumes
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _new_folder(config: Config) -> Path:
    parent = Path(config.paths.outputs).expanduser() / (config.name or "unnamed")
    name = f"{datetime.now():%Y%m%d-%H%M%S}-seed{config.seed}"
    for attempt in range(1, 1_000):
        path = parent / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            continue
    raise InputError(f"{parent} is full of folders named {name}: give run_dir=<folder>")


def _first_difference(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    for key in [*new, *old]:
        if not key.startswith(NOT_COMPARED) and old.get(key) != new.get(key):
            return f"{key} was {old.get(key)} and is now {new.get(key)}"
    return None


def claim(config: Config) -> RunFolder:
    """Takes a new folder, or an unfinished run's own folder to go on with it.

    Raises:
        InputError: the folder holds a finished run, one of another configuration, something that
            is not a run, or is in use by another process.
    """
    if config.run_dir is None:
        path = _new_folder(config)
    else:
        path = Path(config.run_dir).expanduser()
        path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"run_dir={path} is in use by another process") from None
    entries = {entry.name for entry in path.iterdir()} - {".lock"}
    if not entries:
        return RunFolder(path, False, lock)
    try:
        if CONFIG_FILE not in entries:
            raise InputError(f"run_dir={path} is not empty and holds no run: choose another folder")
        old = OmegaConf.to_container(OmegaConf.load(path / CONFIG_FILE))
        difference = _first_difference(flat(old), flat(as_dict(config)))
        if difference:
            raise InputError(
                f"run_dir={path} holds a run of another configuration ({difference}): "
                "give the same command to go on with it, or choose another folder"
            )
        run = _read_json(path / RUN_FILE)
        if run.get("finished"):
            raise RunFinished(
                f"run_dir={path} holds a run that finished at {run['finished']}: choose another "
                "folder, or remove it"
            )
    except BaseException:
        lock.release()
        raise
    return RunFolder(path, (path / CHECKPOINT).is_file(), lock)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _git_state() -> dict[str, Any]:
    # An installed package can lie inside somebody else's repository.
    ours = _git("ls-files", "--error-unmatch", Path(__file__).name) is not None
    status = _git("status", "--porcelain") if ours else None
    return {
        "commit": _git("rev-parse", "HEAD") if ours else None,
        "changed_files": status.splitlines() if status is not None else None,
    }


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"amlm": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _read_json(path: Path) -> dict[str, Any]:
    # Missing if the run was killed between the two files of `describe`.
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def describe(folder: Path, config: Config) -> None:
    """Writes ``config.yaml`` (resolved) and ``run.json`` (versions, git state, command, start)."""
    write_aside(folder / CONFIG_FILE, OmegaConf.to_yaml(OmegaConf.create(as_dict(config))))
    write_json(
        folder / RUN_FILE,
        {
            "started": _now(),
            "finished": None,
            "command": sys.argv,
            "resumed": [],
            "versions": _versions(),
            "git": _git_state(),
            "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        },
        indent=2,
    )


def note_resumed(folder: Path, step: int) -> None:
    """Notes in ``run.json`` that the run goes on from a step, and with what."""
    run = _read_json(folder / RUN_FILE)
    again = {
        "time": _now(),
        "step": step,
        "versions": _versions(),
        "git": _git_state(),
    }
    write_json(folder / RUN_FILE, {**run, "resumed": [*run.get("resumed", []), again]}, indent=2)


def mark_finished(folder: Path) -> None:
    """Notes in ``run.json`` that the run is complete."""
    run = _read_json(folder / RUN_FILE)
    run["finished"] = _now()
    write_json(folder / RUN_FILE, run, indent=2)
