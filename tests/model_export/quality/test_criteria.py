"""What an output is judged by, where the recipe says what no output has."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.errors import UsageError
from model_export.quality.criteria import find_criteria
from model_export.recipe.gate import GateSection
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.recipe import Recipe
from tflite_serving.contract.tensors import OutputSpec

PRICE = OutputSpec("price", "float32", (None, 1), task="regression")
KIND = OutputSpec("kind", "float32", (None, 3))


def recipe(**gate: object) -> Recipe:
    return Recipe(
        model=ModelSection(name="houses", source="houses.keras"),
        data=DataSection(source="houses.npz"),
        gate=GateSection(**gate),  # type: ignore[arg-type]  # keys of all types
    )


def test_a_budget_of_classes_needs_an_output_that_has_some() -> None:
    judged = recipe(metric="mae", max_drop=1.0, max_class_drop=0.1)
    with pytest.raises(UsageError, match=r"gate\.max_class_drop: expected none for a regression"):
        find_criteria(judged, (PRICE,), Path())
    (criterion,) = find_criteria(recipe(max_class_drop=0.1), (KIND,), Path())
    assert criterion.gate.max_class_drop == 0.1


def test_a_regression_must_say_its_budget_because_nobody_knows_its_scale() -> None:
    with pytest.raises(UsageError, match=r"gate\.max_drop: 'price' is a regression.* its mae may"):
        find_criteria(recipe(metric="mae"), (PRICE,), Path())
    (price,) = find_criteria(recipe(metric="mae", max_drop=500.0), (PRICE,), Path())
    (kind,) = find_criteria(recipe(), (KIND,), Path())
    assert (price.gate.allowed_drop, kind.gate.allowed_drop) == (500.0, 0.01)
