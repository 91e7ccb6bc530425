"""Config groups: the YAML files that options are chosen from, ours and a user's.

Nothing heavy is imported here: ``--help`` must be fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from amlm.config.command import RUN_CONFIG

ALIAS = re.compile(r"(?:#.*\n)*defaults: \[(\w+)\]\n?")  # all that the file of an alias holds


def conf_dir() -> Path:
    """The folder of our YAML files: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def _alias(path: Path) -> str | None:
    found = ALIAS.fullmatch(path.read_text(encoding="utf-8"))
    return found and found[1]


def resolve_alias(group: str, choice: str, folders: Iterable[Path]) -> str:
    """The choice that an alias, e.g. ``masking/sampler=fixed``, stands for; others unchanged."""
    paths = (folder / group / f"{choice}.yaml" for folder in folders)
    path = next(filter(Path.is_file, paths), None)
    return (path and _alias(path)) or choice


def groups_of(root: str, config_dir: Path | None = None) -> dict[str, list[str]]:
    """Config groups and their choices, without aliases.

    Args:
        root: the root configuration; only that of a run has groups of ours.
        config_dir: a user's folder of YAML files.
    """
    found: dict[str, list[str]] = {}
    for folder in (conf_dir() if root == RUN_CONFIG else None, config_dir):
        for path in sorted(folder.rglob("*.yaml")) if folder else []:
            group = path.parent.relative_to(folder).as_posix() if folder else "."
            choices = found.setdefault(group, [])
            if path.stem not in choices and not _alias(path):
                choices.append(path.stem)
    found.pop(".", None)
    return found
