"""Names say what a run is, whatever file it started from; the folders of a sweep do not depend on
the order in which options were typed."""

from __future__ import annotations

import pytest

from amlm.config.run_name import CUT, LONGEST, departures, grid_name, run_name, sweep_key
from amlm.config.schema import flat

TOKEN = {"masking/unit": "token", "model/nhot": "none"}
MLM = {"masking/signal": "uniform", "masking/schedule": "constant", **TOKEN}
HARD_DECAY = {"masking/signal": "hard", "masking/schedule": "linear", **TOKEN}


@pytest.mark.parametrize(
    ("signal", "schedule", "unit", "nhot", "name"),
    [
        ("uniform", "constant", "token", "none", "mlm"),
        ("uniform", "linear", "token", "none", "mlm_decay"),
        ("hard", "constant", "token", "none", "hard"),
        ("soft", "linear", "token", "add", "soft_decay_nhot"),
        ("mine", "cosine", "token", "gate", "mine_cosine_nhot_gate"),
        ("uniform", "constant", "word", "none", "word"),
        ("uniform", "linear", "span", "add", "mlm_decay_span_nhot"),
        ("hard", "linear", "word_then_token", "none", "hard_decay_word_then_token"),
    ],
)
def test_grid_name_joins_signal_schedule_unit_and_nhot(
    signal: str, schedule: str, unit: str, nhot: str, name: str
) -> None:
    choices = {"masking/signal": signal, "masking/schedule": schedule, "masking/unit": unit}
    assert grid_name(choices | {"model/nhot": nhot}) == name


def test_an_unchanged_run_has_the_name_of_its_experiment() -> None:
    assert run_name("mlm", MLM, MLM, {}) == "mlm"
    assert run_name("paper_parity", HARD_DECAY, HARD_DECAY, {}) == "paper_parity"


def test_changed_factors_rename_a_grid_experiment() -> None:
    choices = MLM | {"masking/signal": "hard"}
    assert run_name("mlm", choices, MLM, {}) == "hard"
    assert run_name(None, choices, {}, {}) == "hard"


def test_changed_factors_are_appended_to_other_experiments() -> None:
    choices = HARD_DECAY | {"masking/signal": "soft"}
    assert run_name("paper_parity", choices, HARD_DECAY, {}) == "paper_parity-soft"


def test_other_changed_choices_and_options_are_appended() -> None:
    usual = HARD_DECAY | {"optimizer": "lamb", "scale": "small", "logger": "none"}
    choices = usual | {"optimizer": "adamw", "scale": "paper", "logger": "wandb"}
    name = run_name("hard_decay", choices, usual, {"optimizer.lr": 0.001, "masking.floor": 0.01})
    assert name == "hard_decay-adamw-lr_0.001-floor_0.01"


def test_departures_are_limited_to_compared_options() -> None:
    ours = {"optimizer": {"lr": 0.1, "eps": 1.0}, "trainer": {"log_every": 5, "max_steps": 9}}
    theirs = {"optimizer": {"lr": 0.2, "eps": 1.0}, "trainer": {"log_every": 1, "max_steps": 8}}
    assert departures(ours, theirs) == {"optimizer.lr": 0.1, "trainer.max_steps": 9}


def test_a_long_name_is_truncated_and_stays_distinct() -> None:
    names = {
        run_name("mlm", MLM, MLM, {f"model.{'x' * 200}": value}) for value in ("one", "two", "two")
    }
    assert len(names) == 2
    assert all(len(name) == LONGEST for name in names)


def test_a_long_name_shows_masking_and_optimizer_and_loses_sizes() -> None:
    sizes = {"data.tokens_per_step": 1024, "tokenizer.vocab_size": 2000} | {
        f"model.{name}": 64 for name in ("hidden_size", "layers", "heads", "intermediate_size")
    }
    name = run_name("mlm", MLM, MLM, sizes | {"masking.signal.floor": 0.25, "optimizer.lr": 0.003})
    assert name.startswith("mlm-floor_0.25-lr_0.003-tokens_per_step_1024-vocab_size_2000-")
    assert len(name) == LONGEST
    assert run_name("mlm", MLM, MLM, {"model.layers": 2, "optimizer.lr": 0.003}) == (
        "mlm-layers_2-lr_0.003"  # all of it is there
    )


CALLBACK = "+callbacks.stop._target_=lightning.pytorch.callbacks.EarlyStopping"
LONG = [CALLBACK, "masking/replacement=allmask", "data.dir=text", "trainer.max_steps=150"]


def test_a_long_sweep_key_shows_what_is_swept_before_what_is_constant() -> None:
    chosen = ["masking/signal=prob", "masking/schedule=saw"]
    key = sweep_key([*LONG, *chosen, "seed=1"], "hard_decay", 1, {"masking/signal", "seed"})
    assert key.startswith("seed=1,masking_signal=prob,experiment=hard_decay,callbacks_stop")
    assert len(key) == LONGEST


def test_the_digest_of_a_long_sweep_key_does_not_depend_on_what_is_swept() -> None:
    given = [*LONG, "masking/signal=prob", "seed=1"]
    keys = {
        sweep_key(given, "mlm", 1, swept)
        for swept in (set(), {"seed"}, {"masking/signal"}, {"masking/signal", "seed"})
    }
    assert len(keys) == 4
    assert len({cut[1] for key in keys if (cut := CUT.fullmatch(key))}) == 1
    assert not CUT.fullmatch(sweep_key(["seed=1"], "mlm", 1, {"seed"}))
    other = sweep_key([*given, "masking/signal=soft"], "mlm", 1)
    assert other[-9:] not in {key[-9:] for key in keys}


def test_sweep_key_does_not_depend_on_the_order_of_overrides() -> None:
    one = sweep_key(["seed=3", "optimizer.lr=0.1", "experiment=mlm"], "mlm", 3)
    assert one == "experiment=mlm,seed=3,optimizer_lr=0_1"
    assert sweep_key(["optimizer.lr=0.1", "seed=3"], "mlm", 3) == one


def test_sweep_key_includes_default_seed_and_experiment() -> None:
    assert sweep_key([], "hard_decay", 0) == "experiment=hard_decay,seed=0"


def test_sweep_key_ignores_paths_and_loggers() -> None:
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


def test_a_sweep_key_has_no_dot() -> None:
    # What stands after a dot is no part of the folder of official results.
    assert sweep_key(["trainer.max_steps=20", "optimizer.lr=0.1"], "mlm", 0) == (
        "experiment=mlm,seed=0,optimizer_lr=0_1,trainer_max_steps=20"
    )


def test_sweep_keys_that_clean_to_the_same_text_differ() -> None:
    keys = {sweep_key([f"data.dir={path}"], "mlm", 0) for path in ("a/b", "a_b", "a b")}
    assert len(keys) == 3


def test_flat_joins_nested_keys_with_dots() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}
