"""What a function is asked, and what the reference answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_export.errors import RegistryError
from model_export.registry.open import open_writable
from model_export.verification.examples import Questions, golden_examples, golden_questions
from tests.support.models.tiny import publish_tiny, scores
from tflite_serving.contract import layout
from tflite_serving.contract.golden import GoldenExamples


def test_the_golden_examples_of_a_version_are_asked_with_their_answers(tmp_path: Path) -> None:
    store = open_writable(str(tmp_path / "registry"))
    manifest = publish_tiny(store, tmp_path / "artifact")
    asked = golden_questions(golden_examples(store, manifest))
    assert asked.source == "its golden examples"
    assert len(asked) == len(asked.inputs["features"]) > 1
    np.testing.assert_allclose(asked.outputs["species"], scores(asked.inputs["features"]))
    first = asked.first(1)
    assert (len(first), first.ids, first.source) == (1, asked.ids[:1], asked.source)
    assert [len(each) for each in (*first.inputs.values(), *first.outputs.values())] == [1, 1]


def test_golden_examples_that_are_gone_are_named(tmp_path: Path) -> None:
    store = open_writable(str(tmp_path / "registry"))
    manifest = publish_tiny(store, tmp_path / "artifact")
    path = layout.file_path("iris", manifest.version, manifest.golden)
    (tmp_path / "registry" / path).unlink()
    with pytest.raises(RegistryError, match=r"golden\.npz: there is no such file"):
        golden_examples(store, manifest)


def test_values_that_were_missing_are_sent_as_missing() -> None:
    golden = GoldenExamples(
        ("test[0]", "test[1]"),
        {"age": np.array([1.0, 40.0]), "job": np.array(["cook", "none"])},
        {"y": np.zeros((2, 1))},
        {"y": np.array(0.1)},
        {"age": np.array([False, True]), "job": np.array([False, True])},
    )
    asked: Questions = golden_questions(golden)
    np.testing.assert_array_equal(asked.inputs["age"], [1.0, np.nan])
    assert asked.inputs["job"].tolist() == ["cook", None]
