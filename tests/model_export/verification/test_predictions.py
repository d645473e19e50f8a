"""Answers, whoever gave them: a model's outputs, or a function's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.errors import ParityError
from model_export.verification.predictions import OtherVersionError, answers_of, read_answers
from tests.support.models.tiny import LABELS, write_tiny_artifact
from tflite_serving.contract.manifest import Manifest

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], np.float32)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_tiny_artifact(tmp_path)


def body(manifest: Manifest, **changes: Any) -> bytes:
    rows = [
        {"label": LABELS[row.argmax()], "scores": dict(zip(LABELS, row.tolist(), strict=True))}
        for row in SCORES
    ]
    rows[1] |= changes.pop("last", {})
    answer = {"predictions": rows, "model": {"version": manifest.version}, **changes}
    return json.dumps(answer).encode()


def test_what_a_function_sends_is_what_the_models_outputs_say(manifest: Manifest) -> None:
    found, expected = (
        read_answers(manifest, body(manifest)),
        answers_of(manifest, {"species": SCORES}),
    )
    assert len(found) == len(expected) == 2
    np.testing.assert_array_equal(found.values["species"], expected.values["species"])
    assert found.labels == expected.labels == {"species": (("setosa",), ("virginica",))}


def test_another_version_is_told_apart(manifest: Manifest) -> None:
    with pytest.raises(OtherVersionError, match=f"expected the version {manifest.version}, got v1"):
        read_answers(manifest, body(manifest, model={"version": "v1"}))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"predictions": [{"label": "setosa"}]}, "iris: expected predictions, got {"),
        ({"predictions": 3}, "iris: expected predictions, got {"),
        (
            {"last": {"label": "setosa"}},
            r"predictions\[1\]: expected the label 'virginica', as its scores say, got 'setosa'",
        ),
        (
            {"last": {"scores": {"setosa": None, "versicolor": 0, "virginica": 1}}},
            "expected finite numbers in 'species', got others",
        ),
    ],
)
def test_what_is_no_answer_is_refused(
    manifest: Manifest, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ParityError, match=complaint):
        read_answers(manifest, body(manifest, **changes))


def test_a_body_that_is_no_json_is_shown(manifest: Manifest) -> None:
    with pytest.raises(ParityError, match="expected predictions, got <html>"):
        read_answers(manifest, b"<html>")
