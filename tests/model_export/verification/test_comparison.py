"""How far a function's answers are from the reference's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_export.verification.comparison import compare, sent_in_words
from model_export.verification.examples import Questions
from model_export.verification.predictions import answers_of
from tests.support.models.tiny import write_tiny_artifact
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, Preprocess

REFERENCE = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]], np.float32)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_tiny_artifact(tmp_path)


def asked() -> Questions:
    ids = tuple(f"test[{row}]" for row in range(3))
    return Questions("a model", ids, {"features": np.zeros((3, 4))}, {"species": REFERENCE})


def test_equal_answers_agree_and_none_is_the_worst(manifest: Manifest) -> None:
    found = compare(manifest, asked(), answers_of(manifest, {"species": REFERENCE}))
    assert (found.model, found.version, found.against) == ("iris", manifest.version, "a model")
    assert (found.questions, found.label_agreement) == (3, 1.0)
    assert (found.largest, found.mean, found.worst) == (0.0, 0.0, ())


def test_answers_that_differ_most_come_first_with_both_labels(manifest: Manifest) -> None:
    served = REFERENCE.copy()
    served[0] = [0.6, 0.3, 0.1]
    served[2] = [0.6, 0.3, 0.1]
    found = compare(manifest, asked(), answers_of(manifest, {"species": served}))
    assert found.label_agreement == pytest.approx(2 / 3)
    assert found.largest == pytest.approx(0.2)
    assert found.mean == pytest.approx(0.6 / 9, rel=1e-5)
    assert [each.id for each in found.worst] == ["test[2]", "test[0]"]
    worst = found.worst[0]
    assert (worst.reference, worst.served) == ("versicolor (0.500)", "setosa (0.600)")
    assert worst.sent == "4 float64"
    assert worst.outputs == {"species": pytest.approx(0.2)}
    (output,) = found.outputs
    assert (output.output, output.label_agreement) == ("species", found.label_agreement)


def test_what_was_sent_is_shown_by_the_names_of_its_columns() -> None:
    columns = (Column("age"), Column("height"))
    person = InputSpec(
        "person", "float32", (None, 2), Preprocess("record", record=Record(columns=columns))
    )
    word = InputSpec("word", "string", (None,))
    inputs = {"person": np.array([[41, np.nan]]), "word": np.array(["x" * 99], object)}
    shown = sent_in_words([person, word], inputs, 0)
    assert "age=41" in shown
    assert "height=missing" in shown
    assert "x" * 61 not in shown
