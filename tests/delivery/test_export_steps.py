"""From a recipe to an answer: the steps that need no cloud, run for real."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from delivery.publish import Published
from delivery.revision import Revision
from tests.delivery.front import front_door
from tests.delivery.releases import alias, applied, asked
from tests.delivery.steps import Steps, checkout, write_recipe
from tests.support.places import ROOT
from tests.support.server.serving import running
from tests.support.storage.stores import BucketRegistry


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, with a trained Keras model and its examples beside it."""
    from tests.support.models import keras_models

    folder = tmp_path_factory.mktemp("trained")
    keras_models.dense().save(folder / "iris.keras")
    keras_models.save_npz(folder / "iris.npz", keras_models.flowers, classes=keras_models.CLASSES)
    return write_recipe(folder)


def test_a_model_comes_from_its_recipe_to_an_answer(
    steps: Steps, trained: Path, bucket: BucketRegistry
) -> None:
    steps.variables.update(RECIPE=str(trained), REGISTRY=bucket.uri, ALIAS="staging")
    steps.variables.update(CANDIDATE_ALIAS="candidate", TESTED_ALIAS="tested")
    for step in ("export", "gate", "publish"):
        done = steps.run(step)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (steps.out / "report.html").read_text().startswith("<!")
    assert "accuracy" in (steps.out / "export.log").read_text()
    published = Published.read(steps.out / "published.json")
    assert published.model == "iris"

    done = checkout(steps).run("bundle")
    assert done.returncode == 0, done.stdout + done.stderr
    archive = Path((steps.out / "bundle").read_text().strip())
    revision = Revision.read(steps.out / "revision.json")
    assert revision.committed_at == "2027-01-15T08:00:00Z"
    assert revision.digest.startswith(archive.stem.removeprefix("function-"))
    source = steps.folder / "function"
    with ZipFile(archive) as file:
        file.extractall(source)
    settings = {
        "MODEL_REGISTRY": bucket.uri,
        "MODELS": "iris@staging,iris@candidate",
        "BUNDLE_DIGEST": revision.digest,
    }
    with (
        running("predict", settings, steps.folder, source / "main.py") as function,
        front_door(function.url) as front,
    ):
        applied(steps, front, revision)
        for step in ("candidate", "release", "smoke"):
            done = asked(steps, front, step)
            assert done.returncode == 0, done.stdout + done.stderr
        version = published.version
        assert f"/models/iris/versions/{version}/predict" in front.paths
        assert "/models/iris/labels/staging/predict" in front.paths
    assert {alias(bucket.uri, name) for name in ("candidate", "staging", "tested")} == {version}


def test_the_example_of_a_trigger_exports_what_was_uploaded(steps: Steps) -> None:
    """Git holds the recipe and no trained model: the substitutions say where the run has put it."""
    from examples.digits import train

    example = (ROOT / "infra" / "bootstrap" / "example.tfvars").read_text(encoding="utf-8")
    given = dict(re.findall(r'_(SOURCES|EXPORT_SET) += "(.*?)"', example))
    assert given["SOURCES"] == "gs://example-staging-delivery/sources/digits"
    uploaded = steps.folder / "uploaded"
    uploaded.mkdir()
    train.build().save(uploaded / "digits.keras")
    steps.stand_in("gcloud", f'cp -r "{uploaded}/." "${{@: -1}}"')
    tree = checkout(steps)
    shutil.copytree(ROOT / "examples", tree.root / "examples")
    tree.variables.update(OUT=str(tree.root / "build" / "delivery"), PYTHONPATH=str(ROOT))
    tree.variables.update(given, RECIPE="examples/digits/recipe.toml")
    quick = "prune.method='none'; quantize.variants=['float32']; measure.starts=1; measure.rounds=1"
    for step in ("sources", "export", "gate"):
        done = tree.run(step, EXPORT_SET=f"{given['EXPORT_SET']}; {quick}")
        assert done.returncode == 0, done.stdout + done.stderr
    (call,) = steps.calls
    assert call.startswith(f"gcloud storage rsync --recursive {given['SOURCES']} ")
    assert list(tree.root.glob("build/delivery/registry/models/digits/versions/*/manifest.json"))


def overlook(root: Path) -> None:
    """Changes a file, and has Git overlook that."""
    git = ("git", "-C", str(root), "update-index", "--assume-unchanged", "delivery/keep.sh")
    subprocess.run(git, check=True)
    (root / "delivery" / "keep.sh").write_text("another")


def add(root: Path) -> None:
    (root / "functions").mkdir()
    (root / "functions" / "more.py").write_text("more")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: (root / "delivery" / "keep.sh").write_text("another"), "delivery/keep.sh"),
        (add, "functions/more.py"),
        (overlook, "delivery/keep.sh"),
        (lambda root: shutil.rmtree(root / ".git"), "expected a checkout with its .git folder"),
    ],
    ids=["changed", "one more", "overlooked", "no checkout"],
)
def test_a_bundle_is_of_a_commit_and_of_nothing_else(
    steps: Steps, change: Callable[[Path], object], told: str
) -> None:
    tree = checkout(steps)
    change(tree.root)
    done = tree.run("bundle")
    assert done.returncode == 1
    assert "expected" in done.stderr
    assert told in done.stderr
    assert not (steps.out / "revision.json").exists()


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
