"""Every shipped YAML file composes into what its name says, and rules between options hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from amlm.config import groups as config_groups
from amlm.config.checks import check
from amlm.config.command import RUN_CONFIG
from amlm.config.composition import composer, parse
from amlm.config.groups import conf_dir, groups_of
from amlm.config.options import check_ranges, options
from amlm.config.schema import Config
from tests import composed_once

SIX = ["mlm", "mlm_decay", "hard", "hard_decay", "soft", "soft_decay"]
FUSIONS = [f"hard_decay_nhot_{fusion}" for fusion in ("gate", "attention", "frequency")]
UNITS = ["word", "word_then_token", "span", "hard_decay_word", "hard_decay_word_then_token"]
EXPERIMENTS = [*SIX, *(f"{name}_nhot" for name in SIX), *FUSIONS, *UNITS, "paper_parity"]
GROUPS = groups_of(RUN_CONFIG)
CHOICES = [
    f"{group}={choice}"
    for group, choices in GROUPS.items()
    if group != "experiment"  # below
    for choice in choices
    if choice not in ("babylm", "table", "realised", "replay")  # need a path
]
# Beyond the paper: signal, schedule.
BEYOND = {
    "frequency_decay": ("Frequency", "Linear"),
    "entropy_decay": ("Entropy", "Linear"),
    "morph_decay": ("Morph", "Linear"),
    "pos_decay": ("Pos", "Linear"),
    "neural_decay": ("Neural", "Linear"),
    "shuffled": ("Hard", "Linear"),
    "frequency_matched": ("Hard", "Linear"),
    "loss_weighting": ("Hard", "Linear"),
    "frozen": ("Table", "Linear"),
    "mlm_realised": ("Uniform", "Realised"),
}


def composed(*overrides: str) -> Config:
    """A checked configuration without a name; naming it, as `parse` does, composes more."""
    with composer(Config, RUN_CONFIG) as made:
        config = made.build(made.compose(overrides), overrides)
    assert isinstance(config, Config)
    return config


def test_the_experiments_are_those_of_the_readme() -> None:
    assert sorted(GROUPS["experiment"]) == sorted([*EXPERIMENTS, *BEYOND])


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_composes(choice: str) -> None:
    composed(choice)


def test_what_is_composed_once_is_what_hydra_composes() -> None:
    choices = ["experiment=mlm", "optimizer=adamw", "hydra/launcher=parallel"]
    grids = [[], [*choices, "seed=3"], [*choices, "seed=4", "data.sequence_length={0: 32}"]]

    def texts() -> list[str]:
        with composer(Config, RUN_CONFIG) as made:
            return [OmegaConf.to_yaml(made.compose(each)) for each in grids]

    once = [texts() for _ in range(3)]
    composed_once.uninstall()
    try:
        assert once == [texts()] * 3
    finally:
        composed_once.install()


def test_babylm_composes_with_a_folder(tmp_path: Path) -> None:
    config = composed("data=babylm", f"data.dir={tmp_path}")
    assert config.data.sources == {"babylm": {"path": str(tmp_path)}}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_has_the_signal_schedule_and_nhot_of_its_name(name: str) -> None:
    config = parse(Config, [f"experiment={name}"])
    assert config.name == name
    signal = config.masking.signal["_target_"].rpartition(".")[2]
    schedule = config.masking.schedule["_target_"].rpartition(".")[2]
    if name == "paper_parity":
        assert (signal, schedule) == ("Hard", "Linear")
        return
    first = name.split("_")[0]
    assert signal == {"hard": "Hard", "soft": "Soft"}.get(first, "Uniform")
    assert schedule == ("Linear" if "decay" in name else "Constant")
    _, nhot, fusion = name.partition("_nhot")
    assert config.model.nhot.fusion == (fusion.removeprefix("_") or ("add" if nhot else "none"))
    unit = config.masking.unit["_target_"].rpartition(".")[2]
    assert unit == ("Word" if "word" in name else "Span" if "span" in name else "Token")
    assert config.masking.unit.get("switch", 1.0) == (0.7 if "then_token" in name else 1.0)


@pytest.mark.parametrize("name", BEYOND)
def test_an_experiment_beyond_the_paper_has_the_parts_of_its_name(
    name: str, tmp_path: Path
) -> None:
    log = '{"kind": "train", "step": 9, "realised_ratio": 0.3}\n{"kind": "summary"}\n'
    (tmp_path / "log.jsonl").write_text(log)
    paths = {
        "frozen": f"masking.signal.path={tmp_path}",
        "mlm_realised": f"masking.schedule.run={tmp_path}",
    }
    config = parse(Config, [f"experiment={name}", *filter(None, [paths.get(name)])])
    assert str(config.name).startswith(name)
    parts = (config.masking.signal, config.masking.schedule)
    assert tuple(part["_target_"].rpartition(".")[2] for part in parts) == BEYOND[name]
    changes = name in ("shuffled", "frequency_matched", "loss_weighting")
    assert config.masking.control == (name if changes else "none")


def test_parse_names_a_run_by_its_choices() -> None:
    def named(*overrides: str) -> str | None:
        return parse(Config, overrides).name

    assert named("experiment=mlm", "masking/signal=hard") == "hard"
    assert named("masking/signal=soft", "model/nhot=add") == "soft_decay_nhot"
    assert named("masking/unit=word") == "hard_decay_word"
    assert named("experiment=mlm", "masking/unit=span") == "span"
    assert named("experiment=word", "masking/signal=soft") == "soft_word"
    assert named("masking/unit=word", "masking.unit.switch=0.5") == "hard_decay_word-switch_0.5"
    assert named("scale=paper", "impl=gpu", "seed=3") == "hard_decay"
    assert named("debug=fast") == "hard_decay-debug_fast"
    assert named("optimizer=adamw", "optimizer.lr=0.002") == "hard_decay-adamw-lr_0.002"
    assert named("masking.signal._target_=amlm.masking.signals.soft.Soft") == (
        "hard_decay-target__Soft"
    )
    assert named("~experiment", "masking/schedule=constant") == "hard"
    assert named("masking/sampler=fixed") == "hard_decay"
    assert named("masking/sampler=bernoulli") == "hard_decay-bernoulli"


def test_a_given_name_is_kept_beside_the_choices() -> None:
    config = parse(Config, ["experiment=mlm", "masking/signal=hard", "name=mlm"])
    assert (config.name, config.choices) == ("mlm", "hard")


def test_the_sampler_fixed_is_an_alias_of_systematic() -> None:
    masking = composed("masking/sampler=fixed").masking
    assert masking == composed().masking == composed("masking/sampler=systematic").masking
    assert GROUPS["masking/sampler"] == ["bernoulli", "systematic"]


def test_overrides_win_over_the_experiment() -> None:
    config = composed("experiment=hard_decay", "model/nhot=add", "masking/signal=soft")
    assert config.model.nhot.fusion == "add"
    assert config.masking.signal["_target_"].endswith("Soft")


def test_paper_parity_makes_the_choices_of_the_authors_script() -> None:
    config = composed("experiment=paper_parity")
    assert config.masking.normalization == "clipped"
    assert config.masking.mask_special_tokens
    assert config.masking.counters == "bfloat16"
    assert config.masking.sampler["_target_"].endswith("Bernoulli")
    assert config.masking.replacement["random_ids"] == "any"
    assert config.trainer.precision == "bf16-true-autocast"
    assert (config.optimizer.name, config.optimizer.warmup_from) == ("lamb_bnb", "zero")
    assert config.masking.update_offset == 1
    assert config.validation.protocol == "authors"
    assert config.validation.compare == "bfloat16"
    assert config.checkpoints.words_by == "steps"


def test_scale_paper_has_the_hyperparameters_of_the_paper() -> None:
    config = composed("scale=paper")
    model = config.model
    assert (model.layers, model.heads, model.hidden_size, model.intermediate_size) == (
        12, 12, 384, 1280,
    )  # fmt: skip
    assert config.tokenizer.vocab_size == 40_000
    assert dict(config.data.sequence_length) == {0: 64, 5: 256}
    assert (config.data.tokens_per_step, config.data.epochs) == (16_384, 10)
    optimizer = config.optimizer
    assert (optimizer.name, optimizer.lr, optimizer.beta1, optimizer.beta2) == (
        "lamb", 7e-3, 0.9, 0.98,
    )  # fmt: skip
    assert (optimizer.weight_decay, optimizer.clip, optimizer.warmup) == (0.1, 1.0, 0.01)


def test_scale_and_impl_do_not_change_the_method() -> None:
    def method(*overrides: str) -> object:
        config = composed(*overrides)
        return config.masking, config.optimizer.name, config.model.dropout, config.model.nhot

    reference = method("scale=paper", "impl=cpu")
    assert all(
        method(f"scale={scale}", f"impl={impl}") == reference
        for scale in GROUPS["scale"]
        for impl in GROUPS["impl"]
    )


def test_every_option_has_help_and_a_valid_default() -> None:
    found = list(options(Config()))
    assert len(found) > 50
    assert all(each.metadata.get("help") for _, each, _ in found)
    check_ranges(Config())
    check(Config())


def test_conf_dir_is_found_in_a_checkout_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (conf_dir() / "config.yaml").is_file()
    package = tmp_path / "amlm"
    (package / "conf").mkdir(parents=True)
    monkeypatch.setattr(config_groups, "__file__", str(package / "config" / "groups.py"))
    assert conf_dir() == package / "conf"
