"""How clients see a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.errors import ConversionError, ExportError, UsageError
from model_export.recipe.inputs import InputSection
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.outputs import OutputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.signature import ModelSignature, describe_signature
from model_export.signature.source_model import Ending
from tests.support.models.signatures import PRICE, REGRESSION, Info, Source, described, recipe
from tflite_serving.contract.tensors import Activation, InputSpec, OutputSpec, Task


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


def test_classes_without_labels_are_named_by_their_index() -> None:
    assert described().outputs[0].labels == ("0", "1", "2")


def test_one_score_has_two_labels() -> None:
    one = Source(outputs=(Info("spam", "float32", (None, 1)),))
    assert described(one).outputs[0].labels == ("0", "1")
    assert described(one, recipe(("ham", "spam"))).outputs[0].labels == ("ham", "spam")


def test_labels_are_read_from_a_file_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("Löwenzahn\nyellow daisy\nrose\n", encoding="utf-8")
    found = described(recipe=recipe("labels.txt"), folder=tmp_path)
    assert found.outputs[0].labels == ("Löwenzahn", "yellow daisy", "rose")
    with pytest.raises(
        UsageError, match=r"recipe\.model\.labels: .*missing\.txt: there is no such"
    ):
        described(recipe=recipe("missing.txt"), folder=tmp_path)


def test_labels_that_do_not_fit_the_output_are_refused() -> None:
    told = complaint(UsageError, Source(), recipe(("a", "b")))
    assert told == "recipe.model.labels: expected 3 labels for the shape [null, 3], got 2"
    assert "expected each label once, got 'a' twice" in complaint(
        UsageError, Source(), recipe(("a", "a", "b"))
    )


@pytest.mark.parametrize(
    ("ending", "activation", "width", "expected"),
    [
        ("sigmoid", "sigmoid", 1, "the model ends in sigmoid itself"),
        ("softmax", "softmax", 3, "the model ends in softmax itself"),
        ("softmax", "sigmoid", 3, "the model ends in softmax itself"),
        ("linear", "softmax", 1, "expected 'sigmoid' or 'none' for a single score, got 'softmax'"),
        ("unknown", "softmax", 1, "expected 'sigmoid' or 'none' for a single score"),
    ],
)
def test_an_activation_that_would_spoil_the_scores_is_refused(
    ending: Ending, activation: Activation, width: int, expected: str
) -> None:
    source = Source(outputs=(Info("y", "float32", (None, width)),), endings=(ending,))
    said = replace(recipe(), outputs={"y": OutputSection(activation=activation)})
    told = complaint(UsageError, source, said)
    assert told.startswith(f"recipe.outputs.y.activation: {expected}")


def test_an_activation_that_the_model_has_is_left_to_it_if_the_recipe_says_none() -> None:
    said = replace(recipe(), outputs={"species": OutputSection(activation="none")})
    assert described(Source(), said).outputs[0].activation == "none"


def test_notes_on_an_input_that_the_model_lacks_are_refused() -> None:
    told = complaint(UsageError, Source(), recipe(featurs=InputSection()))
    assert told == ("recipe.inputs.featurs: no such input or column; did you mean 'features'?")


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


def test_a_regression_has_values_and_no_labels() -> None:
    found = described(PRICE, REGRESSION)
    assert found.task == "regression"
    assert found.outputs == (
        OutputSpec(
            "price", "float32", (None, 2), description="predicted values", task="regression"
        ),
    )


@pytest.mark.parametrize(
    ("ending", "width", "answers", "task", "activation"),
    [
        ("sigmoid", 1, [0, 1], "classification", "none"),
        ("linear", 1, [0.5, 1], "classification", "sigmoid"),
        ("unknown", 1, [[0], [1]], "classification", "none"),
        ("softmax", 2, [[1, 1], [0, 1]], "classification", "none"),
        ("linear", 2, [[1, 0], [0, 1]], "classification", "softmax"),
        ("sigmoid", 2, [[1, 0], [0, 1]], "classification", "none"),
        ("sigmoid", 2, [0, 1], "classification", "none"),
        ("sigmoid", 2, [[1, 0], [0, 0]], "multi_label", "none"),
        ("linear", 2, [[1, 1], [0, 1]], "multi_label", "sigmoid"),
        ("unknown", 2, [[1, 1], [0, 1]], "multi_label", "none"),
    ],
)
def test_what_an_output_is_for_is_read_off_the_model_and_its_examples(
    ending: Ending, width: int, answers: list[Any], task: Task, activation: Activation
) -> None:
    source: Any = Source(outputs=(Info("y", "float32", (None, width)),), endings=(ending,))
    found = describe_signature(
        source, UNSAID, Path(), answers={"y": (np.array([1, 0]), np.array(answers))}
    )
    (output,) = found.outputs
    assert (found.task, output.task, output.activation) == (task, task, activation)


UNSAID = Recipe(model=ModelSection(name="a", source="a.keras"), data=DataSection(source="a.npz"))


def test_labels_do_not_come_out_of_a_softmax() -> None:
    told = complaint(UsageError, Source(), recipe(task="multi_label"))
    assert told == (
        "recipe.model.task: output 'species' ends in softmax, whose scores exclude one another; "
        "let several labels end in sigmoid"
    )


def test_an_output_is_described_in_one_place() -> None:
    twice = replace(recipe(("a", "b", "c")), outputs={"species": OutputSection(labels=("a",))})
    assert complaint(UsageError, Source(), twice) == (
        "recipe.outputs.species.labels: model.labels says it, too; remove one"
    )
    alone = replace(UNSAID, outputs={"species": OutputSection(labels=("a", "b", "c"))})
    assert described(Source(), alone).outputs[0].labels == ("a", "b", "c")


def test_labels_of_a_regression_are_refused() -> None:
    told = complaint(UsageError, PRICE, recipe(("low", "high"), task="regression"))
    assert told == "recipe.model.labels: a regression has no classes to name"


def test_a_regression_of_an_image_is_refused() -> None:
    source = Source(outputs=(Info("map", "float32", (None, 4, 4, 1)),))
    assert complaint(ConversionError, source, REGRESSION) == (
        "output 'map': expected values of shape [batch, values], got [None, 4, 4, 1]"
    )


def test_the_activation_of_a_models_last_layer_is_none_of_a_regressions() -> None:
    source = Source(outputs=PRICE.outputs, endings=("linear",))
    assert described(source, REGRESSION).outputs[0].activation == "none"


def test_the_gate_judges_a_regressions_values_as_they_are() -> None:
    values = np.array([[1.0, 2.0]])
    scores = described(PRICE, REGRESSION).scores({"price": values})
    np.testing.assert_array_equal(scores["price"], values)
