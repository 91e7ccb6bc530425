"""The options of the small commands, against what a user would type and mistype."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from amlm.config import small_commands as commands
from amlm.config.options import option
from amlm.util.errors import InputError


@dataclass
class Options:
    out: str = option(commands.NEEDED, "where to")
    count: int = option(3, "how many", ge=1)
    share: float | None = option(None, "a share", gt=0, le=1)
    tasks: list[str] = option(["a"], "which", choices=("a", "b"))


def test_values_are_yaml_with_the_types_of_the_fields() -> None:
    made = commands.parse(Options, ["out=x y", "count=5", "share=0.5", "tasks=[b,a]"])
    assert made == Options(out="x y", count=5, share=0.5, tasks=["b", "a"])
    assert commands.parse(Options, ["out=x"]) == Options(out="x")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["out=... is needed", "where to"]),
        (["out=x", "cuont=2"], ["unknown option cuont", "did you mean count?"]),
        (["out=x", "count"], ["'count'", "option=value"]),
        (["out=x", "count=two"], ["count", "two"]),
        (["out=x", "count=0"], ["count=0", "at least 1"]),
        (["out=x", "share=nan"], ["share=nan"]),
        (["out=x", "tasks=[a,c]"], ["tasks=c", "one of a, b"]),
        (["out=x", "tasks=[a"], ["tasks=[a"]),
        (["out=x", "tasks=b"], ["tasks: is a list: tasks=[b]"]),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], parts: list[str]) -> None:
    with pytest.raises(InputError) as error:
        commands.parse(Options, arguments)
    assert all(part in str(error.value) for part in parts), error.value


def test_a_wrong_option_ends_the_program_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.run("amlm.x", "About x.", Options, print, ["out=x", "count=0"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: count=0")


def test_help_shows_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    commands.run("amlm.x", "About x.", Options, print, ["--help"])
    shown = capsys.readouterr().out
    assert "python -m amlm.x option=value" in shown and "About x." in shown
    for text in ("out=...", "where to", "count=3", "[at least 1]", "share=null"):
        assert text in shown
