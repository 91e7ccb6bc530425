"""The README against the program: every command in it composes, every name in it exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from amlm.benchmark.bench_options import Options as BenchOptions
from amlm.compare import CompareOptions
from amlm.config.command import RUN_CONFIG
from amlm.config.command_line import check_command
from amlm.config.composition import parse
from amlm.config.groups import groups_of
from amlm.evaluation.evaluate_options import Options as EvaluateOptions
from amlm.export import ExportOptions
from amlm.report.__main__ import ReportOptions
from amlm.text.downloads.download import Download
from amlm.text.synthetic.make_triplets import TripletOptions
from amlm.text.synthetic.synthesize import SynthesizeOptions
from amlm.train import COMMAND as TRAIN

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# With the backslash at its end a line goes on.
LINES = README.replace("\\\n", " ")
COMMANDS = re.findall(r"^python -m amlm\.train (.+?)(?:\s+#.*)?$", LINES, flags=re.M)
PREPARED = re.findall(
    r"^python -m amlm\.data (?:prepare|inspect) (.+?)(?:\s+#.*)?$", LINES, flags=re.M
)
OTHERS = re.findall(
    r"^python -m amlm\.((?:data (?!prepare|inspect)\w+)|export|evaluate|compare|report|bench)"
    r" (.+?)(?:\s+#.*)?$",
    LINES,
    flags=re.M,
)
OPTIONS = {
    "bench": BenchOptions,
    "compare": CompareOptions,
    "data download": Download,
    "data triplets": TripletOptions,
    "data synthesize": SynthesizeOptions,
    "export": ExportOptions,
    "evaluate": EvaluateOptions,
    "report": ReportOptions,
}


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 10


def test_no_number_is_left_to_fill_in() -> None:
    assert "@@" not in README


@pytest.mark.parametrize("command", [*COMMANDS, *PREPARED])
def test_every_command_composes(command: str, tmp_path: Path) -> None:
    for split in ("train", "dev"):
        (tmp_path / f"talk.{split}").write_text("Hello there.\n")
    command = command.replace("text/babylm", str(tmp_path))
    overrides = [word for word in shlex.split(command) if "=" in word]
    check_command(TRAIN, overrides, multirun=" -m " in f" {command} ")


@pytest.mark.parametrize(("name", "options"), OTHERS)
def test_every_option_of_the_other_commands_exists(name: str, options: str) -> None:
    parse(OPTIONS[name], shlex.split(options))


def test_the_example_of_a_mix_composes(tmp_path: Path) -> None:
    example = re.search(r"^```yaml\n(sources:.+?)^```", README, flags=re.M | re.S)
    assert example is not None
    for name in ("babylm/childes", "babylm/simple_wiki"):
        for split in ("train", "dev"):
            path = tmp_path / "text" / f"{name}.{split}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("Hello there.\n")
    (tmp_path / "text" / "news").mkdir()
    (tmp_path / "text" / "news" / "1.jsonl.gz").touch()
    for name in ("text/news.dev.txt", "triplets.jsonl", "triplets.dev.jsonl"):
        (tmp_path / name).touch()
    mine = tmp_path / "mydata" / "data" / "mix.yaml"
    mine.parent.mkdir(parents=True)
    text = example[1].replace("text/", f"{tmp_path}/text/")
    mine.write_text(re.sub(r"(path|dev): triplets", rf"\1: {tmp_path}/triplets", text))
    check_command(TRAIN, ["data=mix"], config_dir=str(tmp_path / "mydata"))


def test_every_experiment_is_in_the_table() -> None:
    table = README.split("## Experiments")[1].split("## Configuration")[0]
    for name in groups_of(RUN_CONFIG)["experiment"]:
        assert f"`{name.removesuffix('_nhot')}`" in table


def test_every_file_of_the_map_exists() -> None:
    names = re.findall(
        r"^((?:amlm|conf|notebooks|tests)/\S*)", README.split("## The map")[1], flags=re.M
    )
    assert len(names) > 8
    assert all((ROOT / name).exists() for name in names)


def test_the_map_has_every_room_and_no_other() -> None:
    rooms = {path.parent.name for path in (ROOT / "amlm").glob("*/__init__.py")}
    said = re.findall(r"^amlm/(\w+)/ ", README.split("## The map")[1], flags=re.M)
    assert len(said) == len(set(said)) and set(said) == rooms


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, flags=re.M):
        assert re.search(rf"^{target}:", makefile, flags=re.M)
