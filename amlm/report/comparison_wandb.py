"""Logs the tables of a comparison to W&B."""

from __future__ import annotations

from amlm.report.comparison import Comparison
from amlm.report.comparison_text import cells, claims, title
from amlm.util.optional import optional


def log_tables(found: Comparison, project: str) -> None:
    """Logs one W&B table per metric and one of claims, in a run of its own.

    ``WANDB_MODE=offline`` needs no account.

    Raises:
        InputError: W&B is not installed.
    """
    wandb = optional("wandb", f"wandb={project}", "wandb")
    against = ", ".join(found.baselines)
    with wandb.init(project=project, job_type="comparison", name=f"against {against}") as run:
        for table in found.tables:
            head, *rows = cells(table)
            # Columns of W&B need names of their own.
            named = ["group", *head[1:]]
            named[named.index("difference") + 1] = "difference interval"
            run.log({title(table): wandb.Table(columns=named, data=rows)})
        run.log({"claims": wandb.Table(columns=["claim"], data=[[each] for each in claims(found)])})
