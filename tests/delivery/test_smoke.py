"""What the smoke test notices of a function that is door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delivery.deployed import Deployed, SmokeError, serving
from delivery.identity import check_url
from delivery.release import Released
from model_export.artifact.write import write_artifact
from model_export.errors import RegistryError
from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tests.delivery.front import Front, front_door
from tests.delivery.releases import alias, deployed, smoke
from tests.delivery.steps import Steps
from tests.support.models.tiny import WEIGHTS, described, flatbuffer, publish_tiny, scores
from tests.support.server.serving import running
from tests.support.storage.stores import Artifact
from tflite_serving.contract.golden import GoldenExamples
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import InputSpec


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A registry with one version, and a function that serves it."""
    folder = tmp_path_factory.mktemp("served")
    registry = folder / "registry"
    store = open_writable(str(registry))
    version = publish_tiny(store, folder / "artifact", alias="staging").version
    move_alias(store, "iris", "candidate", version, "publish")
    settings = {"MODEL_REGISTRY": str(registry), "MODELS": "iris@candidate,iris@staging"}
    with running("predict", settings, folder) as function:
        yield registry, function.url


@pytest.fixture
def door(
    steps: Steps,
    served: tuple[Path, str],
    tiny: Manifest,
) -> Iterator[Front]:
    """A function that serves what was published, behind Cloud Run's front door."""
    registry, url = served
    steps.variables["REGISTRY"] = str(registry)
    published = {"model": "iris", "version": tiny.version}
    (steps.out / "published.json").write_text(json.dumps(published))
    released = Released("iris", tiny.version, "staging", before=None)
    (steps.out / "released.json").write_text(json.dumps(asdict(released)))
    with front_door(url) as front:
        deployed(steps, front)
        yield front


def test_the_smoke_test_waits_until_roles_have_arrived(steps: Steps, door: Front) -> None:
    door.held = 1
    done = smoke(steps, door)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("http://predict.example.com", "http://predict.example.com"),
        ("https://user:secret@predict.example.com", "https://predict.example.com"),
        (
            "https://predict.example.com/?to=https://elsewhere.example",
            "https://predict.example.com",
        ),
        ("ftp://127.0.0.1", "ftp://127.0.0.1"),
        ("predict.example.com", "://"),
        ("https://", "https://"),
        ("http://127.0.0.1.example.com", "http://127.0.0.1.example.com"),
    ],
)
def test_a_token_goes_nowhere_in_plain_text(url: str, got: str) -> None:
    with pytest.raises(SmokeError, match="SMOKE_URL: expected https://NAME") as caught:
        check_url(url, [Deployed("digits", ("https://digits.run.app",), ())], {})
    assert str(caught.value).endswith(f"got {got}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://[::1", "https://user:secret"])
def test_what_is_no_url_is_told_without_what_is_in_it(url: str) -> None:
    with pytest.raises(SmokeError, match="got what is no URL"):
        check_url(url, [], {})


def test_one_url_is_not_asked_for_several_functions() -> None:
    functions = [Deployed(name, (f"https://{name}.run.app",), ()) for name in ("digits", "iris")]
    check_url("https://predict.example.com/digits", functions[:1], {})
    with pytest.raises(SmokeError, match="expected one function behind it, got digits, iris"):
        check_url("https://predict.example.com", functions, {})


def test_the_smoke_test_notices_a_wrong_label(steps: Steps, door: Front) -> None:
    door.change = wrong_label
    done = smoke(steps, door, TESTED_ALIAS="unproven")
    assert done.returncode == 1
    assert "expected the label" in done.stderr
    with pytest.raises(RegistryError, match="unproven"):
        alias(steps.variables["REGISTRY"], "unproven")


def test_the_smoke_test_notices_a_wrong_score(steps: Steps, door: Front) -> None:
    door.change = wrong_score
    done = smoke(steps, door)
    assert done.returncode == 1
    assert "expected the reference's" in done.stderr


def test_the_smoke_test_notices_a_door_that_is_open(steps: Steps, door: Front) -> None:
    door.open = True
    done = smoke(steps, door)
    assert done.returncode == 1
    assert "without a token: expected 401 or 403, got 200" in done.stderr


def test_a_door_may_be_open_on_purpose(steps: Steps, door: Front) -> None:
    door.open = True
    assert smoke(steps, door, ANONYMOUS="answered").returncode == 0


def test_a_public_name_is_shown_the_token_that_it_knows(steps: Steps, door: Front) -> None:
    """Behind an edge the nearest region answers, which does not know the URL of another one."""
    path = steps.out / "outputs.json"
    outputs = json.loads(path.read_text())
    outputs["urls"]["value"]["flowers"] = "https://flowers-of-another-region.run.app"
    outputs["audiences"] = {"value": {door.url: door.url}}
    path.write_text(json.dumps(outputs))
    done = smoke(steps, door, SMOKE_URL=f"{door.url}/", PATIENCE="5")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def abroad(steps: Steps, served: tuple[Path, str], door: Front) -> Iterator[Front]:
    """The same service in another region."""
    path = steps.out / "outputs.json"
    outputs = json.loads(path.read_text())
    with front_door(served[1]) as front:
        regions = {"europe-west1": door.url, "us-east1": front.url}
        outputs["functions"] = {"value": {"flowers": {"regions": regions}}}
        path.write_text(json.dumps(outputs))
        yield front


def test_each_region_is_asked_with_a_token_of_its_own(
    steps: Steps, door: Front, abroad: Front
) -> None:
    done = smoke(steps, door)
    assert done.returncode == 0, done.stderr
    assert abroad.paths == door.paths != []
    for front in (door, abroad):
        assert f"flowers at {front.url}: right about" in done.stdout


def test_a_region_that_is_wrong_is_named(steps: Steps, door: Front, abroad: Front) -> None:
    abroad.change = wrong_label
    done = smoke(steps, door)
    assert done.returncode == 1
    assert f"SMOKE TEST FAILED: flowers at {abroad.url}: " in done.stderr
    assert "expected the label" in done.stderr


def test_regions_behind_one_public_name_are_asked_there_alone(
    steps: Steps, door: Front, abroad: Front
) -> None:
    path = steps.out / "outputs.json"
    outputs = json.loads(path.read_text())
    outputs["audiences"] = {"value": {door.url: door.url}}
    path.write_text(json.dumps(outputs))
    done = smoke(steps, door, SMOKE_URL=door.url)
    assert done.returncode == 0, done.stderr
    assert abroad.paths == []


def test_no_token_goes_to_a_name_that_is_none_of_this_environment(
    steps: Steps, door: Front
) -> None:
    path = steps.out / "outputs.json"
    outputs = json.loads(path.read_text())
    outputs["audiences"] = {"value": {"https://api.example.com": door.url}}
    path.write_text(json.dumps(outputs))
    done = smoke(steps, door, SMOKE_URL="https://api.example.org")
    assert done.returncode == 1
    assert (
        "SMOKE_URL: expected a public name of this environment (https://api.example.com), got "
        "https://api.example.org" in done.stderr
    )


def test_a_function_without_a_url_does_not_pass_unasked(steps: Steps, door: Front) -> None:
    path = steps.out / "outputs.json"
    outputs = json.loads(path.read_text())
    outputs["urls"]["value"] = {}
    path.write_text(json.dumps(outputs))
    done = smoke(steps, door)
    assert done.returncode == 1
    assert "flowers: expected its URL among the outputs, got none" in done.stderr


def test_tokens_that_nobody_gives_fail_the_test_with_a_line(steps: Steps, door: Front) -> None:
    done = smoke(steps, door, IAM_CREDENTIALS="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "SMOKE TEST FAILED: " in done.stderr
    assert "no identity token of smoke-staging@" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_smoke_test_gives_up_on_another_version(
    steps: Steps, door: Front, newer: Artifact
) -> None:
    path = steps.out / "published.json"
    former = json.loads(path.read_text())["version"]
    publish(open_writable(steps.variables["REGISTRY"]), newer.manifest, newer.folder)
    version = newer.manifest.version
    path.write_text(json.dumps({"model": "iris", "version": version}))
    done = smoke(steps, door, PATIENCE="0.1")
    assert done.returncode == 1
    assert f"labels/staging: expected the version {version}, got {former}" in done.stderr


def test_the_smoke_test_waits_for_a_version_whose_questions_the_one_before_refuses(
    steps: Steps, door: Front, tmp_path: Path
) -> None:
    wider = np.pad(WEIGHTS, ((0, 0), (0, 1)))
    made, spec = flatbuffer(wider, (5,)), InputSpec("features", "float32", (None, 5))
    x = np.zeros((3, 5), np.float32)
    golden = GoldenExamples(
        ("a", "b", "c"), {"features": x}, {"species": scores(x, wider)}, {"species": np.array(0.02)}
    )
    later, description = datetime(2027, 1, 1, tzinfo=UTC), described("iris", "float32", made, spec)
    manifest = write_artifact(tmp_path, description, made, golden, later, lambda _: {})
    publish(open_writable(steps.variables["REGISTRY"]), manifest, tmp_path)
    path = steps.out / "published.json"
    former = json.loads(path.read_text())["version"]
    path.write_text(json.dumps({"model": "iris", "version": manifest.version}))
    done = smoke(steps, door, PATIENCE="0.1")
    assert done.returncode == 1
    assert f"expected the version {manifest.version}, got {former}" in done.stderr


def test_a_function_that_serves_another_alias_is_not_asked(steps: Steps, door: Front) -> None:
    deployed(steps, door, models="iris")
    done = smoke(steps, door)
    assert done.returncode == 1
    assert "no function of this environment serves iris@staging" in done.stderr
    assert door.paths == []


def test_without_a_release_there_is_nothing_to_test(steps: Steps, door: Front) -> None:
    (steps.out / "released.json").unlink()
    done = smoke(steps, door)
    assert done.returncode == 1
    assert "release.sh comes first" in done.stderr
    assert door.paths == []


def wrong_label(answer: dict[str, Any]) -> None:
    for prediction in answer.get("predictions", []):
        others = set(prediction["scores"]) - {prediction["label"]}
        prediction["label"] = min(others)


def wrong_score(answer: dict[str, Any]) -> None:
    for prediction in answer.get("predictions", []):
        prediction["scores"] = {name: score / 2 for name, score in prediction["scores"].items()}


def test_functions_that_carry_their_models_follow_no_alias_and_are_not_asked() -> None:
    outputs = {
        "urls": {"value": {"digits": "https://digits", "baked": "https://baked"}},
        "environments": {"value": {"digits": {"MODELS": "digits@staging"}, "baked": {}}},
    }
    (function,) = serving(outputs, "digits", "staging")
    assert (function.name, function.urls) == ("digits", ("https://digits",))
    with pytest.raises(SmokeError, match="no function of this environment"):
        serving(outputs, "digits", "production")
