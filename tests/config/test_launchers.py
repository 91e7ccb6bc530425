"""Launchers of sweeps: a run that fails, dies or is stopped, what is said, and each run's share of
the machine. Sweeps of real trainings are in tests/training."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from amlm.config import parallel_launchers
from amlm.config.command import Command, Outcome
from amlm.config.command_line import check_command, run
from amlm.config.options import option
from amlm.config.parallel_launchers import gpus_of
from amlm.config.schema import Config
from amlm.config.sweep_lines import Run, line, names, summary, time_left
from amlm.train import COMMAND as TRAIN
from amlm.util.errors import InputError
from amlm.util.terminal import duration, say


@dataclass
class Options:
    does: str = option("nothing", "what the run does")


def task(options: Options) -> float:
    say(f"does {options.does}")
    if options.does == "lack":
        raise InputError("no text: give data.dir=")
    if options.does == "break":
        raise KeyError("a bug")
    if options.does == "exit":
        raise SystemExit(3)
    if options.does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if options.does == "stop":
        raise SystemExit(128 + signal.SIGTERM)
    if options.does == "stop_all":
        sweep = multiprocessing.parent_process()
        assert sweep is not None and sweep.pid is not None
        os.kill(sweep.pid, signal.SIGTERM)
        time.sleep(60)
    return 1.0


COMMAND = Command("amlm.x", "", Options, task)


def sweep(folder: Path, *overrides: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(COMMAND, ["-m", f"hydra.sweep.dir={folder}", *overrides])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_runs_that_fail_do_not_stop_the_others_and_are_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path, "does=lack,work,break,exit,rest") == 1
    said = capsys.readouterr()
    lines = re.sub(r"\d+ s\b", "0 s", said.out).splitlines()
    assert lines[:4] == [
        *("does lack", "run 1 of 5 failed: does=lack"),
        *("does work", "run 2 of 5 finished (0 s): does=work; about 0 s left"),
    ]
    assert lines[-6:] == [
        "sweep    5 runs: 2 finished, 3 failed",
        "  finished  does=work (0 s)",
        "  finished  does=rest (0 s)",
        "  failed    does=lack: no text: give data.dir=",
        "  failed    does=break: KeyError: 'a bug'",
        "  failed    does=exit: it ended with status 3",
    ]
    assert "error: no text: give data.dir=\n" in said.err and "Traceback" in said.err


def test_a_run_that_a_signal_stops_stops_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path, "does=work,stop,rest") == 128 + signal.SIGTERM
    said = capsys.readouterr().out
    assert "does rest" not in said
    assert "sweep    3 runs: 1 finished, 1 stopped, 1 not started\n" in said


def test_a_parallel_run_that_dies_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path, "does=die,work,lack", "hydra/launcher=parallel") == 1
    said = capsys.readouterr().out
    assert "does work" not in said and (tmp_path / "run-2.txt").read_text() == "does work\n"
    assert "sweep    3 runs: 1 finished, 2 failed\n" in said
    assert "  failed    does=die: it ended with status 137: it was killed, perhaps for want" in said
    output = tmp_path / "run-3.txt"
    assert f"  failed    does=lack: no text: give data.dir= (its output: {output})\n" in said


def test_a_signal_to_a_parallel_sweep_reaches_its_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    more = ("hydra/launcher=parallel", "hydra.launcher.n_jobs=1")
    assert sweep(tmp_path, "does=work,stop_all,rest", *more) == 128 + signal.SIGTERM
    assert "3 runs: 1 finished, 1 stopped, 1 not started\n" in capsys.readouterr().out
    assert handlers == {each: signal.getsignal(each) for each in handlers}


def test_the_options_of_a_launcher_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*overrides: str) -> None:
        check_command(TRAIN, ["seed=0,1", *overrides], multirun=True)

    with pytest.raises(InputError, match=r"hydra\.launcher\.n_jobs=0: use a whole number from 1"):
        check("hydra/launcher=parallel", "hydra.launcher.n_jobs=0")
    monkeypatch.setattr(parallel_launchers, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"hydra/launcher=ray needs Ray: pip install 'amlm\[ray\]"):
        check("hydra/launcher=ray")


def test_runs_at_once_share_cores_and_gpus() -> None:
    four = ["0", "1", "2", "3"]
    assert [gpus_of(slot, 2, four) for slot in range(2)] == [["0", "1"], ["2", "3"]]
    assert [gpus_of(slot, 6, four) for slot in range(6)] == [[each] for each in "012301"]
    assert gpus_of(1, 2, []) == []
    config = Config()
    parallel_launchers._set_threads(config, 4)
    assert config.trainer.threads == 4
    parallel_launchers._set_threads(config, 1)
    assert config.trainer.threads == 4  # given
    config.trainer.threads, config.trainer.devices = 0, 2
    parallel_launchers._set_threads(config, 4)
    assert config.trainer.threads == 2


def ended(name: str, seconds: float, word: str = "finished", whole: bool = True) -> Run:
    return Run(name, whole, 0.0, seconds, Outcome(word))


def test_time_left_is_worked_out_from_the_finished_runs() -> None:
    runs = [ended("a", 100), ended("b", 200), ended("c", 1, "failed"), ended("d", 1, "skipped")]
    assert time_left(runs[2:], 8, 1, now=0) is None
    assert time_left(runs, 8, 1, now=0) == 150 * 4
    assert time_left([*runs, ended("e", 2, whole=False)], 8, 1, now=0) == 150 * 3  # a resumed one
    running = [*runs, Run("f", started=900), Run("g", started=970)]
    assert time_left(running, 8, 2, now=1000) == (150 * 4 - 100 - 30) / 2
    assert time_left(running, 6, 2, now=1000) == 120  # until the later of the two ends
    assert time_left(running, 6, 2, now=9000) == 0


def test_lines_name_a_run_by_what_distinguishes_it() -> None:
    grid = [["a=1", "data.dir=x", "seed=0"], ["a=1", "data.dir=x", "seed=1"]]
    assert names(grid, ["data.dir=x", "seed=0,1"]) == ["seed=0", "seed=1"]
    assert names([["lr=0.01", "data.dir=x"]], ["data.dir=x"]) == ["lr=0.01"]
    runs = [ended("seed=0", 13_200), ended("seed=1", 20, "skipped"), Run("seed=2")]
    assert line(runs[0], runs[:1], 2, 1) == (
        "run 1 of 2 finished (3 h 40 min): seed=0; about 3 h 40 min left"
    )
    assert line(runs[1], runs[:2], 2, 1) == "run 2 of 2 skipped, it had finished: seed=1"
    assert summary(runs, 4, "do it again").splitlines() == [
        "sweep    4 runs: 1 finished, 1 skipped, 2 not started",
        "  finished  seed=0 (3 h 40 min)",
        "  skipped   seed=1",
        "  do it again",
    ]
    assert [duration(each) for each in (5, 59.7, 3590, 7260)] == [
        "5 s", "60 s", "1 h 0 min", "2 h 1 min"
    ]  # fmt: skip
