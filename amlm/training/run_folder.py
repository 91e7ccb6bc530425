"""The run folder: claimed once, never overwritten, with everything that describes the run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from amlm import __version__
from amlm.config.run_schema import TrainerConfig, is_science
from amlm.config.schema import Config, as_dict, flat
from amlm.store.identity import Content
from amlm.util.errors import InputError, RunFinished
from amlm.util.files import write_aside, write_json
from amlm.util.secrets import masked

CONFIG_FILE = "config.yaml"
RUN_FILE = "run.json"
CHECKPOINT = Path("checkpoints") / "last.ckpt"
DIVERGED = "diverged"  # what a run leaves that cannot go on; it may resume at another learning rate
JOB_LOGS = "slurm"  # what submitit writes, before the run claims the folder
PACKAGES = ("torch", "lightning", "transformers", "tokenizers", "hydra-core", "numpy", "wandb")


@dataclass(frozen=True)
class RunFolder:
    """A claimed folder. The claim ends with the process, however that ends.

    Attributes:
        path: the folder.
        resumes: whether it holds an unfinished run of the same configuration to resume.
        lock: held by the first rank.
    """

    path: Path
    resumes: bool
    lock: FileLock | None

    def release(self) -> None:
        if self.lock is not None:
            self.lock.release()


def new_folder(config: Config) -> Path:
    """Makes an empty folder for a run, named by its start."""
    parent = Path(config.paths.outputs).expanduser() / (config.name or "unnamed")
    name = f"{datetime.now():%Y%m%d-%H%M%S}-seed{config.seed}"
    for attempt in count(1):
        path = parent / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir(parents=True)
            break
        except FileExistsError:
            continue
    return path


def _first_difference(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The first option that is science (see `is_science`) and differs, in words."""
    for key in [*new, *old]:
        if is_science(key) and (key in old, old.get(key)) != (key in new, new.get(key)):
            was, now = (str(each[key]) if key in each else "absent" for each in (old, new))
            return f"{key} was {was} and is now {now}"
    return None


def _precision(options: TrainerConfig) -> str:
    """What ``trainer.precision`` stands for on this machine."""
    if options.precision != "auto":
        return options.precision
    from amlm.training.devices import precision  # imports torch

    return str(precision(options)).removesuffix("-true")


def recorded_content(config: Config) -> Content | None:
    """What the run to resume is trained on, to be compared before its text is tokenised again.

    None if ``run_dir`` holds no run yet.

    Raises:
        InputError: as `claim`.
    """
    path = Path(config.run_dir or "").expanduser()
    if config.run_dir is None or not path.is_dir():
        return None
    run = _check_content(path, config)
    return Content(**run["content"]) if run else None


def claim(config: Config) -> RunFolder:
    """Claims a new folder, or that of an unfinished run to resume it.

    Raises:
        InputError: the folder holds a finished run, a run of another configuration, or something
            else, or is in use by another process.
    """
    if config.run_dir is None:
        path = new_folder(config)
    else:
        path = Path(config.run_dir).expanduser()
        path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"run_dir={path} is in use by another process") from None
    try:
        _check_content(path, config)
    except BaseException:
        lock.release()
        raise
    return RunFolder(path, (path / CHECKPOINT).is_file(), lock)


def _check_content(path: Path, config: Config) -> dict[str, Any]:
    """Returns the description of an unfinished run in a folder; it is empty if there is none."""
    entries = {entry.name for entry in path.iterdir()} - {".lock", JOB_LOGS}
    if not entries:
        return {}
    if CONFIG_FILE not in entries:
        raise InputError(f"run_dir={path} is not empty and holds no run: choose another folder")
    old = OmegaConf.to_container(OmegaConf.load(path / CONFIG_FILE))
    new = flat(masked(as_dict(config)))
    if (path / DIVERGED).is_dir():
        new["optimizer.lr"] = flat(old)["optimizer.lr"]
    difference = _first_difference(flat(old), new)
    if difference:
        raise InputError(
            f"run_dir={path} holds a run of another configuration ({difference}): give the same "
            "command to resume it, or choose another folder"
        )
    run = _read_json(path / RUN_FILE)
    if run.get("finished"):
        raise RunFinished(
            f"run_dir={path} holds a run that finished at {run['finished']}: choose another "
            "folder, or remove it"
        )
    if run and "content" not in run:
        raise InputError(
            f"run_dir={path} was started by amlm {run['versions']['amlm']}, which recorded no "
            "digests of its text and tokenizer, so they can't be compared: resume it with that "
            "version, or choose another folder"
        )
    if run and run["machine"]["precision"] != (precision := _precision(config.trainer)):
        raise InputError(
            f"run_dir={path} was trained in precision {run['machine']['precision']}, and "
            f"trainer.precision={config.trainer.precision} is {precision} here: give "
            f"trainer.precision={run['machine']['precision']} to resume it, or another folder"
        )
    return run


def _git(*arguments: str) -> str | None:
    options: dict[str, Any] = {"cwd": Path(__file__).parent, "timeout": 10, "check": True}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, **options)
    except (OSError, subprocess.SubprocessError):
        return None
    return str(done.stdout).strip()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _software() -> dict[str, Any]:
    """Versions, and the git state if the package is in its own repository, not just inside one."""
    versions: dict[str, str | None] = {"amlm": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    ours = _git("ls-files", "--error-unmatch", Path(__file__).name) is not None
    status = _git("status", "--porcelain") if ours else None
    git = {
        "commit": _git("rev-parse", "HEAD") if ours else None,
        "changed_files": status.splitlines() if status is not None else None,
    }
    return {"versions": versions, "git": git}


def _read_json(path: Path) -> dict[str, Any]:
    # Missing if the run was killed between the two files of `describe`.
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _write_config(folder: Path, config: Config) -> None:
    write_aside(folder / CONFIG_FILE, OmegaConf.to_yaml(OmegaConf.create(masked(as_dict(config)))))


def _set_dump_aside(folder: Path) -> bool:
    found = (folder / DIVERGED).is_dir()
    if found:
        (folder / DIVERGED).rename(folder / f"{DIVERGED}-{datetime.now():%Y%m%d-%H%M%S-%f}")
    return found


def describe(folder: Path, config: Config, content: Content) -> None:
    """Writes ``config.yaml`` (resolved) and ``run.json`` (versions, git state, command, start, and
    what identifies text and tokenizer), secrets masked."""
    _set_dump_aside(folder)
    _write_config(folder, config)
    command = masked(sys.argv)
    run = {"started": _now(), "finished": None, "command": command, "resumed": [], **_software()}
    precision = _precision(config.trainer)
    machine = {"platform": platform.platform(), "cpus": os.cpu_count(), "precision": precision}
    described = {**run, "machine": machine, "content": asdict(content)}
    write_json(folder / RUN_FILE, described, indent=2)


def note_resumed(folder: Path, step: int, config: Config) -> None:
    """Adds to ``run.json`` from which step the run resumes, when, and with which software. After a
    divergence the learning rate may be another, and ``config.yaml`` is written anew."""
    run = _read_json(folder / RUN_FILE)
    again = {"time": _now(), "step": step, **_software()}
    if _set_dump_aside(folder):
        _write_config(folder, config)
        again["optimizer.lr"] = config.optimizer.lr
    write_json(folder / RUN_FILE, {**run, "resumed": [*run.get("resumed", []), again]}, indent=2)


def wandb_id(folder: Path) -> str:
    """The id of the run at W&B: random, and kept in ``run.json`` wherever the folder is moved."""
    run = _read_json(folder / RUN_FILE)
    if "wandb_id" not in run:
        run["wandb_id"] = token_hex(4)
        write_json(folder / RUN_FILE, run, indent=2)
    return str(run["wandb_id"])


def mark_finished(folder: Path) -> None:
    """Notes in ``run.json`` that the run is complete."""
    run = _read_json(folder / RUN_FILE)
    write_json(folder / RUN_FILE, {**run, "finished": _now()}, indent=2)
