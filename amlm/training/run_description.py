"""``config.yaml`` and ``run.json``: what a run is, and with which software it ran."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_hex
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from amlm import __version__
from amlm.config.run_schema import TrainerConfig
from amlm.config.schema import Config, as_dict, flat
from amlm.store.identity import Content
from amlm.util.errors import InputError
from amlm.util.files import read_json, write_aside, write_json
from amlm.util.secrets import masked

CONFIG_FILE = "config.yaml"
RUN_FILE = "run.json"
DIVERGED = "diverged"  # what a run leaves that cannot go on; it may resume at another learning rate
UNLOGGED = "unlogged"  # in run.json: the option of a monitor for which a run failed
PACKAGES = (
    *("lightning", "transformers", "tokenizers", "hydra-core", "numpy", "wandb"),
    "HanTa",  # tells parts of speech
)


def precision_of(options: TrainerConfig) -> str:
    """What ``trainer.precision`` stands for on this machine."""
    if options.precision != "auto":
        return options.precision
    from amlm.training.devices import precision  # imports torch

    return str(precision(options)).removesuffix("-true")


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
    from torch import __version__ as torch  # says which build it is, as its package may not

    versions: dict[str, str | None] = {"amlm": __version__, "python": platform.python_version()}
    versions["torch"] = str(torch)
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


def describe(
    folder: Path,
    config: Config,
    content: Content,
    digests: Mapping[str, str],
    processes: int = 1,
) -> None:
    """Writes ``config.yaml`` (resolved) and ``run.json`` (versions, git state, command, start,
    number of processes, and what identifies text, tokenizer and what masking reads), secrets
    masked."""
    _set_dump_aside(folder)
    _write_config(folder, config)
    command = masked(sys.argv)
    run = {"started": _now(), "finished": None, "command": command, "resumed": [], **_software()}
    precision = precision_of(config.trainer)
    machine = {"platform": platform.platform(), "cpus": os.cpu_count(), "precision": precision}
    machine |= {"processes": processes}
    read = {"content": asdict(content), "digests": dict(digests)}
    described = {**run, "machine": machine, **read}
    write_json(folder / RUN_FILE, described, indent=2)


def note_unlogged(folder: Path, option: str) -> None:
    """Notes in ``run.json`` that a callback failed at once since nothing logs what it monitors."""
    write_json(folder / RUN_FILE, {**read_description(folder), UNLOGGED: option}, indent=2)


def note_resumed(folder: Path, step: int, config: Config) -> None:
    """Adds to ``run.json`` from which step the run resumes, when, and with which software. After a
    divergence the learning rate may be another, and where a callback failed what it monitors:
    ``config.yaml`` is written anew."""
    run = read_description(folder)
    again = {"time": _now(), "step": step, **_software()}
    options = flat(masked(as_dict(config)))
    changed = [run.pop(UNLOGGED)] if UNLOGGED in run else []
    changed += ["optimizer.lr"] * _set_dump_aside(folder)
    if changed:
        _write_config(folder, config)
        again |= {name: options[name] for name in changed}
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
