"""Metrics of several labels, against scikit-learn, and how candidates are compared by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics as sklearn_metrics

from model_export.errors import UsageError
from model_export.quality.bootstrap import resampled
from model_export.quality.comparison import PairedComparison
from model_export.quality.metric import Metric
from model_export.quality.metrics import find_metric
from model_export.quality.score_calibration import calibration_error, reliability
from model_export.recipe.gate import GateSection

Array = npt.NDArray[Any]
THRESHOLDS = (0.5, 0.25, 0.75)
NAMES = ("micro_f1", "macro_f1", "subset_accuracy", "roc_auc", "log_loss")
LABELS = ("a", "b", "c")


def metric(name: str | None = None) -> Metric:
    return find_metric(GateSection(metric=name), "multi_label", 3, Path(), THRESHOLDS)


def examples(seed: int = 0, count: int = 80) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    targets = rng.random((count, 3)) < np.array([0.5, 0.3, 0.2])
    scores = np.clip(0.6 * targets + rng.random((count, 3)) * 0.5, 0, 1).astype(np.float32)
    return scores, targets


def expected(name: str, scores: Array, targets: Array) -> float:
    answered = scores >= np.array(THRESHOLDS, np.float32)
    match name:
        case "micro_f1" | "macro_f1":
            average = name.removesuffix("_f1")
            return float(sklearn_metrics.f1_score(targets, answered, average=average))
        case "subset_accuracy":
            return float(sklearn_metrics.accuracy_score(targets, answered))
        case "roc_auc":
            return float(sklearn_metrics.roc_auc_score(targets, scores))
        case _:
            columns = zip(targets.T, scores.astype(np.float64).T, strict=True)
            losses = [sklearn_metrics.log_loss(t, np.clip(s, 1e-7, 1 - 1e-7)) for t, s in columns]
            return float(np.mean(losses))


def test_the_usual_metric_is_micro_f1() -> None:
    assert metric().name == "micro_f1"


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_what_scikit_learn_says(name: str) -> None:
    scores, targets = examples()
    found = metric(name)
    assert found.compute(scores, targets) == pytest.approx(
        expected(name, scores, targets), abs=1e-5
    )
    assert found.lower_is_better == (name == "log_loss")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "subset_accuracy"])
def test_many_resamples_at_once_are_what_each_of_them_is(name: str) -> None:
    scores, targets = examples(count=25)
    found = metric(name)
    assert found.reweighted is not None
    weights = np.random.default_rng(1).integers(0, 3, (25, 6)).astype(np.uint8)
    together = found.reweighted(scores, targets)(weights)
    for column, value in zip(weights.T, together, strict=True):
        rows = np.repeat(np.arange(25), column)
        assert value == pytest.approx(found.compute(scores[rows], targets[rows]), abs=1e-9)
    assert len(resampled(found, scores, targets)) == 2000


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_of_nan_is_a_bad_one_and_no_result(name: str) -> None:
    scores, targets = examples()
    found, broken = metric(name), scores.copy()
    broken[::2] = np.nan
    good, bad = found.compute(scores, targets), found.compute(broken, targets)
    assert not np.isnan(bad)
    assert (bad > good) is (name == "log_loss")


def test_examples_without_any_label_tell_nothing() -> None:
    scores, targets = examples()
    for name in ("micro_f1", "macro_f1", "roc_auc"):
        with pytest.raises(UsageError, match="expected examples with labels"):
            metric(name).compute(scores, np.zeros_like(targets))
    with pytest.raises(UsageError, match="a label that only some examples have"):
        metric("roc_auc").compute(scores, np.ones_like(targets))


def test_a_comparison_counts_whole_sets_of_labels_and_each_labels_recall() -> None:
    scores, targets = examples()
    candidate = scores.copy()
    candidate[0] = np.where(targets[0], 0, 1)  # all wrong
    candidate[1] = np.nan
    paired = PairedComparison(metric("subset_accuracy"), LABELS, scores, targets)
    found = paired.against(candidate)
    assert found.agreement == 1 - 2 / len(scores)
    assert found.metric == "subset_accuracy"
    answered = scores >= np.array(THRESHOLDS, np.float32)
    for index, change in enumerate(found.classes):
        members = targets[:, index]
        assert (change.label, change.examples) == (LABELS[index], members.sum())
        assert change.reference == pytest.approx(answered[members, index].mean())
        lost = members[:2].sum()
        assert change.published <= change.reference
        assert change.reference - change.published <= lost / members.sum() + 1e-9


def test_each_label_is_an_answer_of_its_own_for_calibration() -> None:
    targets = np.array([[True, False]] * 10)
    sure = np.tile(np.array([[1.0, 0.0]], np.float32), (10, 1))
    assert calibration_error(sure, targets, (0.5, 0.5)) == 0
    assert calibration_error(1 - sure, targets, (0.5, 0.5)) == 1
    assert sum(one.examples for one in reliability(sure, sure, targets).reference) == 20


def test_with_a_threshold_the_score_of_the_answer_counts_for_calibration() -> None:
    scores = np.array([[0.7, 0.3]] * 10)
    targets = np.array([1] * 3 + [0] * 7)
    assert calibration_error(scores, targets, (0.25,)) == pytest.approx(0.0)
    assert calibration_error(scores, targets, (0.5,)) == pytest.approx(0.0)
    (filled,) = [
        one for one in reliability(scores, scores, targets, (0.25,)).published if one.score
    ]
    assert filled.score == pytest.approx(0.3)
    assert filled.accuracy == pytest.approx(0.3)


def test_a_single_scores_threshold_decides_what_is_right_and_what_agrees() -> None:
    gate = GateSection(metric="accuracy")
    at = find_metric(gate, "classification", 2, Path(), (0.25,))
    scores = np.array([[0.7, 0.3], [0.9, 0.1], [0.4, 0.6]])
    targets = np.array([1, 0, 1])
    assert at.compute(scores, targets) == 1
    assert find_metric(gate, "classification", 2, Path()).compute(scores, targets) == 2 / 3
    moved = np.array([[0.8, 0.2], [0.9, 0.1], [0.6, 0.4]])
    found = PairedComparison(at, ("no", "yes"), scores, targets).against(moved)
    assert found.agreement == 2 / 3
    assert [change.published for change in found.classes] == [1.0, 0.5]
