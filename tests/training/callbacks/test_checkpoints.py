"""Checkpoints hold tensors and plain values: nothing in them is executed on resuming."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from amlm.config.schema import Config
from amlm.train import train
from amlm.training import assemble
from amlm.training.checkpoint_files import newest
from amlm.util.errors import InputError
from amlm.util.files import sha256


class Executes:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


class Remembers(L.Callback):
    """A user's callback with state that is not plain."""

    def state_dict(self) -> dict[str, Any]:
        return {"folder": Path("somewhere")}


def test_nothing_in_a_checkpoint_is_executed(tiny: Callable[..., Config], tmp_path: Path) -> None:
    config = tiny("trainer.max_steps=4", "checkpoints.every=2", f"run_dir={tmp_path / 'run'}")
    (path, state), trace = newest(train(config).folder), tmp_path / "executed"
    (tmp_path / "run" / "run.json").unlink()  # as if it had not finished
    forged = path.with_name("forged")
    torch.save({**state, "more": Executes(trace)}, forged)
    forged = forged.rename(path.with_name(f"step_4-{sha256(forged)[:16]}.ckpt"))
    (path.parent / "last").write_text(forged.name)
    with pytest.raises(InputError, match=r"\.ckpt holds objects other than .*could run code"):
        train(config)
    assert not trace.exists()


def test_state_that_could_not_be_loaded_is_refused_when_it_is_saved(
    tiny: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "build_callbacks", lambda _: [Remembers()])
    with pytest.raises(InputError, match=r"pathlib[\w.]*Path\).*let its state_dict give numbers"):
        train(tiny("trainer.max_steps=4", "checkpoints.every=2"))
