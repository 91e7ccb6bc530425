"""Mirrors of the record in Lightning's loggers for CSV, TensorBoard and Weights & Biases.

All are optional: the log has everything, and when a mirror fails, the run continues without it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from configparser import ConfigParser, Error
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from numpy.typing import NDArray

from amlm.config.run_name import shortened
from amlm.config.run_schema import LoggerConfig
from amlm.training.record import Record, read_tables, scalars
from amlm.training.run_description import wandb_id
from amlm.training.run_log import Mirror, RunLog
from amlm.util.errors import InputError
from amlm.util.terminal import say

# Longest texts of a W&B run, which offline runs meet only when they are synced.
LONGEST = {"name": 128, "group": 128, "job_type": 64}


class CsvMirror(Mirror, CSVLogger):
    """``metrics.csv``: a row for each record, a column for each number."""


class TensorBoardMirror(Mirror, TensorBoardLogger):
    """Event files in ``tensorboard/``: every number, and a histogram of the table."""

    def show(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        super().show(record, table_V)
        if table_V is not None:
            self.experiment.add_histogram("mask_update/table", table_V, record["step"])


class WandbMirror(Mirror, WandbLogger):
    """A Weights & Biases run: every number, the table as a histogram, its curve over frequency
    ranks, and the types masked most and least as a table.

    Offline runs need no account; they lie in ``wandb/`` of the run folder until ``wandb sync``.
    Each start makes a folder there; that of a resumed run begins with its history, so that the last
    one is complete.
    """

    def __init__(self, run_log: RunLog, history: Sequence[Record], **options: Any) -> None:
        import wandb

        # Lightning's own call passes a setting that W&B warns about.
        experiment = wandb.init(
            dir=os.environ.get("WANDB_DIR") or str(run_log.folder),
            id=wandb_id(run_log.folder),
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
            **options,
        )
        super().__init__(run_log, experiment=experiment, save_dir=run_log.folder)
        self._curves: dict[str, list[float]] = {}
        if experiment.resumed:  # W&B's server has the history
            for record in history:
                if record["kind"] == "mask_update":
                    self._keep_curve(record)
        elif history:
            tables = dict(zip(*read_tables(run_log.folder), strict=True))
            for record in history:
                update = record["kind"] == "mask_update"
                self.log_record(record, tables[record["step"]] if update else None)
            folder = Path(experiment.dir).parent
            say(
                f"wandb    {folder} has the history up to step {run_log.step:,} too: of this run, "
                "`wandb sync` the last folder alone"
            )

    def _keep_curve(self, record: Record) -> None:
        self._curves[f"step {record['step']}"] = list(record["by_frequency_rank"].values())

    def put(self, values: dict[str, Any], step: int) -> None:
        # With the step, so that a resumed run does not log the same step twice.
        self.experiment.log(values, step=step)

    def show(self, record: Record, table_V: NDArray[np.float32] | None) -> None:
        if record["kind"] == "summary":
            self.experiment.summary.update(scalars(record))
            return
        if record["kind"] == "health":
            self.experiment.alert(title=record["event"], text=record["message"])
        pictures = {} if table_V is None else self._pictures(record, table_V)
        self.put({**scalars(record), **pictures}, record["step"])

    def _pictures(self, record: Record, table_V: NDArray[np.float32]) -> dict[str, Any]:
        import wandb

        pairs = zip(record["highest"], record["lowest"], strict=True)
        curve = record["by_frequency_rank"]
        self._keep_curve(record)
        return {
            "mask_update/table": wandb.Histogram(table_V, num_bins=64),
            "mask_update/extreme_types": wandb.Table(
                columns=["masked most", "w", "masked least", "w "],
                data=[[*high, *low] for high, low in pairs],
            ),
            "mask_update/rank_curves": wandb.plot.line_series(
                xs=[int(bin.split("-")[0]) for bin in curve],
                ys=list(self._curves.values()),
                keys=list(self._curves),
                title="Mean masking probability by frequency rank",
                xname="frequency rank",
            ),
        }

    def close(self, failed: bool) -> None:
        self._try(self.experiment.finish, int(failed))


def _wandb_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What `wandb init` and `wandb disabled` noted for the user and for this folder."""
    user = Path(environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb")
    here = Path(environ.get("WANDB_DIR") or ".") / "wandb"
    parser = ConfigParser(interpolation=None)
    try:
        parser.read([user.expanduser() / "settings", here / "settings"], encoding="utf-8")
    except (Error, UnicodeDecodeError, RuntimeError):  # the last: no home folder
        return {}
    return dict(parser["default"]) if "default" in parser else {}


def _check_wandb_folder(environ: Mapping[str, str]) -> None:
    """Raises InputError if W&B would fall back to the temporary folder."""
    if folder := environ.get("WANDB_DIR"):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK | os.R_OK)
        except OSError:
            writable = False
        if not writable:
            raise InputError(
                f"WANDB_DIR={folder} can't be written to, and W&B would use the temporary folder "
                "instead: name another folder, or unset it for that of the run"
            )


def wandb_account(
    options: LoggerConfig, environ: Mapping[str, str]
) -> tuple[dict[str, str | None], list[str]]:
    """Project, entity and mode for W&B, and remarks on its environment variables for the terminal.

    As W&B users expect, an option that is given wins over a variable, that over W&B's settings
    files, and those over our default.
    """
    usual = {"project": "amlm", "entity": None, "mode": "offline"} | {
        name: value
        for name, value in _wandb_settings(environ).items()
        if name in ("project", "entity", "mode")
    }
    found: dict[str, str | None] = {}
    remarks = []
    for name, default in usual.items():
        variable, given = f"WANDB_{name.upper()}", getattr(options, name)
        set_to = environ.get(variable) or None
        found[name] = given or set_to or default
        if given and set_to and given != set_to:
            remarks.append(f"logger.{name}={given} wins over {variable}={set_to}")
    if environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes"):
        found["mode"] = "disabled"
    if found["mode"] == "disabled":
        remarks.append("off, as WANDB_MODE, WANDB_DISABLED or `wandb disabled` says")
    remarks += [
        f"{name} has no effect: the run sets its own"
        for name in ("WANDB_RUN_ID", "WANDB_NAME", "WANDB_RUN_GROUP", "WANDB_JOB_TYPE")
        if environ.get(name)
    ]
    return found, remarks


def make_mirrors(
    options: LoggerConfig, run_log: RunLog, history: Sequence[Record], **about: Any
) -> list[Mirror]:
    """The mirrors of ``logger=``, whose package is installed (see `check_logger`).

    Args:
        options: the ``logger`` section.
        run_log: to mirror.
        history: records of a resumed run so far.
        about: ``name``, ``group``, ``job_type`` and ``config`` of the run, for W&B.

    Raises:
        InputError: W&B cannot be reached or needs an account.
    """
    folder: dict[str, Any] = {"save_dir": run_log.folder, "version": ""}
    if options.name == "csv":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a folder that is not empty
            csv = CsvMirror(run_log, name="", flush_logs_every_n_steps=1, **folder)
            for record in history:
                csv.log_record(record, None)
        return [csv]
    if options.name == "tensorboard":
        # Hides what was written after the checkpoint that a run resumes from.
        purge = run_log.step + 1 if history else None
        return [TensorBoardMirror(run_log, name="tensorboard", purge_step=purge, **folder)]
    if options.name == "wandb":
        account, remarks = wandb_account(options, os.environ)
        for remark in remarks:
            say(f"wandb    {remark}")
        if account["mode"] == "disabled":
            return []
        _check_wandb_folder(os.environ)
        short = {name: shortened(about[name], n) for name, n in LONGEST.items() if about.get(name)}
        try:
            return [WandbMirror(run_log, history, **account, **about | short)]
        except Exception as error:
            raise InputError(
                f"logger=wandb did not start ({error}): correct what that names, log in with "
                "`wandb login`, or use logger.mode=offline"
            ) from error
    return []


def check_logger(name: str) -> None:
    """Raises InputError if the package of ``logger=<name>`` is not installed."""
    if name in ("wandb", "tensorboard") and find_spec(name) is None:
        raise InputError(f"logger={name} is not installed: pip install 'amlm[{name}]'")
