"""How clients see a model."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.errors import ConversionError, ExportError
from model_export.recipe.inputs import InputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.signature import ModelSignature
from tests.support.models.signatures import PRICE, REGRESSION, Info, Source, described, recipe
from tflite_serving.contract.tensors import InputSpec, OutputSpec


def complaint(kind: type[ExportError], source: Source, recipe: Recipe = recipe()) -> str:  # noqa: B008  # it is frozen
    with pytest.raises(kind) as caught:
        described(source, recipe)
    return str(caught.value)


def test_the_recipes_notes_and_labels_are_added_to_what_the_model_says() -> None:
    notes = InputSection(description="of one flower", units="cm")
    found = described(Source(endings=("linear",)), recipe(("a", "b", "c"), features=notes))
    assert found == ModelSignature(
        "classification",
        (InputSpec("features", "float32", (None, 4), description="of one flower", units="cm"),),
        (
            OutputSpec(
                "species",
                "float32",
                (None, 3),
                labels=("a", "b", "c"),
                activation="softmax",
                description="score of each class",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            Source(inputs=(Info("text", "string", (None,)),)),
            (
                "input 'text': it takes strings, which must be single ones that go to a "
                "TextVectorization or StringLookup of a .keras model; build a model that starts "
                "where strings have become numbers, and give it these"
            ),
        ),
        (
            Source(inputs=(Info("x", "float16", (None, 4)),)),
            "input 'x': expected one of float32, uint8, int32, int64, bool, string, got float16",
        ),
        (
            Source(inputs=(Info("x", "float32", (1, 4)),)),
            (
                "input 'x': expected a shape that leaves the batch open, got [1, 4]; "
                "begin the model with keras.Input(shape=…)"
            ),
        ),
        (
            Source(outputs=(Info("map", "float32", (None, 4, 4, 2)),)),
            "output 'map': expected scores of shape [batch, classes], got [None, 4, 4, 2]",
        ),
        (
            Source(outputs=(Info("any", "float32", (None, None)),)),
            "output 'any': expected scores of shape [batch, classes], got [None, None]",
        ),
    ],
)
def test_a_model_that_is_no_servable_classifier_is_refused(source: Source, expected: str) -> None:
    assert complaint(ConversionError, source) == expected


def test_the_activation_is_applied_to_the_source_models_answers() -> None:
    raw = {"species": np.array([[0.0, 0.0, 0.0]], dtype=np.float32)}
    natural = described(Source(endings=("linear",))).natural(raw)
    np.testing.assert_allclose(natural["species"], [[1 / 3] * 3], rtol=1e-6)


def test_one_score_counts_as_those_of_two_classes() -> None:
    signature = described(Source(outputs=(Info("spam", "float32", (None, 1)),)))
    scores = signature.scores({"spam": np.array([[0.25], [0.75]])})
    np.testing.assert_array_equal(scores["spam"], [[0.75, 0.25], [0.25, 0.75]])


def test_the_gate_judges_a_regressions_values_as_they_are() -> None:
    values = np.array([[1.0, 2.0]])
    scores = described(PRICE, REGRESSION).scores({"price": values})
    np.testing.assert_array_equal(scores["price"], values)
