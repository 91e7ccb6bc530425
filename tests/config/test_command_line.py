"""The command line, as a process and as a function: `--help` and its imports, exit statuses, error
messages; the same flags for `amlm.train` and for a small command."""

from __future__ import annotations

import io
import os
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from amlm.config.command import RUN_CONFIG, Command
from amlm.config.command_line import run
from amlm.config.groups import groups_of
from amlm.config.options import NEEDED, option, options
from amlm.config.schema import Config
from amlm.training.check_run import check_run
from amlm.util.errors import InputError
from amlm.util.terminal import say

MODULES: dict[str, list[list[str]]] = {  # arguments of each command, by module
    "amlm.train": [[]],
    "amlm.evaluate": [[]],
    "amlm.export": [[]],
    "amlm.compare": [[]],
    "amlm.report": [[]],
    "amlm.bench": [[]],
    "amlm.data": [[], ["prepare"], ["inspect"], ["download"], ["triplets"], ["synthesize"]],
}
COMMANDS = [(module, words) for module, calls in MODULES.items() for words in calls]
HEAVY = (
    "torch",
    "transformers",
    "lightning",
    "hydra",
    "omegaconf",
    "pandas",
    "scipy",
    "matplotlib",
)
IMPORTED_BY_HELP = f"""
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as ended:
    assert not ended.code
print("imported:", *(name for name in {HEAVY} if name in sys.modules))
"""


def in_a_process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd)


@dataclass
class Options:
    out: str = option(NEEDED, "where to")
    count: int = option(3, "how many", ge=1)
    tasks: list[str] = option([], "which")


def output_of(
    command: Command[Options], *arguments: str, capsys: pytest.CaptureFixture[str]
) -> str:
    run(command, arguments)
    return capsys.readouterr().out


@pytest.mark.parametrize(("module", "words"), COMMANDS)
def test_help_imports_nothing_heavy(module: str, words: list[str]) -> None:
    done = in_a_process("-c", IMPORTED_BY_HELP, module, *words, "--help")
    assert done.returncode == 0, done.stderr
    assert f"python -m {' '.join([module, *words])}" in done.stdout
    assert done.stdout.endswith("imported:\n")


@pytest.mark.parametrize("module", ["amlm.train", "amlm.evaluate"])
def test_help_is_fast(module: str) -> None:
    def seconds() -> float:  # of CPU: other processes of the machine do not count
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = []
    for _ in range(3):
        start = seconds()
        assert in_a_process("-m", module, "--help").returncode == 0
        times.append(seconds() - start)
    assert 0 < min(times) < 0.5


def test_help_of_train_names_every_option_and_choice(capsys: pytest.CaptureFixture[str]) -> None:
    run(Command("amlm.train", "Trains.", Config, print), ["--help"])
    text = capsys.readouterr().out
    assert all(f"  {name}=" in text for name, _, _ in options(Config()))
    assert all(choice in text for found in groups_of(RUN_CONFIG).values() for choice in found)


def test_help_shows_meaning_range_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output_of(Command("amlm.x", "About x.", Options, print), "-h", capsys=capsys)
    assert "python -m amlm.x [option=value ...]" in shown and "About x." in shown
    for text in ("out=...", "where to", "count=3", "how many [at least 1]", "tasks=[]"):
        assert text in shown
    assert "--multirun" in shown and "--config-dir" in shown and "Groups" not in shown


def test_help_shows_the_values_of_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command("amlm.x", "About x.", Options, print)
    shown = output_of(command, "tasks=[a,b]", "--help", capsys=capsys)
    assert "tasks=[a, b]" in shown and "out=..." in shown
    shown = output_of(command, "-m", "count=5,6", "--help", capsys=capsys)
    assert "count=5" in shown  # of a sweep the first run


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_help_is_written_to_a_terminal_of_any_encoding(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "amlm.train", "--help"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0 and done.stderr == b""
    assert rb"\u03bb, weight of the old table" in done.stdout


def test_output_that_the_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1"))
    run(Command("amlm.x", "", Options, lambda found: say(found.out)), ["out=▁the \udcff é"])
    assert raw.getvalue() == b"\\u2581the \\udcff \xe9\n"


def test_a_pipe_that_is_closed_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        for _ in range(2):
            say("a line")


def test_help_into_a_closed_pipe_is_no_error() -> None:
    code = f"{sys.executable} -m amlm.train --help | head -n 1"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True)
    assert done.stderr == "" and done.stdout.startswith("python -m amlm.train")


def test_cfg_shows_the_configuration_without_running(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command("amlm.x", "About x.", Options, lambda _: pytest.fail("ran"))
    shown = output_of(command, "tasks=[a]", "--cfg", "job", capsys=capsys)
    assert shown == "out: ???\ncount: 3\ntasks:\n- a\n"
    with pytest.raises(SystemExit):
        output_of(command, "cuont=2", "--cfg", "job", capsys=capsys)
    assert capsys.readouterr().err == "error: unknown option cuont (did you mean count?)\n"


def test_config_dir_can_hold_a_root_configuration_of_a_small_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("defaults:\n  - x\n  - _self_\nout: here\ncount: 7\n")
    seen: list[Options] = []
    where = ["--config-dir", str(tmp_path), "--config-name", "mine"]
    run(Command("amlm.x", "", Options, seen.append), ["tasks=[a]", *where])
    assert seen == [Options("here", 7, ["a"])]


@pytest.mark.parametrize("flag_at", [0, 1, 2])  # Hydra's own parser takes no flag in between
def test_multirun_sweeps_a_small_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag_at: int
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Options] = []
    arguments = ["out=a,b", "count=range(1,3)"]
    arguments.insert(flag_at, "-m")
    run(Command("amlm.x", "", Options, seen.append), arguments)
    assert seen == [Options(out, count) for out in ("a", "b") for count in (1, 2)]


def test_hydra_leaves_no_files_and_sys_argv_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = list(sys.argv)
    run(Command("amlm.x", "", Options, lambda _: None), ["out=a"])
    assert list(tmp_path.iterdir()) == [] and sys.argv == argv


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        (InputError("this and that"), 2, "error: this and that\n"),
        (PermissionError(13, "Permission denied", "f"), 2, "error: [Errno 13] Permission denied"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_user_errors_end_with_one_line_and_a_status(
    raised: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def task(_: Options) -> None:
        raise raised

    with pytest.raises(SystemExit) as ended:
        run(Command("amlm.x", "", Options, task), ["out=a"])
    assert ended.value.code == status
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count=2"], r"unrecognized arguments: --count=2 \(options are written option=value"),
        (
            ["--cfg", "jbo"],
            r"argument --cfg/-c: invalid choice: 'jbo' \(choose from [a-z', ]*\)\n$",
        ),
        (["--config-path", "x"], "--config-path is not supported: use --config-dir"),
        (["count=2"], "out=... is required: where to"),
    ],
)
def test_unsupported_flags_and_missing_options_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(Command("amlm.x", "", Options, print), arguments)
    assert ended.value.code == 2
    assert re.match(f"error: {message}", capsys.readouterr().err)


def test_an_unknown_option_exits_with_a_hint_and_no_files(tmp_path: Path) -> None:
    done = in_a_process("-m", "amlm.train", "trainer.max_step=2", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "error: unknown option trainer.max_step (did you mean trainer.max_steps?)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_free_sections_take_new_keys_without_a_plus(tmp_path: Path) -> None:
    """`data.shares=...` as typed by a user; Hydra alone requires a plus."""
    path = tmp_path / "ä.txt"
    path.write_text("one two\n")
    typed_by_user = [
        "data.shares={mine: 0.5, sample: 0.5}",
        f"data.sources.mine.path={path}",
        f"data.sources.mine.dev={path}",
        "data.cleaning.mine.short_lines=false",
        "masking.replacement.random=0.2",
    ]
    seen: list[Config] = []
    run(Command("amlm.train", "", Config, seen.append, check_run), typed_by_user)
    assert seen[0].data.shares == {"mine": 0.5, "sample": 0.5}
    assert seen[0].data.sources["mine"] == {"path": str(path), "dev": str(path)}
    assert seen[0].data.cleaning["mine"] == {"short_lines": False}
    assert seen[0].masking.replacement["random"] == 0.2
