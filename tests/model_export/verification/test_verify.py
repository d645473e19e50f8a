"""Whether what is served is what it was made from: over HTTP, and in this process."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import requests
from click.testing import Result

from model_export.artifact.write import choose_golden, write_artifact
from model_export.registry.open import open_writable
from model_export.registry.operations import publish
from model_export.verification.comparison import sent_in_words
from tests.support.models.tiny import (
    FEATURES,
    LABELS,
    WEIGHTS,
    described,
    examples,
    flatbuffer,
    publish_tiny,
    scores,
)
from tests.support.server.serving import running
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, Preprocess

Cli = Callable[..., Result]

FEATURES_SPEC = InputSpec("features", "float32", (None, FEATURES))


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Manifest]:
    registry = tmp_path / "registry"
    return registry, publish_tiny(open_writable(str(registry)), tmp_path / "artifact")


def found(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_the_golden_examples_are_asked_in_this_process(
    cli: Cli, published: tuple[Path, Manifest]
) -> None:
    registry, manifest = published
    parity = found(cli("verify", f"{registry}/models/iris", "--json"))
    assert (parity["version"], parity["against"]) == (manifest.version, "its golden examples")
    assert parity["questions"] > 1
    assert parity["label_agreement"] == 1.0
    assert parity["mean"] <= parity["largest"] <= 1e-6
    assert parity["worst"][0]["reference"].split()[0] in LABELS
    assert parity["worst"][0]["sent"] == "4 float32"


def test_a_function_that_runs_somewhere_is_asked_over_http(
    cli: Cli, published: tuple[Path, Manifest], tmp_path: Path
) -> None:
    registry, manifest = published
    uri = f"{registry}/models/iris/versions/{manifest.version}"
    settings = {"MODEL_REGISTRY": str(registry), "MODELS": "iris"}
    with running("predict", settings, tmp_path) as function:
        over_http = found(cli("verify", uri, "--url", function.url, "--token", "x", "--json"))
        later = datetime(2027, 1, 1, tzinfo=UTC)
        store = open_writable(str(registry))
        newer = publish_tiny(store, tmp_path / "newer", created_at=later, alias=None)
        other = f"{registry}/models/iris/versions/{newer.version}"
        refused = cli("verify", other, "--url", function.url)
    assert over_http == found(cli("verify", uri, "--json"))
    assert refused.exit_code == 4
    assert f"expected the version {newer.version}, got {manifest.version}" in refused.stderr


def test_a_function_is_started_here_and_asked_over_http(
    cli: Cli, published: tuple[Path, Manifest], capfd: pytest.CaptureFixture[str]
) -> None:
    registry, manifest = published
    uri = f"{registry}/models/iris/versions/{manifest.version}"
    result = cli("verify", uri, "--http", "--limit", "3", "--json")
    assert found(result)["questions"] == 3
    (address,) = re.findall(r"at (http://127\.0\.0\.1:\d+)\n", capfd.readouterr().err)
    with pytest.raises(requests.ConnectionError):  # it is stopped
        requests.get(address, timeout=5)


def test_what_differs_is_shown_with_what_was_sent(
    cli: Cli, published: tuple[Path, Manifest]
) -> None:
    lines = cli("verify", f"{published[0]}/models/iris").stdout.splitlines()
    assert lines[0].startswith(f"iris {published[1].version} against its golden examples: 10 asked")
    assert "100.00% of the labels agree; scores " in lines[0]
    if "are equal" not in lines[0]:
        assert lines[2].split() == ["example", "sent", "reference", "served", "difference"]


TEXT = InputSpec("text", "string", (None,), Preprocess("text"))

AGE = InputSpec("age", "float32", (None,), Preprocess("record"))

JOB = InputSpec("job", "string", (None,), Preprocess("record"))

SIZES = Preprocess("record", record=Record((Column("length"), Column("width"))))


@pytest.mark.parametrize(
    ("specs", "inputs", "shown"),
    [
        ([TEXT], {"text": np.array(["what a lovely film"])}, "'what a lovely film'"),
        ([TEXT], {"text": np.array(["x" * 100])}, "'" + "x" * 59 + "…"),
        (
            [AGE, JOB],
            {"age": np.array([41.5], np.float32), "job": np.array(["cook"])},
            "age=41.5, job='cook'",
        ),
        (
            [InputSpec("row", "float32", (None, 2), SIZES)],
            {"row": np.array([[5, 1.5]], np.float32)},
            "length=5, width=1.5",
        ),
        (
            [InputSpec("pixels", "float32", (None, 8, 8, 1))],
            {"pixels": np.zeros((1, 8, 8, 1), np.float32)},
            "8×8×1 float32",
        ),
        (
            [InputSpec("pixels", "float32", (None, 8, 8, 1))],
            {"pixels": np.array([base64.b64encode(bytes(1234)), b"AA=="])},
            "a file of 1,234 bytes",
        ),
    ],
)
def test_a_question_is_short_enough_for_a_line(
    specs: list[InputSpec], inputs: dict[str, Any], shown: str
) -> None:
    assert sent_in_words(specs, inputs, 0) == shown


def test_a_version_that_the_function_would_not_serve_is_told(cli: Cli, tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    publish_tiny(
        open_writable(str(registry)), tmp_path / "artifact", golden_weights=WEIGHTS[::-1].copy()
    )
    result = cli("verify", f"{registry}/models/iris")
    assert result.exit_code == 5
    assert "golden example" in result.stderr


def test_a_function_that_is_not_there_is_told(cli: Cli, published: tuple[Path, Manifest]) -> None:
    result = cli("verify", f"{published[0]}/models/iris", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 5
    assert re.search(r"9: the function does not answer: \[Errno \d+\] [\w ]+\n$", result.stderr)


def test_a_keras_model_is_asked_about_the_test_split(
    cli: Cli, recipe_for: Callable[..., Path], saved: Callable[[str], Any], tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    settings = ("--registry", registry, "--set", "publish.alias=production")
    assert cli("export", recipe_for("dense"), *settings).exit_code == 0
    against = ("--against", saved("dense").path, "--data", saved("dense").data)
    parity = found(cli("verify", f"{registry}/models/dense", *against, "--json"))
    assert parity["against"] == "dense.keras on the test split"
    assert parity["questions"] == 90
    assert parity["label_agreement"] == 1.0
    assert parity["largest"] < 1e-5
    for name in ("species", "kinds"):
        last = keras.layers.Dense(3, activation="softmax", name=name)
        keras.Sequential([keras.Input((4,), name="features"), last]).save(
            tmp_path / f"{name}.keras"
        )
    against = ("--against", tmp_path / "kinds.keras", "--data", saved("dense").data)
    told = cli("verify", f"{registry}/models/dense", *against)
    assert told.exit_code == 2
    assert "expected the outputs species, as the artifact has them, got kinds" in told.stderr
    against = ("--against", tmp_path / "species.keras", "--data", saved("dense").data)
    told = cli("verify", f"{registry}/models/dense", *against, "--min-agreement", "0.999")
    assert told.exit_code == 4
    assert "expected 0.999 of the labels to agree, got 0." in told.stderr
    model = keras.saving.load_model(tmp_path / "species.keras")
    model.set_weights([np.full_like(each, np.nan) for each in model.get_weights()])
    model.save(tmp_path / "species.keras")
    told = cli("verify", f"{registry}/models/dense", *against)
    assert told.exit_code == 2
    assert "test[0]: expected finite numbers in the output 'species', got [nan, nan" in told.stderr


@pytest.fixture
def regression(tmp_path: Path) -> str:
    """The URI of a model whose three scores are values, and of which another one is the golden."""
    test, made, folder = examples(), flatbuffer(), tmp_path / "regression"
    (output,) = described("iris", "float32", made, FEATURES_SPEC).outputs
    values = replace(output, task="regression", labels=None)
    description = replace(
        described("iris", "float32", made, FEATURES_SPEC), task="regression", outputs=(values,)
    )
    right = scores(test.inputs["features"])
    golden = choose_golden(test, {"species": right + 0.01}, {"species": right}, (values,))
    folder.mkdir()
    manifest = write_artifact(
        folder, description, made, golden, datetime(2026, 1, 2, tzinfo=UTC), lambda _: {}
    )
    store = open_writable(str(tmp_path / "registry"))
    publish(store, manifest, folder)
    return f"{tmp_path}/registry/models/iris/versions/{manifest.version}"


def test_values_have_no_labels_that_could_agree_but_may_differ_too_much(
    cli: Cli, regression: str
) -> None:
    refused = cli("verify", regression, "--min-agreement", "1")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: --min-agreement: iris answers numbers and no labels")
    assert cli("verify", regression, "--max-difference", "0.0101").exit_code == 0
    too_far = cli("verify", regression, "--max-difference", "0.009", "--json")
    assert too_far.exit_code == 4
    assert "expected differences of 0.009 at most, got one of 0.01" in too_far.stderr
    assert json.loads(too_far.stdout)["label_agreement"] is None
