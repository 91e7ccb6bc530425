"""The project's files against each other: versions, locked dependencies, rooms and their tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import amlm

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROOMS = sorted(path.parent.name for path in (ROOT / "amlm").glob("*/__init__.py"))


def locked() -> dict[str, Requirement]:
    lines = re.findall(r"^([a-z0-9].*?)(?: \\)?$", LOCK, flags=re.M)
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


def test_the_version_is_the_same_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = {
        "pyproject.toml": PROJECT["project"]["version"],
        "CITATION.cff": re.findall(r"^version: (\S+)$", citation, flags=re.M)[0],
        "CHANGELOG.md": re.findall(r"^## (\S+)", changelog, flags=re.M)[0],
    }
    assert found == dict.fromkeys(found, amlm.__version__)


def test_every_dependency_is_locked_in_its_range() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    assert set(Requirement(extras["dev"][0]).extras) == set(extras) - {"dev"}
    direct = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    versions = locked()
    for needed in map(Requirement, direct):
        if needed.name in ("torch", "triton", "amlm"):
            continue
        (pin,) = versions[canonicalize_name(needed.name)].specifier
        assert pin.operator == "==" and needed.specifier.contains(pin.version), needed


def test_torch_and_its_libraries_are_left_to_the_package_index() -> None:
    project = PROJECT["project"]
    torch = next(each for each in project["dependencies"] if each.startswith("torch>"))
    (triton,) = project["optional-dependencies"]["triton"]
    constraints = (ROOT / "constraints.txt").read_text()
    for needed in map(Requirement, (torch, triton)):
        (line,) = re.findall(rf"^{needed.name}==(\S+)$", constraints, flags=re.M)
        assert needed.specifier.contains(line)
    assert not re.search(r"^(torch|triton|nvidia-\S+|cuda-\S+)==", LOCK, flags=re.M)


def test_the_lock_has_hashes_for_all_and_names_no_index() -> None:
    # Each requirement is a line that goes on in lines of hashes.
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.M)[1:]
    assert len(entries) == len(locked()) > 80
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK and "-index" not in LOCK


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_tests_and_its_place(room: str) -> None:
    assert any((ROOT / "tests" / room).rglob("test_*.py"))
    assert re.search(rf"^amlm/{room}/ ", README.split("## The map")[1], flags=re.M)


def test_what_contributing_names_exists() -> None:
    names = re.findall(r"`((?:amlm|conf|tests)/[\w/.]+)`", CONTRIBUTING)
    assert len(names) > 20
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_types_are_for_users_too() -> None:
    assert (ROOT / "amlm" / "py.typed").is_file()
