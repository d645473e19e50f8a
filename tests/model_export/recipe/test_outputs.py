"""What a recipe says of an output."""

from __future__ import annotations

from typing import Any

import pytest

from model_export.recipe.outputs import OutputSection
from tflite_serving.contract.codec import ContractError


@pytest.mark.parametrize(
    ("said", "expected"),
    [(None, ()), ("tuned", ()), (0.0, (0.0,)), (0.3, (0.3,)), ((0.3, 1.0), (0.3, 1.0))],
)
def test_thresholds_are_the_numbers_that_are_said(said: Any, expected: tuple[float, ...]) -> None:
    assert OutputSection(threshold=said).thresholds == expected


@pytest.mark.parametrize("said", [-0.1, 1.1, (0.5, 2.0)])
def test_a_threshold_is_a_score(said: Any) -> None:
    with pytest.raises(ContractError, match=r"^threshold: expected 0 to 1, got "):
        OutputSection(threshold=said)


def test_a_metric_of_ones_own_says_its_direction() -> None:
    with pytest.raises(ContractError, match=r"^lower_is_better: "):
        OutputSection(metric="my_metrics:loss")
