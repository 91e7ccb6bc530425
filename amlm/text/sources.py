"""Finds the corpora of both splits that the ``data`` section of a configuration describes."""

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
from amlm.util.look import files_below, is_visible
from amlm.util.nearest import nearest

SAMPLE = "sample:"
SAMPLE_DEV_SHARE = 0.1
SPLIT_FILE = re.compile(r"(?P<name>.+)\.(?P<split>train|dev)(?:\.txt)?(?:\.(?:gz|bz2|xz|zst))?")


def typed_source(given: Any, name: str) -> SourceConfig:
    """An entry of ``data.sources`` as a `SourceConfig`; raises InputError."""
    if isinstance(given, SourceConfig):
        return given
    where = f"data.sources.{name}"
    if not isinstance(given, Mapping):
        raise InputError(f"{where}={given} is not a source: give {where}.path=<file or folder>")
    source = SourceConfig(**typed_options(SourceConfig, given, where))
    check_ranges(source, f"{where}.")
    return source


def _split_files(folder: Path, split: str, option: str) -> dict[str, Path]:
    """The ``<source>.<split>`` files in a folder and its subfolders, by source."""
    found: dict[str, Path] = {}
    for path in files_below(folder):
        match = SPLIT_FILE.fullmatch(path.name)
        if not match or match["split"] != split:
            continue
        if match["name"] in found:
            raise InputError(
                f"{option}={folder} has several files named {path.name}: choose a folder with one "
                "training and one development split"
            )
        found[match["name"]] = path
    return found


def _files(path: str, option: str) -> tuple[Path, ...]:
    place = Path(path).expanduser()
    if place.is_file():
        return (place,)
    if any(mark in place.name for mark in "*?["):
        hidden = place.name.startswith(".")  # asked for by name
        found = tuple(
            sorted(
                each
                for each in place.parent.glob(place.name)
                if each.is_file() and (hidden or is_visible(each.name))
            )
        )
        if found:
            return found
    raise InputError(f"{option}={place} is neither a file nor a folder, and matches no file")


def _at_path(
    name: str, source: SourceConfig, path: str, split: str, option: str
) -> dict[str, Corpus]:
    """The corpora of one split at a path, by name."""
    if path.startswith(HUB):
        dataset, _, hub_split = path.removeprefix(HUB).partition("#")
        usual_split = "validation" if split == "dev" else split
        return {name: HubCorpus(name, source, dataset, hub_split or usual_split)}
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return {name: FileCorpus(name, source, _files(path, option))}
    return {
        each: FileCorpus(each, source, (file,))
        for each, file in _split_files(folder, split, option).items()
    }


def _corpora_of(
    name: str, source: SourceConfig, config: DataConfig
) -> tuple[dict[str, Corpus], dict[str, Corpus]]:
    """The training and held-out corpora of one source, by name."""
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
    option = "data.dir" if path == config.dir else f"data.sources.{name}.path"
    train_corpora = _at_path(name, source, path, "train", option)
    for each in source.exclude:
        if each not in train_corpora:
            raise InputError(
                f"data.sources.{name}.exclude={each} is not in "
                f"{path}{nearest(each, train_corpora)}: there are {', '.join(train_corpora)}"
            )
        del train_corpora[each]
    if not train_corpora:
        raise InputError(
            f"{option}={path} and its subfolders have no *.train file: expected <source>.train, "
            "for example childes.train, as in the BabyLM release"
        )
    if source.dev is not None:
        where = f"data.sources.{name}.dev"
        held_out = _at_path(name, source, source.dev, "dev", where)
        if not held_out:
            raise InputError(f"{where}={source.dev} and its subfolders have no *.dev file")
        return train_corpora, {k: v for k, v in held_out.items() if k not in source.exclude}
    is_folder = Path(path).expanduser().is_dir()
    dev_files = _at_path(name, source, path, "dev", option) if is_folder else {}
    held_out = {}
    for each, whole in train_corpora.items():
        if each in dev_files:
            held_out[each] = dev_files[each]
            continue
        if not config.holdout:
            if is_folder and not dev_files:  # as in the release of 2026
                missing = f"no *.dev file beside the {len(train_corpora)} *.train files"
            else:
                missing = f"no {each}.dev next to {each}.train" if is_folder else "no held-out text"
            raise InputError(
                f"{option}={path} has {missing}: every source needs its own. Give "
                f"data.sources.{name}.dev=<held-out text>, or data.holdout=0.01 to hold out 1 % of "
                "each source's words and train on the rest"
            )
        part = PartCorpus(each, whole, config.holdout, config.seed, held_out=True)
        held_out[each], train_corpora[each] = part, replace(part, held_out=False)
    return train_corpora, held_out


def find_corpora(config: DataConfig) -> dict[str, list[Corpus]]:
    """The corpora of the ``train`` and ``dev`` splits; reads no text yet.

    Raises:
        InputError: a source is missing or has no training or held-out text, two sources have the
            same name, or a share names none.
    """
    if not config.sources:
        raise InputError("data.sources is empty: choose data=sample or data=babylm, or add sources")
    sources = {name: typed_source(each, name) for name, each in config.sources.items()}
    if config.dir and all(source.path != config.dir for source in sources.values()):
        raise InputError(f"data.dir={config.dir} is given but no source reads it: add data=babylm")
    splits: dict[str, dict[str, Corpus]] = {"train": {}, "dev": {}}
    for name, source in sources.items():
        for split, found in zip(splits, _corpora_of(name, source, config), strict=True):
            for each, corpus in found.items():
                if each in splits[split]:
                    raise InputError(
                        f"data.sources.{name} and another entry both have a source {each}: rename "
                        "its file or the entry of data.sources"
                    )
                splits[split][each] = corpus
    train, dev = splits["train"], splits["dev"]
    for name in config.shares:
        if name not in train and name != REST:
            raise InputError(
                f"data.shares.{name} is no source{nearest(name, train)}: there are "
                f"{', '.join(train)}, and {REST} for all others"
            )
    if config.shares and not config.shares.get(REST):
        # Held-out text is dropped with its source, unless it has a name of its own.
        dev = {k: v for k, v in dev.items() if config.shares.get(k) or k not in train}
        train = {k: v for k, v in train.items() if config.shares.get(k)}
    return {"train": list(train.values()), "dev": list(dev.values())}
