"""The budget of a recipe."""

from __future__ import annotations

import pytest

from model_export.recipe.gate import GateSection
from tflite_serving.contract.codec import ContractError


def test_a_budget_that_says_nothing_allows_a_hundredth_with_the_usual_confidence() -> None:
    assert (GateSection().allowed_drop, GateSection().sure) == (0.01, 0.95)


def test_what_is_said_holds_also_where_it_is_nothing() -> None:
    said = GateSection(max_drop=0.0, confidence=0.5)
    assert (said.allowed_drop, said.sure) == (0.0, 0.5)


@pytest.mark.parametrize("confidence", [0.0, 0.49, 1.0])
def test_a_confidence_is_at_least_a_half_and_never_certain(confidence: float) -> None:
    with pytest.raises(ContractError, match=r"^confidence: expected 0.5 to 1, got "):
        GateSection(confidence=confidence)


def test_a_metric_of_ones_own_says_its_direction() -> None:
    with pytest.raises(ContractError, match=r"^lower_is_better: "):
        GateSection(metric="my_metrics:loss")
