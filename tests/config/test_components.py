"""Components: classes that a `_target_` names, ours and those of a package outside the repository,
which these tests install."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from amlm.config.command_line import check_command
from amlm.config.components import build
from amlm.config.schema import Config
from amlm.train import COMMAND as TRAIN
from amlm.util.errors import InputError

SIGNAL = '''
"""Accuracy, sharpened."""

from dataclasses import dataclass

from amlm.config.options import option
from amlm.masking.signals.hard import Hard


@dataclass
class Mine(Hard):
    sharpness: float = option(2.0, "power of the accuracy", gt=0, le=8)

    def score(self, statistics):
        return super().score(statistics) ** self.sharpness
'''
WHEEL = "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
PLAIN = "_target_: mylab.signals.Mine\n"
NAMED = """
# @package _global_
components: [mylab]
masking:
  signal:
    _target_: mylab.signals.Mine
"""


def make_wheel(folder: Path, entry_points: str) -> Path:
    path = folder / "mylab-0.1-py3-none-any.whl"
    files = {
        "mylab/__init__.py": "",
        "mylab/signals.py": SIGNAL,
        "mylab-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: mylab\nVersion: 0.1\n",
        "mylab-0.1.dist-info/WHEEL": WHEEL,
        "mylab-0.1.dist-info/entry_points.txt": entry_points,
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        record = "".join(f"{name},,\n" for name in [*files, "mylab-0.1.dist-info/RECORD"])
        wheel.writestr("mylab-0.1.dist-info/RECORD", record)
    return path


def installed(folder: Path, entry_points: str = "") -> Path:
    """Installs the user's package with pip into a separate folder; returns that folder."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--disable-pip-version-check", "--no-compile", "--target", str(folder / "site")),
            str(make_wheel(folder, entry_points)),
        ],
        check=True,
        capture_output=True,
    )
    return folder / "site"


@pytest.fixture(scope="module")
def mylab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("mylab"))


@pytest.fixture
def on_path(mylab: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(mylab))
    return mylab


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A user's folder: the signal with and without its package in `components`."""
    folder = tmp_path / "conf" / "masking" / "signal"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(NAMED)
    (folder / "plain.yaml").write_text(PLAIN)
    return tmp_path / "conf"


@pytest.mark.usefixtures("on_path")
def test_options_of_a_users_signal_are_checked(conf: Path) -> None:
    def check(*overrides: str) -> None:
        check_command(TRAIN, overrides, config_dir=str(conf))

    check("masking/signal=mine")
    check("masking/signal=mine", "masking.signal.sharpness=3")
    check("masking/signal=plain", "components=[mylab]")
    check("masking/signal=plain", "components=[mylab.signals]")
    for override, part in (
        ("sharpness=9", "masking.signal.sharpness=9.0.*at most 8.*power of the accuracy"),
        ("sharpness=much", "masking.signal: Value 'much'"),
        ("sharpnes=1", r"unknown option masking.signal.sharpnes .*masking\.signal\.sharpness"),
    ):
        with pytest.raises(InputError, match=part):
            check("masking/signal=mine", f"masking.signal.{override}")


@pytest.mark.usefixtures("on_path")
def test_a_package_not_in_components_is_refused(conf: Path) -> None:
    for components in ("[]", "[my]", "[mylab.other]"):
        with pytest.raises(InputError, match=r"only classes of amlm, .* add components=\[mylab\]"):
            check_command(
                TRAIN, ["masking/signal=plain", f"components={components}"], config_dir=str(conf)
            )


def test_a_package_with_an_entry_point_is_allowed(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = installed(tmp_path, "[amlm.components]\nmylab = mylab.signals\n")
    monkeypatch.syspath_prepend(str(site))
    check_command(TRAIN, ["masking/signal=plain"], config_dir=str(conf))


def in_a_process(site: Path, conf: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "amlm.train", "--config-dir", str(conf), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_shows_the_options_of_a_users_signal(mylab: Path, conf: Path) -> None:
    shown = in_a_process(mylab, conf, "masking/signal=mine", "masking.signal.sharpness=3", "--help")
    signals = "entropy | frequency | hard | inverse_frequency | morph | neural | pos | soft"
    assert f"  masking/signal = {signals} | table | uniform | mine | plain\n" in shown
    assert (
        "Options of masking.signal, mylab.signals.Mine:\n"
        "  masking.signal.sharpness=3.0\n"
        "      power of the accuracy [above 0, at most 8]\n"
    ) in shown
    assert "masking.schedule.start=0.4" in shown


def test_train_runs_with_a_users_signal(mylab: Path, conf: Path, tmp_path: Path) -> None:
    tiny = (
        *("model.layers=1", "model.hidden_size=32", "model.intermediate_size=32", "debug=fast"),
        *("tokenizer.vocab_size=400", "data.sample_words=3000", "data.tokens_per_step=512"),
        *("trainer.max_steps=2", "masking.update_every=1", "evaluation.tasks=[]", "impl=cpu"),
    )
    where = (f"run_dir={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}")
    shown = in_a_process(mylab, conf, "masking/signal=mine", *tiny, *where)
    assert "mine signal" in shown
    assert "_target_: mylab.signals.Mine" in (tmp_path / "run" / "config.yaml").read_text()
    assert (tmp_path / "run" / "hf" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("os.system", "only classes of amlm, lightning.pytorch.callbacks and of packages"),
        ("torch.nn.Linear", r"only classes of .*components=\[torch\]"),
        ("amlmlab.signals.Mine", "only classes of"),
        ("amlm.masking.signals.hard.Had", "has no Had .did you mean Hard"),
        ("amlm.masking.signals.hrad.Hard", "does not exist: No module named"),
        ("amlm.util.terminal.say", "is not a class"),
        ("amlm.evaluate.partial", "amlm.evaluate only imports it from functools; only classes of"),
        ("lightning.Trainer", "only classes of"),
        ("lightning.pytorch.callbacks.model_checkpoint.Tensor", "only imports it from torch"),
        ("amlm.masking.schedule.Linear", "cannot be used there: it has no counters or observe"),
    ],
)
def test_an_invalid_signal_target_is_refused(target: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        check_command(TRAIN, [f"masking.signal._target_={target}"])


def test_a_component_without_the_needed_methods_is_refused() -> None:
    with pytest.raises(InputError, match=r"callbacks.mine.*cannot be used there"):
        check_command(TRAIN, ["callbacks.mine._target_=amlm.masking.sampler.Systematic"])
    with pytest.raises(InputError, match=r"choose one, e\.g\. masking/signal="):
        build(None, "masking.signal")


def test_a_schedule_whose_instances_are_not_callable_is_refused() -> None:
    # Every class is callable; its instances must be.
    with pytest.raises(InputError, match="cannot be used there: it has no __call__"):
        check_command(TRAIN, ["masking.schedule._target_=amlm.masking.signals.hard.Hard"])


def test_a_callback_that_cannot_be_resumed_is_refused() -> None:
    target = "callbacks.mine._target_=lightning.pytorch.callbacks.SpikeDetection"
    with pytest.raises(InputError, match=f"{target} fails when a run resumes: .*health records"):
        check_command(TRAIN, [target])


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("GradientAccumulationScheduler", "set trainer.accumulate"),
        ("BatchSizeFinder", "set data.tokens_per_step and trainer.accumulate"),
        ("LearningRateFinder", "compare values of optimizer.lr in a sweep"),
        ("StochasticWeightAveraging", "use EMAWeightAveraging, which needs no epochs"),
        ("BackboneFinetuning", "train all of the model"),  # by its base class
    ],
)
def test_a_callback_that_would_change_the_steps_is_refused(name: str, instead: str) -> None:
    target = f"callbacks.mine._target_=lightning.pytorch.callbacks.{name}"
    message = f"{target} would change the steps .* planned before it starts: leave it .*{instead}"
    with pytest.raises(InputError, match=message):
        check_command(TRAIN, [target])


def test_a_lightning_callback_is_accepted() -> None:
    target = "callbacks.mine._target_=lightning.pytorch.callbacks.DeviceStatsMonitor"
    check_command(TRAIN, [target])
    assert Config().components == []
