"""What a training imports before its first step, in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

# A replay without the folder of a run ends as soon as all is imported.
START = """
import gc, sys
from amlm.config.schema import Config
from amlm.train import train
from amlm.util.errors import InputError
config = Config(run_dir="none")
config.trainer.replay = True
try:
    train(config)
except InputError as error:
    print(error)
heavy = {"matplotlib", "scipy.signal", "scipy.stats", "transformers"}
print("imported:", *sorted({"lightning", "torchmetrics", *heavy} & set(sys.modules)))
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
from torchmetrics.utilities.imports import _MATPLOTLIB_AVAILABLE, _TORCH_GREATER_EQUAL_2_1
print(bool(_MATPLOTLIB_AVAILABLE), bool(_TORCH_GREATER_EQUAL_2_1))
"""


def test_a_training_starts_without_what_it_does_not_use() -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    error, *found = done.stdout.splitlines()
    assert "none" in error
    assert found == ["imported: lightning torchmetrics", "True True", "False True"]
