"""The notebook: executed as Jupyter does, it trains, exports, serves and compares."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import ROOT
from tests.support.programs.tool_environment import tool_environment

HERE = ROOT / "tests" / "examples" / "notebook"
NOTEBOOK = ROOT / "examples" / "notebook" / "flowers.ipynb"
Outputs = list[list[dict[str, Any]]]


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """The outputs of each cell that is code."""
    folder = tmp_path_factory.mktemp("notebook")
    python = tool_environment(HERE / "requirements.txt", ROOT / "build" / "notebook") / "python"
    # The kernel is the tool's own; what the notebook imports is ours.
    ours = [ROOT, ROOT / "functions", sysconfig.get_path("purelib")]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, ours)), "IPYTHONDIR": str(folder)}
    done = subprocess.run(
        [python, HERE / "execute.py", NOTEBOOK, folder, folder / "executed.ipynb"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [cell["outputs"] for cell in code_cells(folder / "executed.ipynb")]


def shown(output: dict[str, Any], kind: str = "text/plain") -> str:
    return "".join(output["data"][kind])


def test_the_notebook_in_the_tree_has_no_outputs() -> None:
    assert [c for c in code_cells(NOTEBOOK) if c["outputs"] or c["execution_count"]] == []


def test_an_export_shows_its_progress_and_its_candidates(outputs: Outputs) -> None:
    progress, result = outputs[2]
    assert progress["output_type"] == "display_data"
    assert "publish" in shown(progress)
    assert "…" not in shown(progress).splitlines()[-1]  # no step is under way
    assert "chosen" in shown(result)
    assert "float32" in shown(result, "text/html")
    assert shown(result, "text/html").startswith("<pre")


def test_native_logs_and_warnings_stay_out(outputs: Outputs) -> None:
    streams = [
        output for cell in outputs[2:] for output in cell if output["output_type"] == "stream"
    ]
    assert [stream["name"] for stream in streams] == ["stdout"]  # the recipe


def test_what_is_served_is_what_keras_predicts(outputs: Outputs) -> None:
    (answer,), (difference,) = outputs[3], outputs[4]
    assert "'label': '" in shown(answer)
    assert float(shown(difference)) < 0.02


def test_the_recipe_is_shown(outputs: Outputs) -> None:
    (recipe,) = outputs[5]
    assert 'name = "flowers"' in "".join(recipe["text"])
