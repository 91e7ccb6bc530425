"""Names say what a run is, whatever file it started from; folders of a sweep do not depend on how
or in which order its options were typed."""

from __future__ import annotations

import pytest

from amlm.config.run_name import LONGEST, departures, grid_name, run_name, sweep_key
from amlm.config.schema import flat

MLM = {"masking/signal": "uniform", "masking/schedule": "constant", "model/nhot": "none"}
HARD_DECAY = {"masking/signal": "hard", "masking/schedule": "linear", "model/nhot": "none"}


@pytest.mark.parametrize(
    ("signal", "schedule", "nhot", "name"),
    [
        ("uniform", "constant", "none", "mlm"),
        ("uniform", "linear", "none", "mlm_decay"),
        ("hard", "constant", "none", "hard"),
        ("soft", "linear", "add", "soft_decay_nhot"),
        ("mine", "cosine", "gate", "mine_cosine_nhot_gate"),
    ],
)
def test_grid_names_say_signal_schedule_and_nhot(
    signal: str, schedule: str, nhot: str, name: str
) -> None:
    choices = {"masking/signal": signal, "masking/schedule": schedule, "model/nhot": nhot}
    assert grid_name(choices) == name


def test_a_run_that_departs_from_nothing_has_the_experiments_name() -> None:
    assert run_name("mlm", MLM, MLM, {}) == "mlm"
    assert run_name("paper_parity", HARD_DECAY, HARD_DECAY, {}) == "paper_parity"


def test_changed_factors_rename_an_experiment_of_the_grid() -> None:
    choices = MLM | {"masking/signal": "hard"}
    assert run_name("mlm", choices, MLM, {}) == "hard"
    assert run_name(None, choices, {}, {}) == "hard"


def test_changed_factors_are_added_to_other_experiments() -> None:
    choices = HARD_DECAY | {"masking/signal": "soft"}
    assert run_name("paper_parity", choices, HARD_DECAY, {}) == "paper_parity-soft"


def test_other_choices_and_departing_options_follow() -> None:
    usual = HARD_DECAY | {"optimizer": "lamb", "scale": "small", "logger": "none"}
    choices = usual | {"optimizer": "adamw", "scale": "paper", "logger": "wandb"}
    name = run_name("hard_decay", choices, usual, {"optimizer.lr": 0.001, "masking.floor": 0.01})
    assert name == "hard_decay-adamw-lr_0.001-floor_0.01"


def test_departures_are_compared_options_only() -> None:
    ours = {"optimizer": {"lr": 0.1, "eps": 1.0}, "trainer": {"log_every": 5, "max_steps": 9}}
    theirs = {"optimizer": {"lr": 0.2, "eps": 1.0}, "trainer": {"log_every": 1, "max_steps": 8}}
    assert departures(ours, theirs) == {"optimizer.lr": 0.1, "trainer.max_steps": 9}


def test_a_long_name_is_cut_and_stays_distinct() -> None:
    names = {
        run_name("mlm", MLM, MLM, {f"model.{'x' * 200}": value}) for value in ("one", "two", "two")
    }
    assert len(names) == 2
    assert all(len(name) == LONGEST for name in names)


def test_the_folder_of_a_sweeps_run_does_not_depend_on_the_order_of_options() -> None:
    one = sweep_key(["seed=3", "optimizer.lr=0.1", "experiment=mlm"], "mlm", 3)
    assert one == "experiment=mlm,seed=3,optimizer.lr=0.1"
    assert sweep_key(["optimizer.lr=0.1", "seed=3"], "mlm", 3) == one


def test_the_folder_of_a_sweeps_run_names_seed_and_experiment_when_they_are_defaults() -> None:
    assert sweep_key([], "hard_decay", 0) == "experiment=hard_decay,seed=0"


def test_where_a_sweep_is_kept_and_shown_is_no_part_of_a_runs_folder() -> None:
    more = [
        "run_dir=a/b",
        "logger=wandb",
        "logger.mode=online",
        "paths.cache=c",
        "+sweep=x",
        "objective=train/loss",
        "components=[mylab]",
    ]
    assert sweep_key(more, "mlm", 1) == "experiment=mlm,seed=1"


def test_values_that_clean_to_the_same_text_have_different_folders() -> None:
    keys = {sweep_key([f"data.dir={path}"], "mlm", 0) for path in ("a/b", "a_b", "a b")}
    assert len(keys) == 3


def test_nested_options_have_dotted_names() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}
