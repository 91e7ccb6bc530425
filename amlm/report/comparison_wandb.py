"""Logs the tables of a comparison to W&B."""

from __future__ import annotations

from amlm.report.comparison import Comparison
from amlm.report.comparison_text import cells, claims, title
from amlm.util.errors import InputError


def log_tables(found: Comparison, project: str) -> None:
    """Logs one W&B table per metric and one of claims, in a run of its own.

    ``WANDB_MODE=offline`` needs no account.

    Raises:
        InputError: W&B is not installed.
    """
    try:
        import wandb
    except ImportError as error:
        raise InputError("wandb=... needs W&B: pip install amlm[wandb]") from error
    with wandb.init(
        project=project, job_type="comparison", name=f"against {found.baseline}"
    ) as run:
        for table in found.tables:
            head, *rows = cells(table)
            columns = [
                "group",
                *head[1:4],
                "interval",
                "difference",
                "difference interval",
                *head[7:],
            ]
            run.log({title(table): wandb.Table(columns=columns, data=rows)})
        run.log({"claims": wandb.Table(columns=["claim"], data=[[each] for each in claims(found)])})
