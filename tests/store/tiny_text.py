"""A text of two short files, and what tests of stores share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from amlm.config.schema import DataConfig, TokenizerConfig

Write = Callable[[Path, Mapping[str, str | bytes]], Path]


MakeConfig = Callable[..., DataConfig]


TINY = {"a.train": "one two three\nfour five\n" * 20, "a.dev": "one two\nsix\n"}


def up_to(types: int) -> TokenizerConfig:
    return TokenizerConfig(vocab_size=types)


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
