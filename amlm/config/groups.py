"""The YAML files that options can be chosen from: ours, and those of a user's folder.

Nothing heavy is imported here: ``--help`` must be quick.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from amlm.config.command import RUN_CONFIG


def conf_dir() -> Path:
    """The folder of YAML files: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
    inside = here / "conf"
    return inside if inside.is_dir() else here.parent / "conf"


def groups(folders: Iterable[Path]) -> dict[str, list[str]]:
    """The config groups in some folders, and their choices."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            group = path.parent.relative_to(folder).as_posix()
            if group != "." and path.stem not in found.setdefault(group, []):
                found[group].append(path.stem)
    return found


def groups_of(root: str, config_dir: Path | None = None) -> dict[str, list[str]]:
    """The groups of a command, whose configuration starts from ``root``, and of a user's folder."""
    ours = [conf_dir()] if root == RUN_CONFIG else []
    return groups([*ours, *([config_dir] if config_dir else [])])
