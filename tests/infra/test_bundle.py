"""The zip, the lock and the configuration fit together: what is planned is run, and answers."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from model_export.bundle.baked_models import find_models, read_models
from model_export.bundle.zip import bundle
from model_export.registry.open import open_writable
from tests.support.infra.dockerfile import read_last_stage
from tests.support.infra.terraform import applied
from tests.support.models.tiny import LABELS, examples, publish_tiny, scores
from tests.support.network.ports import free_port, wait_until_it_listens
from tests.support.places import ROOT
from tests.support.server.serving import running
from tests.support.storage.fake_gcs import FakeGcs
from tflite_serving.settings import Settings

ROWS = examples(3).inputs["features"]
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(ROOT / "functions", tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def planned(infra: Path, archive: Path) -> Mapping[str, Any]:
    """The function as Terraform would make it."""
    resources = applied(
        infra,
        project_id="example-project",
        environment="staging",
        bundle=str(archive),
        models={"flowers": {"models": ["iris"]}},
    )
    (function,) = [r for r in resources if r["type"] == "google_cloudfunctions2_function"]
    return dict(function["values"])


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment in which there is nothing but what the function's own lock says.

    It is made with pip, as the platform does it; uv would take what pip refuses.
    """
    folder = tmp_path_factory.mktemp("venv")
    lock = str(ROOT / "functions" / "requirements.txt")
    program = str(folder / "bin" / "python")
    venv.create(folder)
    command = [sys.executable, "-m", "pip", f"--python={program}", "install", "--quiet"]
    command += ["--no-compile", "--disable-pip-version-check", "--require-hashes"]
    process = subprocess.run(
        [*command, "--requirement", lock], capture_output=True, text=True, check=False
    )
    if "connection broken by" in process.stderr and not os.environ.get("CI"):
        pytest.skip("pip cannot reach the package index")
    assert process.returncode == 0, process.stderr
    return program


def test_the_bundle_is_small(archive: Path) -> None:
    assert archive.stat().st_size <= MOST_BYTES


def test_what_is_deployed_is_named_by_what_is_in_it(
    planned: Mapping[str, Any], archive: Path
) -> None:
    (build,) = planned["build_config"]
    ((source,),) = [source["storage_source"] for source in build["source"]]
    assert source["object"] == f"flowers/{archive.name}"


def test_the_planned_environment_is_one_that_the_function_takes(
    planned: Mapping[str, Any],
) -> None:
    (service,) = planned["service_config"]
    environment: Mapping[str, str] = service["environment_variables"]
    settings = Settings.from_env(environment)
    assert [str(model) for model in settings.models] == ["iris@production"]
    known = {field.metadata["variable"] for field in dataclasses.fields(Settings)}
    assert set(environment) <= known
    # The function itself answers that it took too long, before the platform cuts it off.
    assert settings.request_timeout_seconds < service["timeout_seconds"]
    assert settings.max_in_flight == service["max_instance_request_concurrency"]


def test_the_bundle_answers_rightly_in_the_planned_environment(
    planned: Mapping[str, Any], archive: Path, python: str, fake_gcs: FakeGcs, tmp_path: Path
) -> None:
    (service,) = planned["service_config"]
    registry = service["environment_variables"]["MODEL_REGISTRY"]
    fake_gcs.create_bucket(registry.removeprefix("gs://"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.url)
        manifest = publish_tiny(open_writable(registry), tmp_path / "artifact")
    answer = ask(planned, archive, python, tmp_path, STORAGE_EMULATOR_HOST=fake_gcs.url)
    assert answer["model"] == {"name": "iris", "version": manifest.version}


def test_a_bundle_with_its_model_answers_in_the_environment_that_is_planned_for_it(
    infra: Path, python: str, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    publish_tiny(open_writable(str(registry)), tmp_path / "artifact")
    store, found = find_models(["iris"], str(registry))
    archive = bundle(ROOT / "functions", tmp_path / "bundle", read_models(store, found))
    resources = applied(
        infra,
        project_id="example-project",
        environment="staging",
        bundle=str(archive),
        models={"flowers": {"baked": True}},
    )
    (function,) = [r for r in resources if r["type"] == "google_cloudfunctions2_function"]
    assert ask(function["values"], archive, python, tmp_path)["model"]["name"] == "iris"


def ask(
    planned: Mapping[str, Any], archive: Path, python: str, folder: Path, **others: str
) -> dict[str, Any]:
    """Unpacks the zip, starts it as planned, and gives a right answer of its default model."""
    (service,) = planned["service_config"]
    (build,) = planned["build_config"]
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "unpacked")
    platform = {
        # As Cloud Run has it. PATH alone is inherited: not this tree, not its packages.
        "FUNCTION_TARGET": build["entry_point"],
        "FUNCTION_SIGNATURE_TYPE": "http",
        "K_SERVICE": planned["name"],
        "MODEL_CACHE": str(folder / "cache"),
        "PATH": "/usr/bin:/bin",
    }
    with running(
        build["entry_point"],
        {**platform, **others, **service["environment_variables"]},
        folder,
        folder / "unpacked" / "main.py",
        python=python,
        inherited={},
    ) as function:
        response = function.post("/predict", {"instances": ROWS.tolist()})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        best = scores(ROWS).argmax(axis=1)
        assert [p["label"] for p in answer["predictions"]] == [LABELS[index] for index in best]
        assert len(function.get("/").json()["models"]) == 1
        return answer


def test_the_image_answers_without_rights_from_a_registry_that_nobody_can_write_to(
    archive: Path, python: str, tmp_path: Path
) -> None:
    """What container/Dockerfile runs, in a tree as read-only as its file system may be."""
    image = read_last_stage(ROOT / "container" / "Dockerfile")
    tree = tmp_path / "tree"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tree / "app")
    publish_tiny(open_writable(str(tree / "registry" / "team")), tmp_path / "artifact")
    for path in [*tree.rglob("*"), tree]:
        path.chmod(path.stat().st_mode & ~0o222)
    before = sorted(tree.rglob("*"))
    environment = {
        **{name: value.replace("/app", f"{tree}/app") for name, value in image.environment.items()},
        # As modules/prediction_service plans it for a bucket that is mounted.
        "MODEL_REGISTRY": f"file://{tree}/registry/team",
        "MODELS": "iris",
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "PYTHONPATH": "",  # the image has its packages there; here they are Python's own
        "HOME": str(tmp_path),  # the image has /tmp
        "PATH": "/usr/bin:/bin",
    }
    # Whoever runs the tests as root could write in spite of all modes.
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    assert image.command[0] == image.health_command[0] == "python"
    process = subprocess.Popen(
        [*powerless, python, *image.command[1:]], env=environment, cwd=tree / "app"
    )
    try:
        url = f"http://127.0.0.1:{environment['PORT']}"
        wait_until_it_listens(process, int(environment["PORT"]), lambda: "", 60)
        response = requests.post(f"{url}/predict", json={"instances": ROWS.tolist()}, timeout=60)
        assert response.status_code == 200, response.text
        health = [python, *image.health_command[1:]]
        assert subprocess.run(health, env=environment, check=False).returncode == 0
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert sorted(tree.rglob("*")) == before
    assert subprocess.run(health, env=environment, check=False, capture_output=True).returncode
    for path in [tree, *before]:
        path.chmod(0o755)  # so that it can be deleted
