"""``python -m amlm.data download``: BabyLM text and evaluation items, verified and resumable.

The 2026 challenge's release is on the Hugging Face Hub. That of 2025 is on OSF
(https://osf.io/ryjfm): each text is a zip archive, found by its address; the evaluation items are a
folder of files, found by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from amlm.config.command import Command
from amlm.config.options import NEEDED, option
from amlm.text.downloads import osf
from amlm.text.downloads.archive import unpack
from amlm.text.downloads.evaluation_2026 import EWOK, ITEMS, fetch_evaluation
from amlm.text.downloads.hub_repository import fetch_repository
from amlm.text.downloads.pins import SUMS_FILE, note_sums, pinned, read_sums
from amlm.text.downloads.remote import Unreachable, fetch, path_in
from amlm.util.errors import InputError
from amlm.util.nearest import nearest
from amlm.util.terminal import say

HUB = "hub:"


class HubSource(NamedTuple):
    """A part of the release of 2026."""

    about: str
    layout: str  # the resulting files
    repository: str


class Source(NamedTuple):
    """A part of the release of 2025."""

    about: str
    layout: str  # the resulting files
    guid: str  # five letters of the address of its archive, or of the project
    path: tuple[str, ...]  # the archive's name, or names from the root of the project's storage


def _text(about: str, guid: str, folder: str, ending: str) -> Source:
    return Source(about, f"{folder}/<source>.{ending}", guid, (f"{folder}.zip",))


def _items(about: str, folder: str) -> Source:
    return Source(about, f"{folder}/<task>/...", "ryjfm", ("evaluation_data", folder))


def _text_2026(about: str, track: str) -> HubSource:
    return HubSource(about, "<source>.train.txt", f"BabyLM-community/BabyLM-2026-{track}")


CATALOGUE: dict[str, Source | HubSource] = {
    "strict_small_2026": _text_2026("text of 2026, strict-small track, 10M words", "Strict-Small"),
    "strict_2026": _text_2026("text of 2026, strict track, 100M words", "Strict"),
    "eval_2026": HubSource(
        "evaluation items of 2026, both suites, with GlobalPIQA and EWoK",
        "evaluation_data/<suite>/<task>/...",
        ITEMS,
    ),
    "strict_small": _text(
        "text of 2025, strict-small track, 10M words", "y7djq", "train_10M", "train"
    ),
    "strict": _text("text of 2025, strict track, 100M words", "ywea7", "train_100M", "train"),
    "dev": _text("development text of 2025, all sources", "uyd7v", "dev", "dev"),
    "test": _text("test text of 2025, all sources", "ftwu3", "test", "test"),
    "eval_full": _items("evaluation items of 2025 for a final model", "full_eval"),
    "eval_fast": _items("evaluation items of 2025 for checkpoints", "fast_eval"),
}

ABOUT = "\n".join(
    [
        "Downloads BabyLM text or evaluation items; an interrupted download resumes.",
        "",
        "  what=             files in <out>",
        *(f"  {name:<18}{each.layout}: {each.about}" for name, each in CATALOGUE.items()),
        "  hub:<owner>/<name>[@revision]",
        f"{'':20}all files of a dataset on the Hugging Face Hub, e.g. hub:{EWOK}",
        "",
        "Files are verified against the server's sizes and checksums, and against the SHA-256 sums",
        f"of the first download, which it leaves in <out>/{SUMS_FILE}. For the Hub, @<commit> pins",
        "all contents. Archives are kept next to their contents, so that nothing comes twice.",
        "",
    ]
)


@dataclass
class Download:
    what: str = option(NEEDED, "one of the list above")
    out: str = option(NEEDED, "folder for the files; existing files are not overwritten")
    sums: str | None = option(
        None,
        "file of SHA-256 sums, as sha256sum writes it, that files from OSF must match; null: the "
        f"{SUMS_FILE} that an earlier download left in out",
    )


def download(
    options: Download,
    api: str = osf.API,
    hub: str | None = None,
    say: Callable[[str], None] = say,
) -> None:
    """Downloads and verifies what the folder lacks, unpacks archives, prints the next command.

    ``api`` and ``hub`` are the addresses of OSF's API and of the Hub (None: the default).

    Raises:
        InputError: the name is unknown, the server can't be reached, a file exists with other
            contents, or the disk is full.
    """
    source = CATALOGUE.get(options.what)
    if source is None and not options.what.startswith(HUB):
        hint = nearest(options.what, list(CATALOGUE))
        raise InputError(
            f"what={options.what} is unknown{hint}: use one of {', '.join(CATALOGUE)} or "
            "hub:<owner>/<name>"
        )
    out = Path(options.out).expanduser()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / ".lock", timeout=0):
            if isinstance(source, Source):
                _fetch_source(source, out, options.sums, api, say)
            elif options.what == "eval_2026":
                _report(fetch_evaluation(out, hub, say), out, say)
            else:
                repository = source.repository if source else options.what.removeprefix(HUB)
                _report(fetch_repository(repository, out, hub), out, say)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"out={out} is not a folder, or contains a file in its place") from None
    except Timeout:
        raise InputError(f"out={out} is in use by another download") from None
    for line in _next_steps(options.what, out):
        say(line)


def _fetch_source(
    source: Source, out: Path, given: str | None, api: str, say: Callable[[str], None]
) -> None:
    place = Path(given).expanduser() if given else out / SUMS_FILE
    if given and not place.is_file():
        raise InputError(f"sums={given} is not a file: give one that sha256sum wrote")
    sums = read_sums(place) if place.is_file() else {}
    try:
        files = pinned(osf.find(api, source.guid, source.path), sums, place)
        if unlisted := [each.path for each in files if given and each.path not in sums]:
            raise InputError(f"sums={given} has no line for {unlisted[0]}: add it")
        fetch(files, out)
    except Unreachable as error:
        raise InputError(
            f"{error}. Partial downloads are kept in {out}: repeat the command later. Manually: "
            f"download {'/'.join(source.path)} from https://osf.io/{source.guid}/ and arrange it "
            f"as {out}/{source.layout}"
        ) from error
    note_sums(files, out)
    _report([each.size for each in files], out, say)
    for path in (path_in(out, each.path) for each in files):
        if path.suffix == ".zip" and not unpack(path):
            say(
                f"{path} needs a password and was not unpacked. If it is EWoK: accept the terms "
                f"at https://huggingface.co/datasets/{EWOK}, unpack it with the password in the "
                "README of https://github.com/babylm/evaluation-pipeline-2025, and do not "
                "redistribute the unpacked items"
            )


def _report(sizes: Sequence[int], out: Path, say: Callable[[str], None]) -> None:
    say(f"{len(sizes)} files, {sum(sizes) / 1e6:,.1f} MB, verified: {out}")


def _next_steps(what: str, out: Path) -> list[str]:
    if what.startswith(HUB) or what in ("strict_small_2026", "strict_2026"):
        if not any(out.rglob("*.train.txt")):
            return []
        return [
            "The release of 2026 has no development text: data.holdout=0.01 holds out 1 % of each "
            "source, drawn by data.seed in runs of lines, about 100,000 of 10 million words, and "
            "trains on the rest",
            f"next: python -m amlm.train data=babylm data.dir={out} data.holdout=0.01",
        ]
    if what in ("strict_small", "strict", "dev"):
        train, dev = any(out.rglob("*.train")), any(out.rglob("*.dev"))
        if train and dev:
            return [f"next: python -m amlm.train data=babylm data.dir={out}"]
        other = "dev" if train else "strict_small"
        return [f"next: python -m amlm.data download what={other} out={out}"]
    if what == "eval_full":
        return [
            f"full EWoK is separate: python -m amlm.data download what={HUB}{EWOK} out=<folder>"
        ]
    if what == "eval_2026":
        command = "python -m amlm.evaluate model=<run> data_dir="
        return [
            f"next: {command}{out}/evaluation_data/full_eval suite=full tasks=[...], or",
            f"      {command}{out}/evaluation_data/fast_eval tasks=[...] for checkpoints",
        ]
    return []


COMMAND = Command("amlm.data download", ABOUT, Download, download)
