"""The export command: what goes to which stream, and where the artifact goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support.storage.files import contents
from tflite_serving.contract.manifest import Manifest, read_manifest

Cli = Callable[..., Result]

Recipes = Callable[..., Path]


def test_an_export_that_is_piped_speaks_plainly_on_the_right_streams(
    recipe_for: Recipes, tmp_path: Path
) -> None:
    (tmp_path / "talkative.py").write_text(
        "import os, sys, warnings\n"
        "import numpy as np\n"
        "def splits():\n"
        "    print('printed by the data')\n"
        "    warnings.warn('warned by the data')\n"
        f"    a = np.load({str(tmp_path / 'd.npz')!r})\n"
        "    return {n: (a['x_' + n], a['y_' + n]) for n in ('train', 'validation', 'test')}\n"
    )
    recipe = recipe_for("dense", publish__alias="production")
    from tests.support.models.keras_models import flowers, save_npz

    save_npz(tmp_path / "d.npz", flowers)
    command = [sys.executable, "-m", "model_export", "export", str(recipe)]
    command += ["--registry", str(tmp_path / "registry"), "--set", "data.source=talkative:splits"]
    environment = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "COLUMNS"}}
    process = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, check=False, env=environment
    )
    assert process.returncode == 0, process.stderr
    manifest = read_manifest(process.stdout)
    assert len(process.stdout.splitlines()) == 1
    published = tmp_path / "registry" / "models" / "dense" / "versions" / manifest.version
    assert read_manifest((published / "manifest.json").read_text()) == manifest
    lines = process.stderr.splitlines()
    steps = [line.split()[0] for line in lines if line.startswith("  ")]
    assert steps == [
        "load",
        "data",
        "reference",
        "convert",
        "compare",
        "float32",
        "measure",
        "verify",
        "publish",
    ]
    # Nothing but the steps, and what the user's own code printed.
    assert [line for line in lines if not line.startswith("  ")] == ["printed by the data"]
    assert "\x1b" not in process.stderr + process.stdout
    assert "\r" not in process.stderr


def test_people_are_told_the_candidates_and_the_place(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    result = cli("export", recipe_for("dense"), "--registry", tmp_path / "registry")
    assert result.exit_code == 0
    (folder,) = (tmp_path / "registry").glob("models/dense/versions/*")
    assert "float32" in result.stdout
    assert "published float32; accuracy " in result.stdout
    assert str(folder) in result.stdout
    assert f"no alias names it: serve it as MODELS=dense@{folder.name}, or" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_dry_run_measures_and_publishes_nothing(
    cli: Cli, recipe_for: Recipes, registry: tuple[Path, Manifest]
) -> None:
    before = contents(registry[0])
    recipe = recipe_for("dense", publish__registry=str(registry[0]), publish__alias="production")
    result = cli("export", recipe, "--dry-run")
    assert result.exit_code == 0
    assert "dry run: float32 would be published" in result.stdout
    assert contents(registry[0]) == before


def test_a_relative_registry_of_the_recipe_lies_beside_it(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    recipe = recipe_for("dense", publish__registry="here/it/is")
    assert cli("export", recipe).exit_code == 0
    assert list((tmp_path / "here/it/is").glob("models/dense/versions/*/manifest.json"))


def test_an_interrupted_export_says_how_to_go_on(
    recipe_for: Recipes, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_export.steps.evaluate.CandidateEvaluation.run", interrupted)
    recipe = recipe_for("dense")
    result = cli("export", recipe, "--registry", tmp_path / "registry")
    assert result.exit_code == 130
    assert "error: interrupted; --resume goes on where it was\n" in result.stderr
    assert not (tmp_path / "registry").exists()
    monkeypatch.undo()
    again = cli("export", recipe, "--registry", tmp_path / "registry", "--resume")
    assert again.exit_code == 0
    assert "published float32" in again.stdout


def test_unfinished_work_is_kept_where_it_is_wanted(
    recipe_for: Recipes, cli: Cli, tmp_path: Path
) -> None:
    recipe = recipe_for("dense")
    result = cli("export", recipe, "--dry-run", "--work", tmp_path / "elsewhere")
    assert result.exit_code == 0
    assert (tmp_path / "elsewhere/.model_export/dense/float32.tflite").is_file()
    assert not (tmp_path / ".model_export").exists()
