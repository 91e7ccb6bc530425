"""The run folder: claimed once, never overwritten, with everything that describes the run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from amlm import __version__
from amlm.config.run_schema import TrainerConfig, is_science
from amlm.config.schema import Config, as_dict, flat
from amlm.store.identity import Content
from amlm.training.checkpoint_files import has_checkpoint
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError, RunFinished
from amlm.util.files import make_folder, read_json, remove, write_aside, write_json
from amlm.util.secrets import masked

CONFIG_FILE = "config.yaml"
RUN_FILE = "run.json"
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
        made: the folders that the claim made, innermost first.
        empty: whether it was empty before.
    """

    path: Path
    resumes: bool
    lock: FileLock | None
    made: tuple[Path, ...] = ()
    empty: bool = False

    def release(self) -> None:
        if self.lock is not None:
            self.lock.release()

    def abandon(self) -> None:
        """Leaves the folder as it was before the claim: the run failed before it started."""
        if self.empty:
            for entry in self.path.iterdir():
                if entry.name != JOB_LOGS:
                    remove(entry)
        _remove_empty(self.made)


def _remove_empty(folders: Iterable[Path]) -> None:
    with suppress(OSError):  # another run may use one of them by now
        for folder in folders:
            folder.rmdir()


def make_run_folder(config: Config) -> list[Path]:
    """Makes the folder of ``run_dir``, or a new one; returns what was made, innermost first."""
    if config.run_dir is not None:
        return make_folder(Path(config.run_dir).expanduser())
    parent = Path(config.paths.outputs).expanduser() / (config.name or "unnamed")
    above = make_folder(parent)
    name = f"{datetime.now():%Y%m%d-%H%M%S}-seed{config.seed}"
    for attempt in count(1):
        path = parent / (name if attempt == 1 else f"{name}-{attempt}")
        with suppress(FileExistsError):
            path.mkdir()
            return [path, *above]
    raise AssertionError


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
    where = config.run_dir or config.paths.outputs
    try:
        made = make_run_folder(config)
        path = made[0] if config.run_dir is None else Path(config.run_dir).expanduser()
        lock = FileLock(path / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"run_dir={path} is in use by another process") from None
    except OSError as error:
        if error.errno not in ENVIRONMENT_ERRNOS:
            raise
        raise InputError(
            f"the run folder can't be made in {where}: {error.strerror} ({error.filename}). Grant "
            "access or free up space there, or choose another folder with run_dir="
        ) from error
    try:
        _check_content(path, config)
    except BaseException:
        lock.release()
        raise
    empty = {entry.name for entry in path.iterdir()} <= {".lock"}
    return RunFolder(path, has_checkpoint(path), lock, tuple(made), empty)


def _check_content(path: Path, config: Config) -> dict[str, Any]:
    """Returns the description of an unfinished run in a folder; it is empty if there is none."""
    # Hidden: the lock, and what a killed process left aside.
    entries = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")} - {
        JOB_LOGS
    }
    if not entries:
        return {}
    if CONFIG_FILE not in entries:
        raise InputError(f"run_dir={path} is not empty and holds no run: choose another folder")
    old = read_config(path)
    lost = next((section for section in as_dict(config) if section not in old), None)
    if lost:
        raise InputError(
            f"{path / CONFIG_FILE} is truncated or of another version, it lacks {lost}: restore it "
            "from a copy, or choose another folder"
        )
    new = flat(masked(as_dict(config)))
    if (path / DIVERGED).is_dir():
        new["optimizer.lr"] = flat(old)["optimizer.lr"]
    difference = _first_difference(flat(old), new)
    if difference:
        raise InputError(
            f"run_dir={path} holds a run of another configuration ({difference}): give the same "
            "command to resume it, or choose another folder"
        )
    run = read_description(path)
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


def read_config(folder: Path) -> dict[str, Any]:
    """``config.yaml`` of a run.

    Raises:
        InputError: it is damaged.
    """
    path = folder / CONFIG_FILE
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
        if isinstance(content, dict) and content:
            return {str(key): value for key, value in content.items()}
        reason = "it has no options"
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
    raise InputError(
        f"{path} is damaged ({reason}): restore it from a copy (`--cfg job` shows what a command's "
        "configuration is), or choose another folder"
    )


def read_description(folder: Path) -> dict[str, Any]:
    """``run.json`` of a run; empty if it was killed before it wrote that.

    Raises:
        InputError: it is damaged.
    """
    path = folder / RUN_FILE
    remedy = "restore it from a copy, or remove it: the same command then resumes the run"
    return read_json(path, remedy) if path.exists() else {}


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
    run = read_description(folder)
    again = {"time": _now(), "step": step, **_software()}
    if _set_dump_aside(folder):
        _write_config(folder, config)
        again["optimizer.lr"] = config.optimizer.lr
    write_json(folder / RUN_FILE, {**run, "resumed": [*run.get("resumed", []), again]}, indent=2)


def wandb_id(folder: Path) -> str:
    """The id of the run at W&B: random, and kept in ``run.json`` wherever the folder is moved."""
    run = read_description(folder)
    if "wandb_id" not in run:
        run["wandb_id"] = token_hex(4)
        write_json(folder / RUN_FILE, run, indent=2)
    return str(run["wandb_id"])


def mark_finished(folder: Path) -> None:
    """Notes in ``run.json`` that the run is complete."""
    write_json(folder / RUN_FILE, {**read_description(folder), "finished": _now()}, indent=2)
