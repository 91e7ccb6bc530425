"""Sweeps: all runs are checked before the first, every form of sweep is parsed as by Hydra, and a
sweeper gets the objective that a run returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
import yaml

from amlm.config import sweeps
from amlm.config.command import Command
from amlm.config.command_line import check_command, run
from amlm.config.composition import composer
from amlm.config.groups import conf_dir
from amlm.config.options import option
from amlm.config.place import place
from amlm.config.schema import Config
from amlm.train import COMMAND as TRAIN
from amlm.util.errors import InputError


@dataclass
class Options:
    x: float = option(0.0, "a number", ge=-2, le=4)
    n: int = option(1, "a whole number", ge=1)
    kind: str = option("a", "a word", choices=("a", "b"))


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Options]]:
    monkeypatch.chdir(tmp_path)  # a sweep writes a file
    yield []


def runs_of(*overrides: str) -> list[list[str]]:
    with composer(Config, "config") as made:
        return list(sweeps.runs(made.parse(overrides)))


def test_runs_expands_every_form_of_sweep() -> None:
    assert runs_of("seed=3") == [["seed=3"]]
    assert runs_of("seed=0,1", "name=a") == [["seed=0", "name=a"], ["seed=1", "name=a"]]
    assert runs_of("name=choice(a,b)") == [["name=a"], ["name=b"]]
    assert runs_of("seed=range(1,7,3)") == [["seed=1"], ["seed=4"]]
    assert runs_of("masking/signal=glob([h*,so*,u*],exclude=u*)") == [
        ["masking/signal=hard"],
        ["masking/signal=soft"],
    ]
    assert runs_of("optimizer.lr=interval(1e-3,0.1)") == [
        ["optimizer.lr=0.001"],
        ["optimizer.lr=0.1"],
    ]
    assert runs_of("seed=int(interval(1,5))") == [["seed=1"], ["seed=5"]]


def test_glob_matches_choices_in_config_dir(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    for name in ("mine_a", "mine_b"):
        (tmp_path / "experiment" / f"{name}.yaml").write_text(
            f"# @package _global_\nname: {name}\n"
        )
    with composer(Config, "config", str(tmp_path)) as made:
        found = list(sweeps.runs(made.parse(["experiment=glob(mine*)"])))
    assert found == [["experiment=mine_a"], ["experiment=mine_b"]]


def test_runs_truncates_huge_sweeps() -> None:
    found = runs_of("seed=range(0,1000000000)", "name=a,b")
    assert len(found) == sweeps.CHECKED_RUNS


def test_check_command_checks_every_run_of_a_sweep() -> None:
    def check(*overrides: str) -> None:
        check_command(TRAIN, overrides, multirun=True)

    check("experiment=mlm,hard,soft", "seed=0,1")
    with pytest.raises(InputError, match="did you mean hard"):
        check("experiment=mlm,hrad", "seed=0,1")
    with pytest.raises(InputError, match="seed=-3"):
        check("experiment=mlm,hard", "seed=0,1,-3")
    with pytest.raises(
        InputError, match=r"masking/signal=glob\(x\*\) matches nothing to sweep over"
    ):
        check("masking/signal=glob(x*)")


def test_check_command_checks_combinations_and_devices() -> None:
    # Each value is valid with the first of the others; one combination is not.
    sweep = ["trainer.accumulate=1,32", "data.tokens_per_step=2048,1024"]
    with pytest.raises(InputError, match=r"data\.tokens_per_step=1024"):
        check_command(TRAIN, sweep, multirun=True)
    check_command(TRAIN, ["seed=0,1", "trainer.devices=2"], multirun=True)


def test_a_launcher_cannot_start_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(InputError, match=r"a sweep in 2 processes of torchrun.*trainer\.devices"):
        check_command(TRAIN, ["seed=0,1"], multirun=True)


@pytest.mark.parametrize("override", ["seed=0,1", "seed=range(0,2)", "optimizer.lr=interval(1,2)"])
def test_a_sweep_without_multirun_is_refused(override: str) -> None:
    for only_compose in (False, True):  # as with --cfg
        with pytest.raises(InputError, match="is a sweep: add --multirun"):
            check_command(TRAIN, [override], only_compose=only_compose)


def test_the_basic_sweeper_refuses_an_interval() -> None:
    with pytest.raises(InputError, match=r"an interval needs a sweeper .*amlm\[optuna\]"):
        check_command(TRAIN, ["optimizer.lr=interval(1e-3,1e-2)"], multirun=True)


def test_a_sweep_defined_in_yaml_is_checked(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "grid.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      seed: 0,-1\n"
    )
    with pytest.raises(InputError, match="seed=-1"):
        check_command(TRAIN, ["experiment=grid"], config_dir=str(tmp_path))


@pytest.fixture
def grid(tmp_path: Path) -> str:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        "      seed: 3,4\n      experiment: mlm,hard\n"
    )
    return str(tmp_path)


def test_a_named_sweep_runs_its_grid_in_its_folder(grid: str) -> None:
    found = check_command(TRAIN, ["sweep=mine", "trainer.max_steps=5"], config_dir=grid)
    given = {"sweep=mine", "trainer.max_steps=5", "run_dir=${paths.outputs}/multirun/mine"}
    assert found[:2] == ["seed=3,4", "experiment=mlm,hard"]  # in the file's order
    assert {*found[2:]} == given | {"hydra.sweeper.params=null"}


def test_the_command_line_overrides_the_grid_of_a_named_sweep(grid: str) -> None:
    found = check_command(TRAIN, ["seed=7", "sweep=mine", "run_dir=here"], config_dir=grid)
    assert found[:2] == ["seed=7", "experiment=mlm,hard"] and found.count("seed=7") == 1
    assert [each for each in found if each.startswith("run_dir=")] == ["run_dir=here"]
    with pytest.raises(InputError, match="seed=-1"):
        check_command(TRAIN, ["sweep=mine", "seed=0,-1"], config_dir=grid)


def test_multirun_names_a_sweep_of_ones_own() -> None:
    found = check_command(TRAIN, ["seed=0,1", "sweep=first"], multirun=True)
    assert found == ["seed=0,1", "run_dir=${paths.outputs}/multirun/first"]
    with pytest.raises(InputError, match=r"sweep=a/b names a folder: use letters"):
        check_command(TRAIN, ["seed=0,1", "sweep=a/b"], multirun=True)
    with pytest.raises(InputError, match=r"sweep=stduy is not a named sweep \(did you mean study"):
        check_command(TRAIN, ["sweep=stduy"])
    with pytest.raises(InputError, match=r"With --multirun and values to sweep over"):
        check_command(TRAIN, ["sweep=stduy", "seed=1"], multirun=True)


def placed(*overrides: str) -> Config:
    with composer(Config, "config") as made:
        cfg = made.compose(overrides)
        config: Config = made.build(cfg, overrides)
        place(config, cfg.hydra, multirun=True)
    return config


def test_frozen_masks_by_the_table_of_its_seed_in_the_sweep(tmp_path: Path) -> None:
    same = ["seed=3", "data.dir=a/b", f"run_dir={tmp_path / 'first'}"]
    adaptive = placed("experiment=hard_decay", *same)
    frozen = placed("experiment=frozen", *same)
    assert frozen.masking.signal["path"] == adaptive.run_dir != frozen.run_dir
    given = tmp_path / "first" / "mine.tsv"
    given.parent.mkdir()
    given.touch()
    kept = placed("experiment=frozen", *same, f"masking.signal.path={given}")
    assert kept.masking.signal["path"] == str(given)


def test_frozen_finds_the_table_of_its_sweep() -> None:
    overrides = ["experiment=hard_decay,frozen", "seed=0,1", "sweep=first"]
    check_command(TRAIN, overrides, multirun=True)  # hard_decay has not run yet
    with pytest.raises(InputError, match=r"multirun/first/hard_decay does not exist: give a"):
        check_command(TRAIN, ["experiment=frozen", "run_dir=outputs/multirun/first"])


def test_folders_say_what_a_sweep_varies_and_an_extended_sweep_finds_them(tmp_path: Path) -> None:
    constant = [
        "+callbacks.stop._target_=lightning.pytorch.callbacks.EarlyStopping",
        "+callbacks.stop.monitor=validation/loss",
        f"run_dir={tmp_path / 'lab'}",
    ]

    def folders(*overrides: str) -> list[str]:
        seen: list[Config] = []
        run(Command("amlm.train", "", Config, seen.append), ["-m", *constant, *overrides])
        for each in seen:
            Path(str(each.run_dir)).mkdir(parents=True, exist_ok=True)
        return [Path(str(each.run_dir)).name for each in seen]

    first = folders("masking/signal=soft", "seed=0,1")
    assert [name.partition(",experiment=")[0] for name in first] == ["seed=0", "seed=1"]
    more = folders("masking/signal=soft,pos", "seed=0,1")
    assert more[:2] == first, "they began when the signal was constant"
    starts = [name.partition(",experiment=")[0] for name in more[2:]]
    assert starts == ["seed=0,masking_signal=pos", "seed=1,masking_signal=pos"]
    assert folders("masking/signal=pos", "seed=1") == more[3:]
    assert len([*(tmp_path / "lab").iterdir()]) == 4


def test_a_failed_run_does_not_stop_the_sweep(
    seen: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    def task(options: Options) -> None:
        seen.append(options)
        if options.n == 1:
            raise InputError("no text")

    with pytest.raises(SystemExit) as ended:
        run(Command("amlm.x", "", Options, task), ["-m", "n=1,2"])
    assert ended.value.code and [each.n for each in seen] == [1, 2]
    assert "error: no text" in capsys.readouterr().err


def parabola(options: Options) -> float:
    return (options.x - 1) ** 2 + options.n


def test_optuna_minimises_the_returned_objective(seen: list[Options], tmp_path: Path) -> None:
    def task(options: Options) -> float:
        seen.append(options)
        return parabola(options)

    run(
        Command("amlm.x", "", Options, task),
        [
            *("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=12", "hydra.sweeper.n_jobs=1"),
            *("hydra.sweeper.sampler.seed=1", f"hydra.sweep.dir={tmp_path}", "kind=a,b"),
            *("x=interval(-2,4)", "n=range(1,3)"),
        ],
    )
    assert len(seen) == 12 and {each.kind for each in seen} == {"a", "b"}
    best = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert best["best_value"] == min(map(parabola, seen))
    assert best["best_params"]["n"] == 1


@pytest.mark.parametrize(
    ("override", "part"),
    [("x=interval(-2,5)", "x=5.0"), ("x=interval(-3,0)", "x=-3.0"), ("n=interval(1,5)", "int\\(")],
)
def test_both_ends_of_an_interval_are_checked(override: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        check_command(
            Command("amlm.x", "", Options, print),
            ["hydra/sweeper=optuna", override],
            multirun=True,
        )


def _named(name: str) -> tuple[list[list[str]], set[str]]:
    """The runs of a named sweep, and the experiments among them."""
    overrides = check_command(TRAIN, [f"sweep={name}", "seed=0"])
    found = runs_of(*overrides)
    chosen = {each for run in found for each in run if each.startswith("experiment=")}
    return found, {each.partition("=")[2] for each in chosen}


SWEEPS = {"paper_grid": 12, "decay": 8, "scoring": 8, "units": 7, "nhot": 5, "controls": 6}


@pytest.mark.parametrize("name", SWEEPS)
def test_every_run_of_a_named_sweep_is_valid(name: str) -> None:
    found, experiments = _named(name)  # of one seed: the others differ in nothing else
    assert len(found) == SWEEPS[name]
    grid = yaml.safe_load((conf_dir() / "sweep" / f"{name}.yaml").read_text())["hydra"]["sweeper"]
    assert grid["params"]["seed"] == "0,1,2"
    if name == "paper_grid":  # the product, and no more
        scoring, decay, nhot = ("mlm", "hard", "soft"), ("", "_decay"), ("", "_nhot")
        assert experiments == {"".join(each) for each in product(scoring, decay, nhot)}
    if name == "controls":  # the table that `frozen` needs is made before
        order = grid["params"]["experiment"].split(",")
        assert order[-1] == "frozen" and list(grid["params"]) == ["experiment", "seed"]
