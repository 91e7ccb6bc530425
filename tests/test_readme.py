"""The README against the program: every command in it composes, every name in it exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from amlm.cli import check_command, groups, register_schema

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m amlm\.train (.+?)(?:\s+#.*)?$", README, flags=re.M)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 10


def test_no_number_is_left_to_fill_in() -> None:
    assert "@@" not in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes(command: str, tmp_path: Path) -> None:
    register_schema()
    for split in ("train", "dev"):
        (tmp_path / f"talk.{split}").write_text("Hello there.\n")
    command = command.replace("path/to/babylm", str(tmp_path))
    overrides = [word for word in shlex.split(command) if "=" in word]
    check_command(overrides, multirun=" -m " in f" {command} ")


def test_every_experiment_is_in_the_table() -> None:
    table = README.split("## Experiments")[1].split("## Configuration")[0]
    for name in groups()["experiment"]:
        assert f"`{name.removesuffix('_nhot')}`" in table


def test_every_file_of_the_map_exists() -> None:
    names = re.findall(r"^((?:amlm|conf|tests)/\S*)", README.split("## The map")[1], flags=re.M)
    assert len(names) > 8
    assert all((ROOT / name).exists() for name in names)


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, flags=re.M):
        assert re.search(rf"^{target}:", makefile, flags=re.M)
