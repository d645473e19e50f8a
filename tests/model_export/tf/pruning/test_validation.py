"""How models are judged while they are fine-tuned."""

from __future__ import annotations

import pytest

from model_export.tf.pruning.validation import Judged, Validation, make_heads
from tests.support.models.three_outputs import FEW, GOALS, TRAIN, network


def test_the_output_that_lost_the_largest_part_of_its_budget_decides() -> None:
    judge = Validation(FEW, make_heads(network(), TRAIN, GOALS), (1, 1, 1))
    before = Judged((0.9, 1.0, 0.8), 1.0)
    assert judge.rank(before, before) == (0.0, 1.0)
    worst, _ = judge.rank(Judged((0.85, 1.1, 0.9), 1.0), before)
    assert worst == pytest.approx(0.5)  # of accuracy's 0.1
    worst, _ = judge.rank(Judged((0.9, 1.4, 0.8), 1.0), before)
    assert worst == pytest.approx(0.8)  # of the error's 0.5
    assert judge.rank(Judged((0.9, float("nan"), 0.8), 1.0), before)[0] == float("inf")
