"""The command line: exit codes, what goes to which stream, and what is left untouched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support.storage.files import contents
from tflite_serving.contract.manifest import Manifest

Cli = Callable[..., Result]

Recipes = Callable[..., Path]


def test_a_budget_that_is_missed_leaves_the_registry_as_it_was(
    cli: Cli,
    recipe_for: Recipes,
    registry: tuple[Path, Manifest],
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = contents(registry[0])
    recipe = recipe_for("dense", publish__alias="production")
    capfd.readouterr()
    result = cli("export", recipe, "--registry", registry[0], "--set", "gate.max_drop=-1")
    assert result.exit_code == 4
    assert "error: no candidate keeps the budget; nothing was published. " in result.stderr
    (row,) = [line for line in capfd.readouterr().err.splitlines() if "over max_drop" in line]
    assert row.split()[0] == "float32"
    assert row.rstrip().endswith("accuracy is 0.0000 worse, 1.0000 over max_drop -1")
    assert result.stdout == ""
    assert contents(registry[0]) == before


def test_a_budget_that_is_missed_makes_no_registry(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    target = tmp_path / "new"
    recipe = recipe_for("dense")
    assert cli("export", recipe, "--registry", target, "--set", "gate.max_drop=-1").exit_code == 4
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no registry: give --registry URI, set publish.registry in the recipe, or --dry-run"),
        (["--dry-run", "--set", "gate.max_dorp=1"], "did you mean 'max_drop'?"),
        (["--dry-run", "--set", "gate"], "expected section.key=value"),
        (["--dry-run", "--set", "data.source=missing.npz"], "missing.npz: expected an npz"),
        (["--dry-run", "--set", "model.labels=['a']"], "recipe.model.labels: expected 3 labels"),
        (["--dry-run", "--set", "inputs.x.units=cm"], "recipe.inputs.x: no such input"),
        (["--unknown"], "No such option"),
    ],
)
def test_a_wrong_use_exits_with_2(
    cli: Cli, recipe_for: Recipes, arguments: list[str], expected: str
) -> None:
    result = cli("export", recipe_for("dense"), *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output


def test_a_recipe_that_is_not_there_exits_with_2_before_tensorflow_is_imported(
    tmp_path: Path,
) -> None:
    program = (
        "import sys\n"
        "from model_export.cli import main\n"
        "try:\n"
        f"    main(['export', {str(tmp_path / 'missing.toml')!r}, '--dry-run'])\n"
        "except SystemExit as exit:\n"
        "    print(exit.code, 'tensorflow' in sys.modules)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert process.stdout == "2 False\n"
    assert "missing.toml: cannot be read" in process.stderr


def test_a_model_that_cannot_be_loaded_exits_with_3(cli: Cli, recipe_for: Recipes) -> None:
    result = cli("export", recipe_for("dense", model__source="missing.keras"), "--dry-run")
    assert result.exit_code == 3
    assert "missing.keras: there is no such file or folder" in result.stderr


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_model_with_code_in_it_exits_with_3(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    import keras

    layers = keras.layers
    twice = layers.Lambda(lambda x: 2 * x, name="twice")
    keras.Sequential([keras.Input((4,)), twice, layers.Dense(3)]).save(tmp_path / "l.keras")
    result = cli("export", recipe_for("dense", model__source="l.keras"), "--dry-run")
    assert result.exit_code == 3
    assert "layer 'twice' (Lambda)" in result.stderr


def test_a_model_that_cannot_be_converted_exits_with_3(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    import keras
    import numpy as np

    layers = keras.layers
    memory = layers.LSTM(3, name="memory")
    head = layers.Dense(3, activation="softmax")
    keras.Sequential([keras.Input((4, 1)), memory, head]).save(tmp_path / "l.keras")
    x, y = np.zeros((3, 4, 1), np.float32), np.arange(3)
    arrays = {
        f"{a}_{n}": v for n in ("train", "validation", "test") for a, v in (("x", x), ("y", y))
    }
    np.savez(tmp_path / "l.npz", allow_pickle=False, **arrays)
    recipe = recipe_for("dense", model__source="l.keras", data__source="l.npz")
    result = cli("export", recipe, "--dry-run")
    assert result.exit_code == 3
    assert "of layer 'memory' (LSTM). A recurrent layer converts" in result.stderr


def test_a_registry_that_cannot_be_written_exits_with_5(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    result = cli("export", recipe_for("dense"), "--registry", tmp_path / "file")
    assert result.exit_code == 5
    assert "error: " in result.stderr
    assert "Traceback" not in result.output


def test_an_address_that_is_no_registry_exits_with_5_before_any_work(
    cli: Cli, recipe_for: Recipes, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_for("dense")
    capfd.readouterr()
    result = cli("export", recipe, "--registry", "s3://bucket")
    assert result.exit_code == 5
    assert "expected gs://bucket[/prefix], file:///folder or a path" in result.stderr
    assert "load" not in capfd.readouterr().err


def test_an_alias_that_is_damaged_exits_with_5_and_is_left_alone(
    cli: Cli, recipe_for: Recipes, registry: tuple[Path, Manifest]
) -> None:
    alias = registry[0] / "models/dense/aliases/production.json"
    alias.write_text("{")
    recipe = recipe_for("dense", publish__alias="production")
    result = cli("export", recipe, "--registry", registry[0])
    assert result.exit_code == 5
    assert "damaged" in result.stderr
    assert alias.read_text() == "{"


def test_a_place_for_work_that_cannot_be_written_exits_with_2(
    recipe_for: Recipes, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    result = cli("export", recipe_for("dense"), "--dry-run", "--work", tmp_path / "file/folder")
    assert result.exit_code == 2
    assert "give another folder with --work" in result.stderr


def test_a_bug_shows_itself(recipe_for: Recipes, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("model_export.pipeline.export", broken)
    with pytest.raises(KeyError, match="a bug"):
        cli("export", recipe_for("dense"), "--dry-run")
