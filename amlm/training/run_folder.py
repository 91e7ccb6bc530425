"""The run folder: claimed once, never overwritten; resumed by the same science and content."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from amlm.config.run_schema import is_science
from amlm.config.schema import Config, as_dict, flat
from amlm.store.identity import Content
from amlm.training.checkpoint_files import has_checkpoint
from amlm.training.run_description import (
    CONFIG_FILE,
    DIVERGED,
    RUN_FILE,
    UNLOGGED,
    precision_of,
    read_config,
    read_description,
)
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError, RunFinished
from amlm.util.files import make_folder, remove
from amlm.util.secrets import masked

if TYPE_CHECKING:
    from amlm.masking.policy import MaskingPolicy

JOB_LOGS = "slurm"  # what submitit writes, before the run claims the folder


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


def digests_of(masking: MaskingPolicy) -> dict[str, str]:
    """Of what the parts of a policy read from files, by the option that names the place."""
    return {
        f"masking.{part}.{option}": digest
        for part in ("signal", "schedule")
        for option, digest in getattr(getattr(masking, part), "digests", dict)().items()
    }


def check_digests(config: Config, masking: MaskingPolicy) -> None:
    """Compares what masking reads with what it read when the run in ``run_dir`` was started.

    Raises:
        InputError: something has changed.
    """
    path = Path(config.run_dir or "").expanduser()
    recorded = read_description(path).get("digests", {}) if config.run_dir else {}
    for name, digest in digests_of(masking).items():
        if recorded.get(name, digest) != digest:
            raise InputError(
                f"run_dir={path} can't be resumed: what {name} names has changed since the run was "
                "started. Put it back, or train in another folder"
            )


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
        if RUN_FILE in entries or has_checkpoint(path):
            raise InputError(
                f"run_dir={path} holds a run whose {CONFIG_FILE} is missing: restore it from a "
                "copy to resume (`--cfg job` shows what a command's configuration is), or choose "
                "another folder"
            )
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
    run = read_description(path)
    if UNLOGGED in run:  # that callback has done nothing yet
        new[run[UNLOGGED]] = flat(old)[run[UNLOGGED]]
    difference = _first_difference(flat(old), new)
    if difference:
        raise InputError(
            f"run_dir={path} holds a run of another configuration ({difference}): give the same "
            "command to resume it, or choose another folder"
        )
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
    if run and run["machine"]["precision"] != (precision := precision_of(config.trainer)):
        raise InputError(
            f"run_dir={path} was trained in precision {run['machine']['precision']}, and "
            f"trainer.precision={config.trainer.precision} is {precision} here: give "
            f"trainer.precision={run['machine']['precision']} to resume it, or another folder"
        )
    return run
