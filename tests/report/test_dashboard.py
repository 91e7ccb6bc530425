"""The dashboard against a real offline run, whose keys it must show, and saved through W&B's own
client to a server that stands in for W&B's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from amlm.config.command_line import check_command
from amlm.config.composition import parse
from amlm.config.schema import Config
from amlm.report.__main__ import COMMAND, ReportOptions, report
from amlm.report.report_data import KIND
from amlm.train import train
from amlm.util.errors import InputError
from tests import local_server
from tests.training.offline_wandb import wandb_charts, wandb_records

wandb = pytest.importorskip("wandb")
pytest.importorskip("wandb_workspaces")

from amlm.report.dashboard import dashboard  # noqa: E402

TINY_RUN = (
    *("experiment=hard_decay", "trainer.max_steps=4", "masking.update_every=2", "logger=wandb"),
    *("evaluation.tasks=[sample]", "evaluation.items=1", "name=tiny"),
)
ON_A_GPU = {"train/peak_device_memory"}  # is logged there alone


@dataclass(frozen=True)
class Logged:
    """What W&B has of a tiny run, trained offline."""

    keys: set[str]  # of its history
    charts: dict[str, dict[str, Any]]
    run: Any


@pytest.fixture(scope="module")
def logged(tiny_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Logged:
    outputs = tmp_path_factory.mktemp("outputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        config = parse(Config, [*tiny_overrides, *TINY_RUN, f"paths.outputs={outputs}"])
        config.sweep = "grid-7"  # as --multirun sets it
        folder = train(config).folder
    history, run = wandb_records(folder)
    return Logged({key for row in history for key in row}, wandb_charts(folder), run)


def written(target: str = "team/babies") -> dict[str, Any]:
    """The view as W&B gets it."""
    text = dashboard(target)._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)
    return dict(json.loads(text)["section"])


def panels(section: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and configuration of each panel of a view."""
    for each in section["panelBankConfig"]["sections"]:
        for panel in each["panels"]:
            yield panel["viewType"], panel["config"]


def test_every_panel_shows_what_a_run_logs(logged: Logged) -> None:
    shown: dict[str, int] = {}
    for kind, config in panels(written()):
        shown[kind] = shown.get(kind, 0) + 1
        if kind == "Run History Line Plot":
            pattern = config.get("metricRegex")
            assert bool(pattern) != bool(config["metrics"])
            assert set(config["metrics"]) <= logged.keys | ON_A_GPU, config
            if pattern:
                assert any(re.fullmatch(pattern, key) for key in logged.keys), pattern
        elif kind == "Vega2":
            (table,) = re.findall(r"\"(mask_update/\w+)_table\"", json.dumps(config))
            chart = logged.charts[table]
            assert f"{table}_table/_type" in logged.keys
            assert chart["panelDefId"] == config["panelDefId"]
            assert chart["fieldSettings"] == config["fieldSettings"]
        else:
            (table,) = re.findall(r"\"(mask_update/\w+)\"", json.dumps(config))
            assert f"{table}/_type" in logged.keys
    assert shown.keys() == {"Run History Line Plot", "Vega2", "Weave"}


def test_kinds_of_token_are_all_shown_but_special_ones(logged: Logged) -> None:
    patterns = [config.get("metricRegex", "") for _, config in panels(written())]
    (pattern,) = (each for each in patterns if KIND in each)
    kinds = {key for key in logged.keys if key.startswith(f"{KIND}/")}
    assert {key for key in kinds if not re.fullmatch(pattern, key)} == {f"{KIND}/special"}


def test_runs_are_grouped_by_sweep_and_by_what_they_are(logged: Logged) -> None:
    (runs,) = written()["runSets"]
    assert [key["name"] for key in runs["grouping"]] == ["group", "jobType"]
    assert (logged.run.run_group, logged.run.job_type) == ("grid-7", "tiny")
    assert logged.run.display_name == "tiny-seed0"
    (others,) = runs["filters"]["filters"]
    assert (others["key"]["name"], others["op"]) == ("jobType", "!=")
    assert others["value"] == "comparison"  # what `amlm.compare` logs
    columns = [name.removeprefix("summary:") for name in runs["runFeed"]["columnOrder"][1:]]
    assert columns and set(columns) <= logged.keys


def save(question: dict[str, Any]) -> dict[str, Any]:
    view = {"id": "1", "name": question["variables"]["name"]}
    return {"data": {"upsertView": {"view": view, "inserted": True}}}


class Server(local_server.Server):
    """Stands in for W&B's: answers GraphQL with ``answer`` and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], dict[str, Any]] = save


class Handler(local_server.Handler):
    server: Server

    def do_POST(self) -> None:
        body, answer = self.body(), dict[str, Any]()
        if self.path == "/graphql":
            question = json.loads(body)
            user = {"id": "1", "username": "me", "entity": "me", "flags": "{}", "email": ""}
            answer = {"data": {"viewer": {**user, "teams": {"edges": []}}}}
            if "upsertView" in question["query"]:
                self.server.asked.append(question["variables"])
                answer = self.server.answer(question)
        self.send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with local_server.serving(Server()) as stub:
        monkeypatch.setenv("WANDB_BASE_URL", stub.address)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        wandb.teardown()  # its settings are read once
        yield stub
        wandb.teardown()


def test_the_command_saves_the_view(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    report(parse(ReportOptions, ["wandb=team/babies"]))
    (view,) = server.asked
    assert (view["entityName"], view["projectName"]) == ("team", "babies")
    assert (view["displayName"], view["type"]) == ("Masking drift", "project-view")
    saved = json.loads(view["spec"])["section"]
    assert [config for _, config in panels(saved)] == [config for _, config in panels(written())]
    assert saved["runSets"] == written()["runSets"]
    assert f"{server.address}/team/babies?nw=" in capfd.readouterr().err


def test_what_wandb_refuses_is_one_line_with_what_to_do(server: Server) -> None:
    server.answer = lambda _: {"errors": [{"message": "project\nnot found"}], "data": None}
    with pytest.raises(InputError) as error:
        report(parse(ReportOptions, ["wandb=team/babies"]))
    text = str(error.value)
    assert text.startswith("wandb=team/babies: W&B did not save the dashboard (")
    assert "project not found" in text and "\n" not in text and "`wandb sync`" in text


def test_without_an_account_the_error_says_to_log_in(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))  # without a .netrc
    with pytest.raises(InputError, match=r"^wandb=a/b: .*No API key.*: log in with `wandb login`"):
        report(parse(ReportOptions, ["wandb=a/b"]))
    assert server.asked == []


@pytest.mark.parametrize("target", ["babies", "a/b/c", "a/", "https://wandb.ai/a/b"])
def test_another_form_of_project_is_refused(target: str) -> None:
    with pytest.raises(InputError, match=rf"^wandb={target} is not .*: give your .*my-team/amlm"):
        dashboard(target)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], r"^give runs=.* and out=<folder> for a page, or wandb="),
        (["runs=[x]"], "^give out=<folder> for a page$"),
        (["out=x"], "^give runs=<folders of runs> for a page$"),
        (["out=x", "wandb=a/b"], "^give runs=<folders of runs> for a page$"),
    ],
)
def test_a_report_without_runs_a_place_or_a_project_is_refused(
    arguments: list[str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check_command(COMMAND, arguments)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "amlm.report.dashboard")
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports", None)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(InputError, match=r"wandb=a/b needs .*: pip install 'amlm\[wandb\]'"):
        report(ReportOptions(wandb="a/b"))
