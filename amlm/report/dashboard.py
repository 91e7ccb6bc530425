"""The drift dashboard in W&B: a saved view of a project, made from code.

It shows what `amlm.training.mirrors.WandbMirror` logs, in the order of the report's page. Runs are
grouped by sweep and by what they are, so that a line is a mean over seeds.
"""

from __future__ import annotations

import re

import wandb_workspaces.reports.v2 as panels
import wandb_workspaces.workspaces as workspaces
from wandb_workspaces import expr

from amlm.report.report_data import DRIFT, KIND, LEARNING, RANK, SPEED
from amlm.util.errors import InputError

NAME = "Masking drift"
TARGET = re.compile(r"([\w.-]+)/([\w.-]+)")
MEASURED = "word|continuation|number|punctuation|byte"  # kinds of token but special ones
PINNED = ("validation/loss", "validation/accuracy", "mask_update/effective_types")


def _line(title: str, key: str) -> panels.LinePlot:
    # W&B has the record's numbers: fractions, bytes.
    title = title.removesuffix(" (%)").replace("(GB)", "(bytes)")
    return panels.LinePlot(title=title, y=[key])


def _lines(title: str, pattern: str) -> panels.LinePlot:
    """A line for each metric whose name matches."""
    return panels.LinePlot(title=title, metric_regex=pattern)


def _sections() -> list[workspaces.Section]:
    learning = [
        *(_line(title, key) for key, (title, _) in LEARNING.items()),
        _lines("held-out accuracy by frequency", "^validation/by_frequency/.*$"),
        _lines("held-out accuracy by part of speech", "^validation/by_part_of_speech/.*$"),
        _lines("scores", "^evaluation/.*/score$"),
    ]
    rank_curves = panels.CustomChart(
        chart_name="wandb/lineseries/v0",  # what `wandb.plot.line_series` makes
        query={"summaryTable": {"tableKey": "mask_update/rank_curves_table"}},
        chart_fields={"step": "step", "lineKey": "lineKey", "lineVal": "lineVal"},
        chart_strings={
            "title": "Mean masking probability by frequency rank, update by update",
            "xname": "frequency rank",
        },
    )
    shown = {
        "Learning": learning,
        "Drift": [_line(title, f"mask_update/{name}") for name, title in DRIFT.items()],
        "Masking probability": [
            _lines("by frequency rank", f"^{RANK}/.*$"),
            rank_curves,
            _lines("by kind of token", f"^{KIND}/({MEASURED})$"),
        ],
        "Types masked most and least": [
            panels.WeavePanelSummaryTable(table_name="mask_update/extreme_types")
        ],
        "Speed and memory": [_line(title, key) for key, (title, _) in SPEED.items()],
    }
    return [workspaces.Section(name, each, is_open=True) for name, each in shown.items()]


def dashboard(target: str) -> workspaces.Workspace:
    """The view, not yet saved.

    Args:
        target: ``<entity>/<project>``.

    Raises:
        InputError: the target has another form.
    """
    found = TARGET.fullmatch(target)
    if found is None:
        raise InputError(
            f"wandb={target} is not of the form <entity>/<project>: give your W&B user or team and "
            "the project that the runs are in, e.g. wandb=my-team/amlm"
        )
    entity, project = found.groups()
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=_sections(),
        runset_settings=workspaces.RunsetSettings(
            # `amlm.compare` logs its tables to a run of its own.
            filters=[expr.Metric("JobType") != "comparison"],
            groupby=[expr.Metric("Group"), expr.Metric("JobType")],
            order=[expr.Ordering(expr.Metric("Name"))],
            pinned_columns=[f"summary:{key}" for key in PINNED],
        ),
    )


def save_dashboard(target: str) -> None:
    """Saves the view in a project of W&B, as a new one each time, and prints its address.

    Raises:
        InputError: the target has another form, there is no account or no connection, or W&B
            refuses.
    """
    view = dashboard(target)
    try:
        view.save()
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"wandb={target}: W&B did not save the dashboard ({reason}): log in with `wandb "
            "login`, check the connection, and that the project has runs (of logger=wandb: "
            "`wandb sync` those trained offline)"
        ) from error
