"""The command line: exit codes, what goes to which stream, and what is left untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from model_export.registry.open import open_writable
from tests.support.models.tiny import LABELS, publish_tiny
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import Manifest, read_manifest

Cli = Callable[..., Result]
Recipes = Callable[..., Path]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def registry(tmp_path: Path) -> tuple[Path, Manifest]:
    """A registry that has a version and an alias."""
    folder = tmp_path / "registry"
    manifest = publish_tiny(open_writable(str(folder)), tmp_path / "tiny", name="dense")
    return folder, manifest


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


def test_an_artifact_is_shown_to_people_and_to_programs(
    cli: Cli, registry: tuple[Path, Manifest]
) -> None:
    folder, manifest = registry
    uri = f"{folder}/models/dense/versions/{manifest.version}"
    result = cli("show", uri)
    assert result.exit_code == 0
    for fact in (manifest.version, "features  4 float32, cm", ", ".join(LABELS), "60 examples"):
        assert fact in result.stdout
    for form in (uri, f"{uri}/", f"{uri}/manifest.json", f"file://{uri}"):
        shown = cli("show", form, "--json")
        assert read_manifest(shown.stdout) == manifest


@pytest.mark.parametrize("place", ["", "/", "/aliases/production", "/aliases/production.json"])
def test_an_alias_is_shown_with_its_history_by_its_uri_or_its_models(
    cli: Cli, registry: tuple[Path, Manifest], place: str
) -> None:
    folder, manifest = registry
    shown = cli("show", f"{folder}/models/dense{place}")
    assert f"dense@production → {manifest.version}" in shown.stdout
    assert "publish" in shown.stdout
    document = json.loads(cli("show", f"{folder}/models/dense{place}", "--json").stdout)
    assert document["version"] == manifest.version
    assert document["history"][0]["action"] == "publish"


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("", 2, "expected <registry>/models/<name>, or that with /versions/<version> or /aliases"),
        ("/models/dense/versions", 2, "expected <registry>/models/<name>, or that with /versions"),
        ("/models/dense/labels/x", 2, "expected versions or aliases after the model, got 'labels'"),
        ("/models/dense/versions/20260101T000000Z-01234567", 5, "20260101T000000Z-01234567"),
        ("/models/dense/aliases/staging", 5, "staging.json: there is no such file; the model has "),
        ("/models/other", 5, "other/aliases/production.json: there is no such file; there is no"),
    ],
)
def test_a_uri_that_names_nothing_is_refused(
    cli: Cli, registry: tuple[Path, Manifest], path: str, code: int, expected: str
) -> None:
    result = cli("show", f"{registry[0]}{path}")
    assert result.exit_code == code
    assert expected in result.stderr
    assert result.stdout == ""


def test_names_with_brackets_are_shown_as_they_are(cli: Cli, tmp_path: Path) -> None:
    store = open_writable(str(tmp_path / "registry"))
    manifest = publish_tiny(store, tmp_path / "tiny")
    path = tmp_path / f"registry/models/iris/versions/{manifest.version}/manifest.json"
    path.write_text(path.read_text().replace('"virginica"', '"[/red] :smile: [bold]"'))
    shown = cli("show", f"{tmp_path}/registry/models/iris/versions/{manifest.version}")
    assert "setosa, versicolor, [/red] :smile: [bold]" in shown.stdout


def test_versions_are_listed_newest_first_with_their_aliases(
    cli: Cli, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder, old = registry
    store = open_writable(str(folder))
    later = datetime(2026, 5, 1, tzinfo=UTC)
    new = publish_tiny(
        store, tmp_path / "new", name="dense", variant="static_int8", created_at=later, alias="next"
    )
    other = publish_tiny(store, tmp_path / "other", name="aster", alias=None)
    lines = [line for line in cli("list", folder).stdout.splitlines() if "Z-" in line]
    assert [line.split()[:2] for line in lines] == [
        ["aster", other.version],
        ["dense", new.version],
        ["dense", old.version],
    ]
    assert "next" in lines[1]
    assert "static_int8" in lines[1]
    assert "accuracy 1.0000" in lines[2]
    rows = [json.loads(line) for line in cli("list", folder, "dense", "--json").stdout.splitlines()]
    assert [row["version"] for row in rows] == [new.version, old.version]
    assert rows[1] == {
        "name": "dense",
        "version": old.version,
        "created_at": old.created_at,
        "aliases": ["production"],
        "variant": "float32",
        "metric": "accuracy",
        "quality": 1.0,
        "bytes": old.files["model.tflite"].bytes,
    }


def test_a_release_and_its_undoing_say_what_answered_before(
    cli: Cli, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder, old = registry
    later = datetime(2026, 5, 1, tzinfo=UTC)
    store = open_writable(str(folder))
    new = publish_tiny(store, tmp_path / "new", name="dense", created_at=later, alias="staging")
    there = ("--registry", folder)
    told = cli("promote", "dense", "staging", "production", *there)
    assert told.stdout == f"dense@production: {new.version}, before: {old.version}\n"
    told = cli("promote", "dense", "staging", "production", *there)
    assert told.stdout == f"dense@production: {new.version}, as before\n"
    told = cli("rollback", "dense", "production", *there)
    assert told.stdout == f"dense@production: {old.version}, before: {new.version}\n"
    path = folder / layout.alias_path("dense", "production")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["canary"] = {"version": new.version, "percent": 5}
    path.write_text(json.dumps(document), encoding="utf-8")
    told = cli("show", path.with_suffix("").as_uri())
    assert f"canary: {new.version} at 5 %; this release serves one version" in told.stdout
    told = cli("promote", "dense", old.version, "production", *there)
    assert told.stdout == (
        f"dense@production: {old.version}, as before; ended: canary {new.version} at 5 %\n"
    )
    assert cli("promote", "dense", "nightly", "production", *there).exit_code == 5


def test_an_empty_registry_says_so_beside_stdout(cli: Cli, tmp_path: Path) -> None:
    result = cli("list", tmp_path / "nothing")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "nothing is published here" in result.stderr
    assert cli("list", tmp_path / "nothing", "--json").stdout == ""


def test_a_listing_of_what_is_no_registry_exits_with_5(cli: Cli) -> None:
    assert cli("list", "s3://bucket").exit_code == 5


def test_the_bundle_is_written_where_it_is_wanted(cli: Cli, tmp_path: Path) -> None:
    result = cli("bundle", "--output", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{path}  ")
