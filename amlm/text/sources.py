"""From the ``data.sources`` of a configuration to the corpora of its two splits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from amlm.config.components import typed_options
from amlm.config.options import check_ranges
from amlm.config.schema import DataConfig, SourceConfig
from amlm.text.corpora import Corpus, FileCorpus, HubCorpus, PartCorpus, SampleCorpus
from amlm.text.mix import REST
from amlm.text.readers import HUB
from amlm.util.errors import InputError
from amlm.util.nearest import nearest

SAMPLE = "sample:"
SAMPLE_DEV_SHARE = 0.1
SPLIT_FILE = re.compile(r"(?P<name>.+)\.(?P<split>train|dev)(?:\.txt)?(?:\.(?:gz|bz2|xz|zst))?")


def typed_source(given: Any, name: str) -> SourceConfig:
    """An entry of ``data.sources`` with its types; raises InputError."""
    if isinstance(given, SourceConfig):
        return given
    where = f"data.sources.{name}"
    if not isinstance(given, Mapping):
        raise InputError(f"{where}={given} is not a source: give {where}.path=<file or folder>")
    source = SourceConfig(**typed_options(SourceConfig, given, where))
    check_ranges(source, f"{where}.")
    return source


def _split_files(folder: Path, split: str, said: str) -> dict[str, Path]:
    """The ``<source>.<split>`` files in and below a folder, by source."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        match = SPLIT_FILE.fullmatch(path.name)
        if not match or match["split"] != split or not path.is_file():
            continue
        if match["name"] in found:
            raise InputError(
                f"{said}={folder} has several files named {path.name}: point it at a folder with "
                "one training and one development split"
            )
        found[match["name"]] = path
    return found


def _files(path: str, said: str) -> tuple[Path, ...]:
    place = Path(path).expanduser()
    if place.is_file():
        return (place,)
    if any(mark in place.name for mark in "*?["):
        found = tuple(sorted(each for each in place.parent.glob(place.name) if each.is_file()))
        if found:
            return found
    raise InputError(f"{said}={place} is neither a file nor a folder, and matches no file")


def _hub(name: str, source: SourceConfig, address: str, split: str) -> HubCorpus:
    dataset, _, said = address.removeprefix(HUB).partition("#")
    return HubCorpus(name, source, dataset, said or split)


def _of_path(
    name: str, source: SourceConfig, path: str, split: str, said: str
) -> dict[str, Corpus]:
    """The corpora of one split at a path, by name."""
    if path.startswith(HUB):
        return {name: _hub(name, source, path, {"dev": "validation"}.get(split, split))}
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return {name: FileCorpus(name, source, _files(path, said))}
    return {
        each: FileCorpus(each, source, (file,))
        for each, file in _split_files(folder, split, said).items()
    }


def _of_source(
    name: str, source: SourceConfig, config: DataConfig
) -> tuple[dict[str, Corpus], dict[str, Corpus]]:
    """The training and the held-out corpora of one source, by name."""
    path = source.path
    if path is None:
        if name == "babylm":
            raise InputError(
                "data=babylm needs data.dir=<folder with the *.train and *.dev files>, and so does "
                "data=paper"
            )
        if name == "triplets":
            raise InputError(
                "data=paper needs data.triplets=<file>: `python -m amlm.data triplets` makes one"
            )
        raise InputError(f"data.sources.{name}.path=<file, folder or hub:owner/name> is needed")
    if path == SAMPLE:
        dev_words = int(config.sample_words * SAMPLE_DEV_SHARE)
        train = SampleCorpus(name, "train", config.sample_words)
        dev = SampleCorpus(name, "dev", dev_words, apart_from=config.sample_words)
        return {name: train}, {name: dev}
    said = "data.dir" if path == config.dir else f"data.sources.{name}.path"
    trained = _of_path(name, source, path, "train", said)
    for each in source.exclude:
        if each not in trained:
            raise InputError(
                f"data.sources.{name}.exclude={each} is not in {path}{nearest(each, trained)}: "
                f"there are {', '.join(trained)}"
            )
        del trained[each]
    if not trained:
        raise InputError(
            f"{said}={path} has no *.train file in it or below: expected <source>.train, for "
            "example childes.train, as in the BabyLM release"
        )
    if source.dev is not None:
        where = f"data.sources.{name}.dev"
        held_out = _of_path(name, source, source.dev, "dev", where)
        if not held_out:
            raise InputError(f"{where}={source.dev} has no *.dev file in it or below")
        return trained, {k: v for k, v in held_out.items() if k not in source.exclude}
    folder = Path(path).expanduser()
    beside = _of_path(name, source, path, "dev", said) if folder.is_dir() else {}
    held_out = {}
    for each, whole in trained.items():
        if each in beside:
            held_out[each] = beside[each]
            continue
        if not config.holdout:
            missing = (
                f"no {each}.dev beside {each}.train" if folder.is_dir() else "no held-out text"
            )
            raise InputError(
                f"{said}={path} has {missing}: every source is validated on its own. Give "
                f"data.sources.{name}.dev=<held-out text>, or data.holdout=0.01 to hold out 1 %"
            )
        part = PartCorpus(each, whole, config.holdout, config.seed, held_out=True)
        held_out[each], trained[each] = part, replace(part, held_out=False)
    return trained, held_out


def find_corpora(config: DataConfig) -> dict[str, list[Corpus]]:
    """The corpora of the ``train`` and ``dev`` splits; nothing is read yet.

    Raises:
        InputError: a source is missing, has no training or no held-out text, two sources share a
            name, or a share names none.
    """
    if not config.sources:
        raise InputError("data.sources is empty: choose data=sample or data=babylm, or name some")
    sources = {name: typed_source(each, name) for name, each in config.sources.items()}
    if config.dir and all(source.path != config.dir for source in sources.values()):
        raise InputError(f"data.dir={config.dir} is given but no source reads it: add data=babylm")
    splits: dict[str, dict[str, Corpus]] = {"train": {}, "dev": {}}
    for name, source in sources.items():
        for split, found in zip(splits, _of_source(name, source, config), strict=True):
            for each, corpus in found.items():
                if each in splits[split]:
                    raise InputError(
                        f"data.sources.{name} has a source named {each}, and so has another: "
                        "rename its file, or the entry of data.sources"
                    )
                splits[split][each] = corpus
    train, dev = splits["train"], splits["dev"]
    for name in config.shares:
        if name not in train and name != REST:
            raise InputError(
                f"data.shares.{name} names no source{nearest(name, train)}: there are "
                f"{', '.join(train)}, and {REST} for all others"
            )
    if config.shares and not config.shares.get(REST):
        # Held-out text goes with its source; what has a name of its own was asked for.
        dev = {k: v for k, v in dev.items() if config.shares.get(k) or k not in train}
        train = {k: v for k, v in train.items() if config.shares.get(k)}
    return {"train": list(train.values()), "dev": list(dev.values())}
