"""What each output is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.errors import ConversionError, ExportError, UsageError
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.outputs import OutputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.signature import describe_signature
from model_export.signature.source_model import Ending
from tests.support.models.signatures import PRICE, REGRESSION, Info, Source, described, recipe
from tflite_serving.contract.tensors import Activation, OutputSpec, Task


def complaint(kind: type[ExportError], source: Source, recipe: Recipe = recipe()) -> str:  # noqa: B008  # it is frozen
    with pytest.raises(kind) as caught:
        described(source, recipe)
    return str(caught.value)


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
