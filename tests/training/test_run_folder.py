"""Runs never overwrite each other, and a stopped run resumes to the same bits; `tests/faults` kills
them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from amlm.config.schema import Config
from amlm.store.identity import Content
from amlm.store.token_store import open_store
from amlm.train import train
from amlm.training import devices
from amlm.training.record import read_log
from amlm.training.run_description import describe
from amlm.training.run_folder import claim
from amlm.util.errors import InputError

# Updates, checkpoints and validations fall on the same steps and on different ones.
STEPS = (
    "experiment=hard_decay",
    "trainer.max_steps=24",
    "checkpoints.every=5",
    "masking.update_every=6",
    "trainer.validate_every=10",
)


def content_of(config: Config) -> Content:
    return open_store(config.data, config.tokenizer, Path(config.paths.cache)).content


def test_each_run_gets_a_new_folder(tiny: Callable[..., Config]) -> None:
    claims = [claim(tiny("experiment=mlm", "seed=5")) for _ in range(5)]
    assert len({each.path for each in claims}) == 5
    assert all("seed5" in each.path.name for each in claims)
    assert {each.path.parent.name.split("-")[0] for each in claims} == {"mlm"}


@pytest.mark.parametrize(
    ("stop_at", "log_every"),
    [(10, 1), (16, 1), (16, 3)],
    ids=["after a validation", "in the middle of a window", "between two log lines"],
)
def test_a_stopped_run_resumes_to_the_same_bits(
    stop_at: int,
    log_every: int,
    tiny: Callable[..., Config],
    same_run: Callable[[Path, Path], None],
    stopped_and_resumed: Callable[[Config, int], Path],
    tmp_path: Path,
) -> None:
    steps = (*STEPS, f"trainer.log_every={log_every}")
    whole = train(tiny(*steps, f"run_dir={tmp_path / 'whole'}")).folder

    config = tiny(*steps, f"run_dir={tmp_path / 'stopped'}")
    same_run(stopped_and_resumed(config, stop_at + 1), whole)


def test_a_checkpoint_is_written_at_the_step_of_a_validation(
    tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlm.training.callbacks.checkpoints import Checkpoints

    saved: list[int] = []
    original = Checkpoints.save

    def save(self: Checkpoints, trainer: Any, module: Any) -> None:
        saved.append(trainer.global_step)
        original(self, trainer, module)

    monkeypatch.setattr(Checkpoints, "save", save)
    train(tiny(*STEPS, "checkpoints.every=4", "trainer.validate_every=8"))
    assert saved == [4, 8, 12, 16, 20, 24]


def test_a_run_stopped_before_its_first_checkpoint_restarts(
    tiny: Callable[..., Config], tmp_path: Path
) -> None:
    config = tiny(*STEPS, f"run_dir={tmp_path / 'run'}")
    claimed = claim(config)
    describe(claimed.path, config, content_of(config), {})
    (claimed.path / "log.jsonl").write_text('{"kind": "train", "step": 1}\n{"torn')
    claimed.release()
    records = read_log(train(config).folder)
    assert [r["step"] for r in records if r["kind"] == "train"] == list(range(1, 25))


def test_a_finished_run_is_not_overwritten(tiny: Callable[..., Config], tmp_path: Path) -> None:
    config = tiny("trainer.max_steps=2", f"run_dir={tmp_path / 'run'}")
    train(config)
    before = (tmp_path / "run" / "log.jsonl").read_bytes()
    with pytest.raises(InputError, match="finished"):
        train(config)
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == before


def test_folders_with_another_configuration_or_other_files_are_refused(
    tiny: Callable[..., Config], tmp_path: Path
) -> None:
    config = tiny("seed=1", f"run_dir={tmp_path / 'run'}")
    claimed = claim(config)
    describe(claimed.path, config, content_of(config), {})
    claimed.release()
    with pytest.raises(InputError, match=r"seed was 1 and is now 2"):
        claim(tiny("seed=2", f"run_dir={tmp_path / 'run'}"))
    claim(tiny("seed=1", "logger=csv", f"run_dir={tmp_path / 'run'}")).release()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("dear")
    with pytest.raises(InputError, match="holds no run"):
        claim(tiny(f"run_dir={tmp_path / 'letters'}"))
    (tmp_path / "run" / "config.yaml").unlink()
    message = r"run holds a run whose config\.yaml is missing: restore it from a copy to resume"
    with pytest.raises(InputError, match=message):
        claim(tiny("seed=1", f"run_dir={tmp_path / 'run'}"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.yaml", b"", r"config\.yaml is damaged \(it has no options\): restore it"),
        ("config.yaml", b"seed: [1", r"config\.yaml is damaged \(.*\): restore it from a copy"),
        ("config.yaml", b"\xff\xfe", r"config\.yaml is damaged \(.*\): restore it from a copy"),
        (
            "config.yaml",
            b"seed: 0\n",
            r"config\.yaml is truncated .* lacks \w+: restore it",
        ),
        (
            "run.json",
            b"",
            r"run\.json is damaged, it is not JSON \(.*or remove it: the same",
        ),
        ("run.json", b'{"started": ', r"run\.json is damaged, it is not JSON \(.*\): restore it"),
        ("run.json", b"3", r"run\.json is damaged, it is not a JSON object: restore it"),
    ],
)
def test_a_damaged_description_is_named_with_what_to_do(
    name: str, content: bytes, message: str, tiny: Callable[..., Config], tmp_path: Path
) -> None:
    config = tiny(f"run_dir={tmp_path / 'run'}")
    claimed = claim(config)
    describe(claimed.path, config, content_of(config), {})
    claimed.release()
    (tmp_path / "run" / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        claim(config)
    if name == "run.json":
        (tmp_path / "run" / name).unlink()
        claim(config).release()


def test_a_start_that_fails_leaves_no_folder(tiny: Callable[..., Config], tmp_path: Path) -> None:
    missing = ("evaluation.tasks=[blimp]", f"evaluation.data_dir={tmp_path / 'none'}")
    with pytest.raises(InputError, match="none"):
        train(tiny(*missing))
    assert not (tmp_path / "outputs").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="none"):
        train(tiny(*missing, f"run_dir={tmp_path / 'mine'}"))
    assert not [*(tmp_path / "mine").iterdir()]


def test_a_folder_that_cannot_be_written_to_is_named_with_what_to_do(
    tiny: Callable[..., Config],
) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    config = tiny(f"run_dir={folder / 'run'}")
    folder.chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65_534)  # whom rights bind
        with pytest.raises(InputError) as raised:
            claim(config)
    finally:
        if root:
            os.seteuid(0)
        folder.rmdir()
    assert str(raised.value) == (
        f"the run folder can't be made in {folder / 'run'}: Permission denied ({folder / 'run'}). "
        "Grant access or free up space there, or choose another folder with run_dir="
    )


def test_a_name_that_no_file_system_takes_is_refused(
    tiny: Callable[..., Config], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"the run folder can't be made in .*File name too long"):
        claim(tiny(f"paths.outputs={tmp_path}", f"name={'n' * 300}"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc, in which nobody makes folders")
def test_a_place_in_which_no_folder_can_be_made_is_named(tiny: Callable[..., Config]) -> None:
    with pytest.raises(InputError, match=r"can't be made in /proc/x: .*\(/proc/x\)\. Grant access"):
        claim(tiny("run_dir=/proc/x"))


def test_a_model_that_no_memory_holds_is_refused_before_text_is_prepared(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("model.hidden_size=10000000", f"paths.cache={tmp_path / 'cache'}")
    monkeypatch.setattr(devices, "physical", lambda: 16e9)
    # Two layers of four square matrices and two to and from 64; two rows per position bucket.
    parameters = 2 * (4 * 10**14 + 2 * 64 * 10**7) + 2 * 256 * 10**7
    with pytest.raises(InputError) as raised:
        train(config)
    for text in (
        "model.hidden_size=10000000, model.layers=2, ",
        f"more than {parameters:,} parameters: training it (weights, gradients, two moments) needs",
        f" {parameters * 16 / 1e9:,.0f} GB of memory, and this machine has 16 GB. Make it smaller",
    ):
        assert text in str(raised.value), raised.value
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"model\.position_buckets=1000000000 has more than"):
        devices.check_memory(tiny("model.position_buckets=1000000000"))
    devices.check_memory(tiny())


def test_a_folder_in_use_is_refused(tiny: Callable[..., Config], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with FileLock(folder / ".lock"), pytest.raises(InputError, match="in use"):
        claim(tiny(f"run_dir={folder}"))
