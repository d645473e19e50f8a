"""The best threshold of a score, and of equally good ones the one nearest to 0.5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.quality.metrics import find_metric
from model_export.quality.thresholds import best_threshold, quality_of, threshold_curve
from model_export.quality.thresholds import f1 as f1_of_counts
from model_export.recipe.gate import GateSection

Array = npt.NDArray[Any]
SCORES = st.floats(0, 1, width=32)
EXAMPLES = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=12)


def binary(name: str, scores: Array, positive: Array) -> float:
    metric = find_metric(GateSection(metric=name), "classification", 2, Path())
    return best_threshold(scores, positive, quality_of(metric)[1])


def quality(name: str, scores: Array, positive: Array, threshold: float) -> float:
    answered = scores >= np.float32(threshold)
    if name == "accuracy":
        return float((answered == positive).mean())
    own = f1(answered, positive)
    return own if name == "f1" else (own + f1(~answered, ~positive)) / 2


def f1(answered: Array, positive: Array) -> float:
    total = answered.sum() + positive.sum()
    return float(2 * (answered & positive).sum() / total) if total else 0.0


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
@given(examples=EXAMPLES)
def test_no_threshold_is_better_and_none_as_good_is_nearer_to_a_half(
    name: str, examples: list[tuple[float, bool]]
) -> None:
    scores = np.array([score for score, _ in examples], np.float32)
    positive = np.array([truth for _, truth in examples])
    found = binary(name, scores, positive)
    assert 0 <= found <= 1
    if len(set(positive)) == 1:
        assert found == 0.5
        return
    best = quality(name, scores, positive, found)
    for other in (*scores.tolist(), 0.0, 0.5, 1.0, *np.linspace(0, 1, 21)):
        assert quality(name, scores, positive, other) <= best + 1e-9
    if quality(name, scores, positive, 0.5) == best:
        assert found == 0.5


@given(examples=EXAMPLES)
def test_a_label_has_the_threshold_of_the_best_f1(examples: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in examples], np.float32)
    truth = np.array([each for _, each in examples])
    threshold = best_threshold(scores, truth, f1_of_counts)
    if len(set(truth)) == 1:
        assert threshold == 0.5
        return
    best = quality("f1", scores, truth, threshold)
    assert all(quality("f1", scores, truth, other) <= best + 1e-9 for other in scores.tolist())


def test_it_lies_between_two_scores_and_is_short_to_read() -> None:
    scores = np.array([0.1234567, 0.2345678, 0.3456789, 0.9], np.float32)
    assert binary("accuracy", scores, np.array([False, False, True, True])) == 0.3
    assert binary("accuracy", scores, np.array([False, True, True, True])) == 0.18
    assert binary("accuracy", scores, np.array([False, False, False, True])) == 0.5


@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_where_the_metric_knows_no_threshold_accuracy_decides(name: str) -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    assert binary(name, scores, np.array([False, False, True, True])) == 0.25


def test_scores_of_nan_are_none_that_reach_a_threshold() -> None:
    scores = np.array([np.nan, 0.2, 0.4], np.float32)
    assert binary("accuracy", scores, np.array([False, False, True])) == 0.3


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "log_loss"])
def test_the_curve_tells_what_each_threshold_would_come_to(name: str) -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(50) < 0.3
    before, after = (rng.random((2, 50)) * 0.7 + 0.3 * positive).astype(np.float32)
    metric = find_metric(GateSection(metric=name), "classification", 2, Path())
    two, others = (np.stack([1 - scores, scores], axis=1) for scores in (before, after))
    curve = threshold_curve(metric, two, others, positive.astype(np.int64))
    judged = "macro_f1" if name == "macro_f1" else "accuracy"
    assert curve.metric == judged
    assert len(curve.points) == 101
    for point in curve.points:
        assert point.reference == pytest.approx(quality(judged, before, positive, point.threshold))
        assert point.published == pytest.approx(quality(judged, after, positive, point.threshold))
        said = after >= np.float32(point.threshold)
        assert point.recall == pytest.approx((said & positive).sum() / positive.sum())
        if point.precision is None:
            assert not said.any()
        else:
            assert point.precision == pytest.approx((said & positive).sum() / said.sum())
