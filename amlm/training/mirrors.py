"""Mirrors of the run's log: CSV, TensorBoard and Weights & Biases (none of them is needed)."""

from __future__ import annotations

import csv
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlm.config.schema import Config, as_dict
from amlm.training.record import Mirror, Record, scalars
from amlm.util.errors import InputError


class CsvMirror:
    """``metrics.csv`` in long form: step, name, value.

    ``history`` is what the log holds already, when a run goes on.
    """

    def __init__(self, folder: Path, history: list[Record]) -> None:
        self.path = folder / "metrics.csv"
        self.path.unlink(missing_ok=True)
        self._append([("step", "name", "value")])
        for record in history:
            self.write(record, None)

    def _append(self, rows: list[tuple[Any, ...]]) -> None:
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    def write(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        step = record.get("step", "")
        self._append([(step, name, value) for name, value in scalars(record).items()])

    def close(self, failed: bool) -> None:
        pass


class TensorBoardMirror:
    """Event files in ``tensorboard/``: every number, and a histogram of the table."""

    def __init__(self, folder: Path, history: list[Record]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # A run that goes on hides what its predecessor wrote beyond the checkpoint.
        last = max((record.get("step", 0) for record in history), default=None)
        purge = None if last is None else last + 1
        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def write(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        step = record.get("step")
        for name, value in scalars(record).items():
            self.writer.add_scalar(name, value, step)
        if table_V is not None:
            self.writer.add_histogram("mask_update/table", table_V, step)

    def close(self, failed: bool) -> None:
        self.writer.close()


class WandbMirror:
    """A Weights & Biases run: every number, the table as a histogram, its curve over frequency
    ranks, and the types masked most and least as a table.

    Offline runs need no account; they lie in ``wandb/`` of the run folder until ``wandb sync``.
    """

    def __init__(self, folder: Path, config: Config, history: list[Record]) -> None:
        import wandb

        self.wandb = wandb
        self.run = wandb.init(
            project=config.logger.project,
            entity=config.logger.entity,
            mode="online" if config.logger.mode == "online" else "offline",
            dir=str(folder),
            name=f"{config.name}-seed{config.seed}",
            id=hashlib.blake2b(str(folder.resolve()).encode(), digest_size=6).hexdigest(),
            resume="allow",
            group=config.sweep,
            job_type=config.name,
            config=as_dict(config),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._curves = {
            f"step {record['step']}": list(record["by_frequency_rank"].values())
            for record in history
            if record["kind"] == "mask_update"
        }

    def write(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        step = record.get("step")
        values: dict[str, Any] = dict(scalars(record))
        if record["kind"] == "summary":
            self.run.summary.update(values)
            return
        if record["kind"] == "mask_update":
            assert table_V is not None
            values["mask_update/table"] = self.wandb.Histogram(table_V, num_bins=64)
            values["mask_update/extreme_types"] = self.wandb.Table(
                columns=["masked most", "w", "masked least", "w "],
                data=[
                    [high, w_high, low, w_low]
                    for (high, w_high), (low, w_low) in zip(
                        record["highest"], record["lowest"], strict=True
                    )
                ],
            )
            curve = record["by_frequency_rank"]
            self._curves[f"step {step}"] = list(curve.values())
            values["mask_update/rank_curves"] = self.wandb.plot.line_series(
                xs=[int(bin.split("-")[0]) for bin in curve],
                ys=list(self._curves.values()),
                keys=list(self._curves),
                title="Mean masking probability by frequency rank",
                xname="frequency rank",
            )
        self.run.log(values, step=step)

    def close(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


def make_mirrors(config: Config, folder: Path, history: list[Record]) -> list[Mirror]:
    """The mirrors that ``logger=`` asks for.

    Args:
        config: a missing package was caught by `check_logger`.
        folder: the run folder.
        history: what the log holds already, when a run goes on.

    Raises:
        InputError: W&B can't be reached or wants an account.
    """
    name = config.logger.name
    if name == "csv":
        return [CsvMirror(folder, history)]
    if name == "tensorboard":
        return [TensorBoardMirror(folder, history)]
    if name == "wandb":
        try:
            return [WandbMirror(folder, config, history)]
        except Exception as error:
            raise InputError(
                f"logger=wandb did not start ({error}): log in with `wandb login`, or use "
                "logger.mode=offline"
            ) from error
    return []


def check_logger(config: Config) -> None:
    """Raises InputError if the package of ``logger=`` is not installed."""
    name = config.logger.name
    if name in ("wandb", "tensorboard") and find_spec(name) is None:
        raise InputError(f"logger={name} needs its package: pip install 'amlm[{name}]'")
