"""The notebooks: they run from the first cell to the last, and are stored without results."""

from __future__ import annotations

import ast
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in PATHS]


def cells(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8"))["cells"])


def printed(notebook: Any) -> str:
    """All text that the cells of a notebook have printed or returned."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [each.get("text") or each.get("data", {}).get("text/markdown", "") for each in outputs]
    return "".join(texts)


def test_there_are_the_four_notebooks_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert NAMES == ["1_tour", "2_drift", "3_compare", "4_signal"]
    assert all(f"notebooks/{name}.ipynb" in readme for name in NAMES)


# One test, with one kernel, whose imports alone take seconds; and the runs are shared.
def test_all_notebooks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    folder = tmp_path / "work"
    folder.mkdir()
    client, done = None, {}
    for path in PATHS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
        if client is None:
            resources = {"metadata": {"path": str(folder)}}
            client = NotebookClient(notebook, timeout=300, resources=resources)
        client.nb = notebook
        client.execute(cleanup_kc=path == PATHS[-1])  # an error in a cell is raised
        done[path.stem] = printed(notebook)
    assert "mean over maskable positions: 0.40" in done["1_tour"]
    assert "corrected for 4 comparisons" in done["3_compare"]
    assert "signal probability" in done["4_signal"]
    assert "masking.signal.prior" in done["4_signal"]
    # What they write is in one folder that git ignores.
    assert {each.name for each in folder.iterdir()} == {"outputs"}


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_no_results_are_stored(path: Path) -> None:
    for cell in cells(path):
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_only_public_names_are_imported(path: Path) -> None:
    source = "\n".join(
        line
        for cell in cells(path)
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
        if not line.startswith("%")
    )
    ours = 0
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, ast.Import) or not any(
            name.name.startswith(("amlm", "tests")) for name in node.names
        )
        if isinstance(node, ast.ImportFrom) and node.module and node.module != "mysignals":
            assert not node.module.startswith("tests")
            for name in node.names:
                assert not re.search(r"(^|\.)_", f"{node.module}.{name.name}")
                assert hasattr(import_module(node.module), name.name)
            ours += node.module.startswith("amlm.")
    assert ours > 3
