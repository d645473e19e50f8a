"""Checks that sections of the recipe share."""

from __future__ import annotations

import pytest

from model_export.recipe.checks import check, check_own_metric
from tflite_serving.contract.codec import ContractError


def test_what_does_not_hold_is_named_with_what_was_expected() -> None:
    check("epochs", 1, "1 or more", holds=True)
    with pytest.raises(ContractError, match=r"^epochs: expected 1 or more, got 0$"):
        check("epochs", 0, "1 or more", holds=False)


@pytest.mark.parametrize(("metric", "lower"), [("my:f", True), ("my:f", False), ("mae", None)])
def test_a_metric_of_ones_own_says_its_direction(metric: str, lower: bool | None) -> None:  # noqa: FBT001
    check_own_metric(metric, lower)


@pytest.mark.parametrize(
    ("metric", "lower", "got"),
    [("my:f", None, "None for my:f"), ("mae", True, "True for mae"), (None, False, "usual one")],
)
def test_a_direction_that_is_missing_or_known_is_refused(
    metric: str | None,
    lower: bool | None,  # noqa: FBT001
    got: str,
) -> None:
    with pytest.raises(ContractError, match=f"lower_is_better: expected true or false .*{got}"):
        check_own_metric(metric, lower)
