"""From a recipe to an answer: the steps that need no cloud, run for real."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.delivery.front import front_door
from tests.delivery.releases import alias, smoke
from tests.delivery.steps import Steps, write_recipe
from tests.support.serving import running
from tests.support.stores import BucketRegistry


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, with a trained Keras model and its examples beside it."""
    from tests.support import keras_models

    folder = tmp_path_factory.mktemp("trained")
    keras_models.dense().save(folder / "iris.keras")
    keras_models.save_npz(folder / "iris.npz", keras_models.flowers, classes=keras_models.CLASSES)
    return write_recipe(folder)


def test_a_model_comes_from_its_recipe_to_an_answer(
    steps: Steps, trained: Path, bucket: BucketRegistry
) -> None:
    steps.variables.update(RECIPE=str(trained), REGISTRY=bucket.uri, ALIAS="staging")
    steps.variables["TESTED_ALIAS"] = "tested"
    for step in ("export", "gate", "publish", "bundle"):
        done = steps.run(step)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (steps.out / "report.html").read_text().startswith("<!")
    assert "accuracy" in (steps.out / "export.log").read_text()
    version = alias(bucket.uri, "staging")
    assert json.loads((steps.out / "released.json").read_text()) == {
        "model": "iris", "version": version, "alias": "staging", "before": None, "ended": "",
    }  # fmt: skip

    source = steps.folder / "function"
    with ZipFile((steps.out / "bundle").read_text().strip()) as archive:
        archive.extractall(source)
    settings = {"MODEL_REGISTRY": bucket.uri, "MODELS": "iris@staging"}
    with (
        running("predict", settings, steps.folder, source / "main.py") as function,
        front_door(function.url) as front,
    ):
        done = smoke(steps, front)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "/models/iris/predict" in front.paths
    assert alias(bucket.uri, "tested") == version


def test_the_gates_refusal_is_kept_and_then_stops_the_run(steps: Steps, trained: Path) -> None:
    steps.stand_in("gcloud", 'cp "${@:3:$#-3}" "$KEPT"')
    kept = steps.folder / "kept"
    kept.mkdir()
    sets = "gate.max_bytes=1; quantize.variants=['float32']"
    exported = steps.run("export", RECIPE=str(trained), EXPORT_SET=sets)
    assert exported.returncode == 0, exported.stdout + exported.stderr
    assert steps.run("keep", DELIVERY_BUCKET="example-delivery", KEPT=str(kept)).returncode == 0
    stopped = steps.run("gate", DELIVERY_BUCKET="example-delivery")
    assert stopped.returncode == 4
    assert "STOPPED BY THE GATE" in stopped.stderr
    assert "float32" in stopped.stderr  # which candidate missed what
    assert "gs://example-delivery/runs/run-1/export.log" in stopped.stderr
    assert {path.name for path in kept.iterdir()} == {"export.log", "gate"}
    assert not list((steps.out / "registry").rglob("manifest.json"))


def test_a_recipe_that_is_wrong_has_the_exporters_exit_code(steps: Steps) -> None:
    recipe = steps.folder / "recipe.toml"
    recipe.write_text("[modell]\n")
    done = steps.run("export", RECIPE=str(recipe))
    assert done.returncode == 2
    assert "modell" in done.stdout
    assert steps.run("gate").returncode == 1


def test_a_recipe_that_nobody_named_is_asked_for(steps: Steps) -> None:
    done = steps.run("export")
    assert (done.returncode, done.stderr) == (
        2, "RECIPE: expected a value; docs/9-delivery.md says which\n",
    )  # fmt: skip


@pytest.mark.parametrize("variables", [{"FROM_REGISTRY": "gs://other"}, {"VERSION": "v"}])
def test_what_there_is_already_is_not_exported(steps: Steps, variables: Mapping[str, str]) -> None:
    for step in ("sources", "export", "gate"):
        done = steps.run(step, SOURCES="gs://trained", **variables)
        assert done.returncode == 0, done.stderr
    assert not (steps.out / "registry").exists()
