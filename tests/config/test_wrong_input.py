"""Invalid input is reported before any work starts, with the nearest valid name: for `amlm.train`
with its config groups, and for a small command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from amlm.config.command import Command
from amlm.config.command_line import check_command, run
from amlm.config.composition import parse
from amlm.config.options import NEEDED, option
from amlm.config.schema import Config
from amlm.train import COMMAND as TRAIN
from amlm.util.errors import InputError


@dataclass
class Options:
    out: str = option(NEEDED, "where to")
    count: int = option(3, "how many", ge=1)
    share: float | None = option(None, "a share", gt=0, le=1)
    tasks: list[str] = option(["a"], "which", choices=("a", "b"))
    model: str | None = option(None, "has the name of a config group of amlm.train")


SMALL = Command("amlm.x", "About x.", Options, print)


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
        (["seed=-1"], ["seed=-1", "at least 0", "below 2,147,483,648"]),
        (["masking.smoothing=1.5"], ["masking.smoothing=1.5", "below 1"]),
        (["masking.schedule.start=1.5"], ["masking.schedule.start=1.5", "below 1"]),
        (["masking.normalization=exakt"], ["one of exact, clipped"]),
        (["masking.replacement.mask=0.95"], ["masking.replacement", "more than 1"]),
        (["model.heads=3"], ["model.heads=3", "multiple"]),
        (["masking.floor=0.15"], ["masking.floor=0.15", "at or above the mask ratio"]),
        (
            ["experiment=mlm", "masking.smoothing=0.5"],
            ["masking.smoothing=0.5 has no effect with masking/signal=uniform"],
        ),
        (
            ["model.nhot.include_self=false"],
            ["model.nhot.include_self=False has no effect with model/nhot=none"],
        ),
        (["model/nhot=gates"], ["model/nhot", "did you mean gate"]),
        (
            ["experiment=neural_decay", "masking.control=shuffled"],
            ["masking.control=shuffled has no effect with masking/signal=neural"],
        ),
        (["experiment=frozen"], ["masking.signal: path is not set: give masking.signal.path="]),
        (["experiment=mlm_realised"], ["masking.schedule: run is not set: give masking.schedule."]),
        (["logger.project=mine"], ["logger.project=mine has no effect without logger=wandb"]),
        (
            ["experiment=paper_parity", "trainer.accumulate=2"],
            ["masking.counters=bfloat16", "trainer.accumulate=2", "must both be 1"],
        ),
        (
            ["trainer.compile=reduce-overhead", "trainer.accumulate=2"],
            ["trainer.accumulate=2 must be 1", "or use trainer.compile=default"],
        ),
        (["data.tokens_per_step=1000"], ["data.tokens_per_step=1000", "multiple"]),
        (["data.sequence_length={0: 3}"], ["sequence_length", "at least"]),
        (["data=babylm"], ["data.dir"]),
        (["data.dir=somewhere"], ["data=babylm"]),
        (["experiment="], ["experiment"]),
        (["trainer.max_steps"], ["'trainer.max_steps' is not of the form option=value"]),
        (["evaluation.tasks=sample"], ["evaluation.tasks is a list: evaluation.tasks=[sample]"]),
        (["trainer.max_step"], ["(did you mean trainer.max_steps?)"]),
        (["max_steps"], ["(did you mean trainer.max_steps?)"]),
        (["trainer.max_steps=1e3"], ["max_steps=1e3 is not an integer: write 1000 or 1_000"]),
        (["trainer.max_steps=8.0"], ["max_steps=8.0 is not an integer: write 8"]),
        (["run_dir="], ["run_dir= is empty: give a value (folder of this run", "or leave it out"]),
        (["data.sources.sample.path="], ["data.sources.sample.path= is empty"]),
        (["masking/signal=table", "masking.signal.path="], ["masking.signal.path= is empty"]),
        (
            ["trainer.devices=9999999"],
            ["trainer.devices=9999999 starts as many processes", "CPU cores", "one for each GPU"],
        ),
        (["optimizer.lr=abc"], ["optimizer.lr=abc is not a number"]),
        (["trainer.max_steps=1.5"], ["trainer.max_steps=1.5 is not an integer; for"]),
        (
            ["masking.signal=soft"],
            ["masking.signal=soft chooses nothing: write masking/signal=soft"],
        ),
        (
            ["hydra/launcher=paralel"],
            ["hydra/launcher=paralel is not available (did you mean parallel?): choose one of"],
        ),
        (["hydra/sweeper=nothing"], ["hydra/sweeper=nothing is not available", "plugin"]),
        (["name=a/../../b"], ["name=a/../../b is no folder below paths.outputs", "run_dir="]),
        (
            ["run_dir=caf\udce9"],
            ["run_dir=caf\udce9 has bytes that are no UTF-8", "LC_ALL=C.UTF-8"],
        ),
        (["name=/tmp/a"], ["name=/tmp/a is no folder below"]),
        (["objective=validation/los"], ["not in the record", "did you mean validation/loss"]),
    ],
)
def test_train_explains_invalid_overrides(overrides: list[str], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        check_command(TRAIN, overrides)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["train", "foo", "bar"])
def test_a_word_that_is_no_option_gets_no_hint(word: str) -> None:
    with pytest.raises(InputError, match=f"^'{word}' is not of the form option=value$"):
        check_command(TRAIN, [word, "seed=1"])


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("data.dir=no/such/folder", "no source reads it: add data=babylm"),
        ("data.shares={sample: 0.5}", "sum to 0.5: they must sum to 1"),
        ("data.shares={sample: 1.5, b: -0.5}", "b=-0.5|sample=1.5 is out of range"),
        ("data.shares.smaple=1.0", "smaple is no source.*sample"),
        ("data.cleaning.gutenberg.titles=true", "there is no such rule.*title_lines"),
        ("data.sources.sample.format=xml", "format=xml"),
        ("data.words=0", "at least 1"),
        ("optimizer.lr=inf", "out of range"),
        ("optimizer.eps=1e-35", "at least 1e-30"),
        ("optimizer.lr=1e300", r"optimizer\.lr=1e\+300 is out of range: .*at most 1e\+30"),
        ("optimizer.eps=1e300", "at most 1"),
        ("optimizer.weight_decay=1e300", "at most 1,000"),
        ("optimizer.clip=1e300", "at most 1,000,000,000"),
        ("model.initializer_range=1e300", "at most 10"),
        ("model.max_positions=9999999999999", "at most 1,000,000"),
        (
            "trainer.max_steps=99999999999999999999",
            r"trainer\.max_steps=99999999999999999999 is out of range: .* at most 1,000,000,000",
        ),
        ("data.epochs=99999999999999999999", "at most 1,000,000"),
        ("data.sample_words=99999999999999999999", "at most 1,000,000,000"),
        ("tokenizer.vocab_size=99999999999999999999", "at most 10,000,000"),
        ("trainer.threads=99999999999999999999", "at most 4,096"),
    ],
)
def test_train_reports_values_that_do_not_fit(override: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        check_command(TRAIN, [override])


def test_a_folder_that_exists_needs_no_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("multirun/experiment=mlm,seed=0")
    with pytest.raises(InputError, match="cannot be read"):
        check_command(SMALL, [f"out={folder}"])
    folder.mkdir(parents=True)
    check_command(SMALL, [f"out={folder}"])


def test_sequence_length_must_replace_every_epoch() -> None:
    with pytest.raises(InputError, match="from epoch 5 on"):
        check_command(TRAIN, ["scale=paper", "data.sequence_length={0: 128}"])
    check_command(TRAIN, ["scale=paper", "data.sequence_length={0: 128, 5: 128}"])
    check_command(TRAIN, ["scale=small", "data.sequence_length={0: 32}"])
    check_command(TRAIN, ["data.sequence_length={0: 32, 1: 64}"])  # an entry more


def test_errors_in_a_users_experiment_are_explained(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    mine = tmp_path / "experiment" / "mine.yaml"
    mine.write_text("# @package _global_\nname: mine\nmasking:\n  smothing: 0.3\n")
    with pytest.raises(InputError, match=r"did you mean masking\.smoothing"):
        check_command(TRAIN, ["experiment=mine"], config_dir=str(tmp_path))
    with pytest.raises(InputError, match=r"experiment=mien is not a choice.*did you mean mine"):
        check_command(TRAIN, ["experiment=mien"], config_dir=str(tmp_path))
    mine.write_text("# @package _global_\nname: mine\nmasking:\n  smoothing: 0.3\n")
    check_command(TRAIN, ["experiment=mine"], config_dir=str(tmp_path))
    mine.write_text("name: mine: other\n")
    with pytest.raises(InputError, match=r"invalid YAML file: .*mine\.yaml"):
        check_command(TRAIN, ["experiment=mine"], config_dir=str(tmp_path))
    with pytest.raises(InputError, match="Cannot find primary config 'nothing'"):
        check_command(TRAIN, [], config_dir=str(tmp_path), config_name="nothing")
    with pytest.raises(InputError, match=r"--config-dir .*nothing is not a folder"):
        check_command(TRAIN, [], config_dir=str(tmp_path / "nothing"))


def test_parse_converts_values_to_field_types() -> None:
    made = parse(Options, ["out=x y", "count=5", "share=0.5", "tasks=[b,a]", "model=m"])
    assert made == Options(out="x y", count=5, share=0.5, tasks=["b", "a"], model="m")
    assert parse(Options, ["out=http://localhost:8000/v1"]) == Options(
        out="http://localhost:8000/v1"
    )


@dataclass
class Several:
    runs: list[str] = option(NEEDED, "which")
    more: list[str] | None = option(None, "which too; null: none")


@pytest.mark.parametrize(
    ("argument", "runs"),
    [
        ("runs=outputs/*", ["outputs/*"]),
        ("runs=/home/jörg/a=1", ["/home/jörg/a=1"]),
        ("runs=[a,b]", ["a", "b"]),
    ],
)
def test_a_single_value_of_a_list_without_a_default_is_a_list(
    argument: str, runs: list[str]
) -> None:
    assert parse(Several, [argument]) == Several(runs)
    assert parse(Several, ["runs=x", argument.replace("runs", "more")]) == Several(["x"], runs)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["out=... is required", "where to"]),
        (["out=x", "cuont=2"], ["unknown option cuont", "did you mean count?"]),
        (["out=x", "cuont"], ["'cuont'", "option=value", "did you mean count?"]),
        (["out=x", "+more=1"], ["unknown option more"]),
        (["out=x", "count=two"], ["count", "two"]),
        (["out=x", "count=0"], ["count=0", "at least 1"]),
        (["out=x", "share=nan"], ["share=nan"]),
        (["out=x", "tasks=[a,c]"], ["tasks=c", "one of a, b"]),
        (["out=x", "tasks=[a"], ["tasks=[a", "write a list as [a,b]"]),
        (["out=x", "tasks=b"], ["tasks is a list: tasks=[b]"]),
        (["out=x", "two words=1"], ["'two words=1' is not of the form option=value"]),
        (["out=x,y"], ["out=x,y is a sweep", "--multirun", """'out="x,y"'"""]),
    ],
)
def test_a_small_command_explains_invalid_arguments(arguments: list[str], parts: list[str]) -> None:
    with pytest.raises(InputError) as error:
        check_command(SMALL, arguments)
    assert all(part in str(error.value) for part in parts), error.value


@pytest.mark.parametrize(
    "path",
    [
        "~/run",
        "/home/jörg/日本",
        "runs (old)/a=1",
        "it's",
        "a#1",
        "x[1]",
        "{a}",
        "C:\\new\\",
        "a!;&",
    ],
)
def test_paths_with_reserved_characters_are_kept_verbatim(path: str) -> None:
    try:
        assert parse(Options, [f"out={path}"]).out == path
    except InputError as error:
        assert path.startswith("{") and f"""'out="{path}"'""" in str(error)
        assert parse(Options, [f"""out="{path}\""""]).out == path


@pytest.mark.parametrize(
    "text", ["run #2", "007", "no", "1e3", "1_000", "true", "1.50", "0x1F", "nan"]
)
def test_a_text_is_taken_as_it_stands(text: str) -> None:
    seen: list[Options] = []
    run(Command("amlm.x", "", Options, seen.append), [f"out={text}", f"model={text}"])
    assert (seen[0].out, seen[0].model) == (text, text)


def test_texts_of_a_run_are_taken_as_they_stand() -> None:
    made = parse(Config, ["run_dir=1e3", "name=true", "data.sources.mine.path=007"])
    assert (made.run_dir, made.name) == ("1e3", "true")
    assert made.data.sources["mine"]["path"] == "007"
    with pytest.raises(
        InputError, match=r"masking\.exclude=\[true,the\] would be read as True: put"
    ):
        check_command(TRAIN, ["masking.exclude=[true,the]"])
    assert parse(Config, ["masking.exclude=['true',1]"]).masking.exclude == ["true", "1"]


@pytest.mark.parametrize(
    ("text", "why"), [("${x}", "'x' not found"), ("${oc.env:NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE")]
)
def test_what_cannot_be_resolved_is_explained(text: str, why: str) -> None:
    with pytest.raises(InputError, match=rf"^out can't be resolved \(.*{why}.*oc\.env:NAME"):
        check_command(SMALL, [f"out={text}"])


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    expected = r"paths\.cache=~/.cache/amlm: ~ is no .*: give paths\.cache=<folder>, or .* HOME"
    with pytest.raises(InputError, match=expected):
        check_command(TRAIN, [])
    check_command(TRAIN, ["paths.cache=here"])
    with pytest.raises(
        InputError, match=r"out=~nobody_here/x: ~nobody_here .*: give out=<folder>$"
    ):
        check_command(SMALL, ["out=~nobody_here/x"])


@pytest.mark.parametrize("path", ["a,b", "[a", "(a), b", "'a"])
def test_ambiguous_values_are_refused_with_how_to_quote(path: str) -> None:
    with pytest.raises(InputError) as error:
        check_command(SMALL, [f"out={path}"])
    assert f"""'out="{path}"'""" in str(error.value)
    assert parse(Options, [f'out="{path}"']).out == path


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("hydra.callbacks.mine._target_", "os.system"),
        ("hydra.job_logging.handlers.mine.class", "mine.Handler"),
        ("hydra.job_logging.handlers.mine.()", "os.system"),
        ("hydra.launcher._target_", "subprocess.Popen"),
    ],
)
def test_a_yaml_file_cannot_make_hydra_call_anything(key: str, name: str, tmp_path: Path) -> None:
    node: dict[str, Any] = {key.split(".")[-1]: name}
    for part in reversed(key.split(".")[:-1]):
        node = {part: node}
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\n" + json.dumps(node)
    (tmp_path / "experiment" / "theirs.yaml").write_text(text)
    with pytest.raises(
        InputError, match=rf"={name}: only classes of hydra\., .* are allowed there"
    ):
        check_command(TRAIN, ["experiment=theirs"], config_dir=str(tmp_path))


def test_a_typed_secret_is_refused_and_an_interpolated_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLACK_KEY", "xyz")
    with pytest.raises(InputError, match=r"logger\.project holds a secret"):
        check_command(TRAIN, ["logger.project=hf_abcdefghijklmnopqrst"])
    with pytest.raises(InputError, match="out holds a secret"):
        check_command(SMALL, ["out=http://me:pass@host/v1"])
    check_command(TRAIN, ["name=${oc.env:SLACK_KEY}"])
