"""The command line: every shipped YAML composes, wrong input is named with its nearest valid name
before any work starts, and start-up is quick, as the README and `--help` promise."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from amlm.config import command_line as cli
from amlm.config.checks import check
from amlm.config.command_line import (
    check_command,
    conf_dir,
    free_to_add,
    groups,
    help_text,
    register_schema,
    typed,
)
from amlm.config.options import check_ranges, options
from amlm.config.place import compose_run, place
from amlm.config.schema import Config
from amlm.training.checks import check_run
from amlm.util.errors import InputError

SIX = ["mlm", "mlm_decay", "hard", "hard_decay", "soft", "soft_decay"]
EXPERIMENTS = [*SIX, *(f"{name}_nhot" for name in SIX), "paper_parity"]
CHOICES = [
    f"{group}={choice}"
    for group, choices in groups().items()
    for choice in choices
    if choice != "babylm"
]


@pytest.fixture(autouse=True)
def schema() -> None:
    register_schema()


def composed(*overrides: str) -> Config:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed, hydra = compose_run(overrides)
        return place(typed(composed), hydra)


def test_all_promised_experiments_are_shipped() -> None:
    assert sorted(groups()["experiment"]) == sorted(EXPERIMENTS)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_of_every_group_composes(choice: str) -> None:
    assert composed(choice).name


def test_babylm_composes_with_a_folder(tmp_path: Path) -> None:
    config = composed("data=babylm", f"data.dir={tmp_path}")
    assert config.data.sources == {"babylm": {"path": str(tmp_path)}}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_what_its_name_says(name: str) -> None:
    config = composed(f"experiment={name}")
    assert config.name == name
    signal = config.masking.signal["_target_"].rpartition(".")[2]
    schedule = config.masking.schedule["_target_"].rpartition(".")[2]
    if name == "paper_parity":
        assert (signal, schedule) == ("Hard", "Linear")
        return
    first = name.split("_")[0]
    assert signal == {"mlm": "Uniform", "hard": "Hard", "soft": "Soft"}[first]
    assert schedule == ("Linear" if "decay" in name else "Constant")
    assert config.model.nhot.fusion == ("add" if name.endswith("nhot") else "none")


def test_a_run_is_named_by_what_it_is() -> None:
    assert composed("experiment=mlm", "masking/signal=hard").name == "hard"
    assert composed("masking/signal=soft", "model/nhot=add").name == "soft_decay_nhot"
    assert composed("scale=paper", "impl=gpu", "debug=fast", "seed=3").name == "hard_decay"
    assert composed("optimizer=adamw", "optimizer.lr=0.002").name == "hard_decay-adamw-lr_0.002"
    assert composed("masking.signal._target_=amlm.masking.signals.soft.Soft").name == (
        "hard_decay-target__Soft"
    )
    assert composed("~experiment", "masking/schedule=constant").name == "hard"


def test_a_given_name_is_kept_with_what_the_run_is_beside_it() -> None:
    config = composed("experiment=mlm", "masking/signal=hard", "name=mlm")
    assert (config.name, config.choices) == ("mlm", "hard")


def test_the_command_line_wins_over_the_experiment() -> None:
    config = composed("experiment=hard_decay", "model/nhot=add", "masking/signal=soft")
    assert config.model.nhot.fusion == "add"
    assert config.masking.signal["_target_"].endswith("Soft")


def test_the_former_sampler_name_fixed_is_an_alias_of_systematic() -> None:
    former = composed("masking/sampler=fixed").masking
    assert former.sampler == {"_target_": "amlm.masking.sampler.Systematic"}
    assert former == composed().masking == composed("masking/sampler=systematic").masking


def test_paper_parity_sets_every_choice_of_the_authors_script() -> None:
    config = composed("experiment=paper_parity")
    assert config.masking.normalization == "clipped"
    assert config.masking.mask_special_tokens
    assert config.masking.counters == "bfloat16"
    assert config.masking.sampler["_target_"].endswith("Bernoulli")
    assert config.masking.replacement["random_ids"] == "any"
    assert config.trainer.precision == "bf16-true"
    assert config.validation.compare == "bfloat16"
    assert config.checkpoints.words_by == "steps"


def test_scale_paper_is_the_papers_table() -> None:
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


def test_scales_and_impls_never_touch_the_method() -> None:
    def method(*overrides: str) -> object:
        config = composed(*overrides)
        return config.masking, config.optimizer.name, config.model.dropout, config.model.nhot

    reference = method("scale=paper", "impl=cpu")
    assert all(
        method(f"scale={scale}", f"impl={impl}") == reference
        for scale in groups()["scale"]
        for impl in groups()["impl"]
    )


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["trainer.max_step=5"], ["trainer.max_step", "did you mean trainer.max_steps"]),
        (["max_steps=5"], ["max_steps", "did you mean trainer.max_steps"]),
        (["+masking.smooting=0.1"], ["masking.smooting", "did you mean masking.smoothing"]),
        (["experiment=hard_deacy"], ["experiment=hard_deacy", "did you mean hard_decay"]),
        (["masking/signl=hard"], ["masking/signl", "did you mean masking/signal"]),
        (["masking.schedule.strat=0.3"], ["masking.schedule.strat", "masking.schedule.start"]),
        (["+masking.schedule.ends=0.3"], ["masking.schedule.ends", "masking.schedule.end"]),
        (["seed=many"], ["seed", "many"]),
        (["seed=-1"], ["seed=-1", "at least 0"]),
        (["masking.smoothing=1.5"], ["masking.smoothing=1.5", "below 1"]),
        (["masking.schedule.start=1.5"], ["masking.schedule.start=1.5", "below 1"]),
        (["masking.normalization=exakt"], ["one of exact, clipped"]),
        (["masking.replacement.mask=0.95"], ["masking.replacement", "more than 1"]),
        (["model.heads=3"], ["model.heads=3", "multiple"]),
        (["data.tokens_per_step=1000"], ["data.tokens_per_step=1000", "multiple"]),
        (["data.sequence_length={0: 3}"], ["sequence_length", "at least"]),
        (["data=babylm"], ["data.dir"]),
        (["data.dir=somewhere"], ["data=babylm"]),
        (["masking.signal._target_=os.system"], ["only classes of"]),
        (["masking.signal._target_=amlm.masking.signals.hard.Had"], ["does not exist"]),
        (["experiment="], ["experiment"]),
        (["trainer.max_steps"], ["trainer.max_steps"]),
    ],
)
def test_wrong_input_is_explained(overrides: list[str], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        check_command(overrides)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_every_run_of_a_sweep_is_checked_before_the_first() -> None:
    check_command(["experiment=mlm,hard,soft", "seed=0,1"])
    with pytest.raises(InputError, match="did you mean hard"):
        check_command(["experiment=mlm,hrad", "seed=0,1"])
    with pytest.raises(InputError, match="seed=-3"):
        check_command(["experiment=mlm,hard", "seed=0,1,-3"])


def test_a_sweep_checks_every_combination_and_its_devices() -> None:
    # Each value is fine with the first of the others; one combination is not.
    sweep = ["trainer.accumulate=1,32", "data.tokens_per_step=2048,1024"]
    with pytest.raises(InputError, match=r"data\.tokens_per_step=1024"):
        check_command(sweep, multirun=True)
    with pytest.raises(InputError, match="one device each"):
        check_command(["seed=0,1", "impl=ddp"], multirun=True)


def test_lengths_that_hydra_would_merge_are_asked_for_in_full() -> None:
    with pytest.raises(InputError, match="from epoch 5 on"):
        check_command(["scale=paper", "data.sequence_length={0: 128}"])
    check_command(["scale=paper", "data.sequence_length={0: 128, 5: 128}"])
    check_command(["scale=small", "data.sequence_length={0: 32}"])


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("masking.signal._target_=amlm.masking.schedule.Linear", "does not fit there"),
        ("+callbacks.mine._target_=amlm.masking.sampler.Systematic", "does not fit there"),
        ("data.dir=no/such/folder", "no source reads it: add data=babylm"),
        ("data.shares={sample: 0.5}", "add up to 0.5: they must add up to 1"),
        ("data.shares={sample: 1.5, b: -0.5}", "b=-0.5|sample=1.5 is out of range"),
        ("data.shares.smaple=1.0", "smaple names no source.*sample"),
        ("data.cleaning.gutenberg.titles=true", "there is no such rule.*title_lines"),
        ("data.sources.sample.format=xml", "format=xml"),
        ("data.words=0", "at least 1"),
        ("optimizer.lr=inf", "out of range"),
        ("optimizer.eps=1e-35", "at least 1e-30"),
    ],
)
def test_what_does_not_fit_is_named(override: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        check_command(free_to_add([override]))


def test_a_users_own_experiment_with_an_unknown_key(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    mine = tmp_path / "experiment" / "mine.yaml"
    mine.write_text("# @package _global_\nname: mine\nmasking:\n  smothing: 0.3\n")
    with pytest.raises(InputError, match=r"did you mean masking\.smoothing"):
        check_command(["experiment=mine"], str(tmp_path))
    mine.write_text("# @package _global_\nname: mine\nmasking:\n  smoothing: 0.3\n")
    check_command(["experiment=mine"], str(tmp_path))


def test_every_option_has_a_meaning_and_a_default_in_range() -> None:
    found = list(options(Config()))
    assert len(found) > 50
    assert all(each.metadata.get("help") for _, each, _ in found)
    check_ranges(Config())
    check(Config())


def test_help_names_every_option_and_choice() -> None:
    text = help_text("amlm.train")
    assert all(name in text for name, _, _ in options(Config()))
    assert all(choice in text for choices in groups().values() for choice in choices)


def _seconds(*command: str) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_start_up_is_quick() -> None:
    # Bounds of the best of three; without eager imports both stay far below.
    bare = _seconds("-c", "pass")
    assert _seconds("-c", "import amlm") - bare < 0.3
    assert _seconds("-m", "amlm.train", "--help") < 3.0


def test_a_wrong_option_ends_the_program_with_its_message(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "amlm.train", "trainer.max_step=2"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: unknown option trainer.max_step (did you mean trainer.max_steps?)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_package_data_is_found_in_a_checkout_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (conf_dir() / "config.yaml").is_file()
    package = tmp_path / "amlm"
    (package / "conf").mkdir(parents=True)
    monkeypatch.setattr(cli, "__file__", str(package / "config" / "command_line.py"))
    assert conf_dir() == package / "conf"


def test_sections_whose_keys_are_the_users_take_them_without_a_plus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`data.shares=...` as a user types it; Hydra alone would ask for a plus."""
    path = tmp_path / "a.txt"
    path.write_text("one two\n")
    typed_by_user = [
        "data.shares={mine: 0.5, sample: 0.5}",
        f"data.sources.mine.path={path}",
        f"data.sources.mine.dev={path}",
        "data.cleaning.mine.short_lines=false",
    ]
    seen: list[Config] = []
    monkeypatch.setattr(sys, "argv", ["amlm", *typed_by_user])
    cli.run("amlm.train", seen.append, check_run)
    assert seen[0].data.shares == {"mine": 0.5, "sample": 0.5}
    assert seen[0].data.sources["mine"] == {"path": str(path), "dev": str(path)}
    assert seen[0].data.cleaning["mine"] == {"short_lines": False}
