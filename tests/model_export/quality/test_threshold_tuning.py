"""Thresholds are tuned where that gains significantly on examples that did not choose them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.quality.metrics import find_metric
from model_export.quality.threshold_tuning import Tuning, randomization_p_value, tune_thresholds
from model_export.quality.thresholds import accuracy, f1
from model_export.recipe.gate import GateSection

Array = npt.NDArray[Any]


def tuned(scores: Array, positive: Array, name: str = "accuracy") -> Tuning:
    metric = find_metric(GateSection(metric=name), "classification", 2, Path())
    single = scores.astype(np.float32)
    both = np.stack([1 - single, single], axis=1)
    return tune_thresholds(metric, both, positive.astype(np.int64), 0.95)


def tuned_labels(scores: Array, targets: Array, name: str | None = None) -> Tuning:
    labels = scores.shape[1]
    metric = find_metric(GateSection(metric=name), "multi_label", labels, Path(), (0.5,) * labels)
    return tune_thresholds(metric, scores.astype(np.float32), targets, 0.95)


@given(won=st.integers(0, 40), lost=st.integers(0, 40), same=st.integers(1, 40))
def test_of_accuracy_the_test_is_that_of_mcnemar(won: int, lost: int, same: int) -> None:
    """The exact one: the sign test of the examples on which the two differ."""
    before = np.array([False] * won + [True] * lost + [True] * same, bool)
    after = np.array([True] * won + [False] * lost + [True] * same, bool)
    found = randomization_p_value(before, after, np.ones(len(before), bool), accuracy)
    if won <= lost:
        assert found == 1.0
        return
    differ = won + lost
    exact = min(1.0, 2 * sum(math.comb(differ, k) for k in range(won, differ + 1)) / 2**differ)
    assert found == pytest.approx(exact, rel=0.15, abs=2e-3)


def test_of_f1_the_test_is_that_of_all_exchanges() -> None:
    rng = np.random.default_rng(3)
    positive = rng.random(11) < 0.4
    before, after = rng.random(11) < 0.3, positive ^ (rng.random(11) < 0.2)

    def gain(one: Array, other: Array) -> float:
        def of(said: Array) -> Array:
            cells = (said & positive, said & ~positive, ~said & positive, ~said & ~positive)
            return f1(*(np.array([cell.sum()]) for cell in cells))

        return float((of(other) - of(one))[0])

    observed, as_large = gain(before, after), 0
    for mask in range(2**11):
        swap = np.array([mask >> bit & 1 for bit in range(11)], bool)
        one, other = np.where(swap, after, before), np.where(swap, before, after)
        as_large += gain(one, other) >= observed - 1e-12
    assert observed > 0
    exact = min(1.0, 2 * as_large / 2**11)
    assert randomization_p_value(before, after, positive, f1) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("kind", ["noise", "calibrated"])
@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_what_is_noise_is_rarely_tuned(kind: str, name: str) -> None:
    rng, changed, trials = np.random.default_rng(1), 0, 150
    for _ in range(trials):
        scores = rng.random(400) if kind == "noise" else rng.beta(0.8, 0.8, 400)
        positive = rng.random(400) < (0.5 if kind == "noise" else scores)
        changed += tuned(scores, positive, name).thresholds != (0.5,)
    assert changed <= 0.05 * trials


def test_of_many_labels_of_noise_hardly_any_is_tuned() -> None:
    rng, changed, trials = np.random.default_rng(2), 0, 40
    for _ in range(trials):
        scores = rng.beta(0.3, 0.3, (300, 8))
        targets = rng.random((300, 8)) < scores
        changed += tuned_labels(scores, targets).thresholds != (0.5,) * 8
    assert changed <= 0.05 * trials


def test_a_model_whose_scores_are_too_low_is_tuned_and_the_figures_say_why() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(1000)
    found = tuned(truth**3, rng.random(1000) < truth)
    (threshold,) = found.thresholds
    assert 0.03 < threshold < 0.3  # 0.5 cubed is 0.125
    assert (found.metric, found.examples) == ("accuracy", 500)
    assert found.tuned > found.at_half + 0.03
    assert found.p_value < 0.05
    assert found.in_words == (
        f"tuned threshold: {threshold:g}; on the 500 validation examples that did not choose, "
        f"accuracy {found.at_half:.4f} at 0.5, {found.tuned:.4f} tuned "
        f"(p = {found.p_value:.2g}, significant at 95%)"
    )


def test_a_few_examples_are_too_few_however_well_a_threshold_fits_them() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.41, 0.39])
    found = tuned(scores, scores > 0.25)
    assert found.thresholds == (0.5,)
    assert "tuned threshold: none; on the 4 validation examples" in found.in_words
    assert "not significant at 95%)" in found.in_words


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_few_examples_that_a_half_is_empty_or_of_one_class_keep_a_half(count: int) -> None:
    assert tuned(np.full(count, 0.3), np.ones(count, bool)).thresholds == (0.5,)
    nothing = tuned_labels(np.full((count, 2), 0.3), np.zeros((count, 2), bool))
    assert nothing.thresholds == (0.5, 0.5)


def test_of_several_labels_those_that_gain_are_tuned_alone() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((1200, 3))
    scores = np.stack([truth[:, 0], truth[:, 1] ** 4, truth[:, 2]], axis=1)
    targets = rng.random((1200, 3)) < np.stack(
        [rng.random(1200) > 2, truth[:, 1] > 0.5, rng.beta(1, 1, 1200) < truth[:, 2]], axis=1
    )
    found = tuned_labels(scores, targets)
    assert found.thresholds[0] == 0.5  # no example has it
    assert found.thresholds[1] < 0.2
    assert found.metric == "micro_f1"
    assert found.tuned > found.at_half


def test_labels_that_gain_alone_are_not_tuned_where_all_together_lose() -> None:
    """F1 of each label is better with more of them, and then no example has exactly the right."""
    rng = np.random.default_rng(0)
    scores = rng.random((2000, 6)) * 0.8
    targets = rng.random((2000, 6)) < 0.25
    assert tuned_labels(scores, targets, "subset_accuracy").thresholds == (0.5,) * 6
    assert tuned_labels(scores, targets, "micro_f1").thresholds != (0.5,) * 6
