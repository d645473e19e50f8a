"""Metrics by name, and functions of the recipe's own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from model_export.errors import UsageError
from model_export.quality.decisions import answers
from model_export.quality.metric import Metric
from model_export.quality.metrics import find_metric
from model_export.recipe.gate import GateSection
from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]

CLASSIFICATION = ["accuracy", "top_2", "macro_f1", "roc_auc", "log_loss"]
REGRESSION = ["mae", "rmse"]
NAN_ROW = [math.nan] * 3


def metric(name: str, classes: int = 3) -> Metric:
    task: Task = "regression" if name in REGRESSION else "classification"
    return find_metric(GateSection(metric=name), task, classes, Path())


def computed(name: str, scores: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    return metric(name).compute(np.asarray(scores), np.asarray(targets))


def examples(seed: int, count: int = 60, classes: int = 3) -> tuple[Array, Array]:
    """Scores of a model that is often right, with ties, and targets that have every class."""
    rng = np.random.default_rng(seed)
    targets = np.arange(count) % classes
    raw = rng.integers(1, 9, size=(count, classes)).astype(np.float64)
    raw[np.arange(count), targets] += 3
    return raw / raw.sum(axis=-1, keepdims=True), targets


SCORES = [[0.1, 0.9, 0.0], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5], [0.9, 0.1, 0.0]]


def test_accuracy_is_the_fraction_of_best_scores_that_are_right() -> None:
    assert computed("accuracy", SCORES, [1, 0, 2, 2]) == 0.75


def test_top_k_is_the_fraction_of_right_classes_among_the_best_k() -> None:
    assert computed("top_2", SCORES, [0, 2, 0, 2]) == 0.5


def test_of_equal_scores_accuracy_takes_the_first_and_top_k_none() -> None:
    tie = [[0.4, 0.4, 0.2]]
    assert computed("accuracy", tie, [0]) == 1
    assert computed("top_1", tie, [0]) == 0
    assert computed("top_2", tie, [0]) == 1


def test_log_loss_is_that_of_the_right_classs_share() -> None:
    found = computed("log_loss", [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], [0, 1])
    assert found == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_log_loss_takes_rows_that_quantization_left_with_another_sum_than_one() -> None:
    assert computed("log_loss", [[0.5, 0.3, 0.0]], [0]) == pytest.approx(-math.log(0.625))


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
def test_log_loss_of_a_score_of_zero_is_large_but_finite(row: list[float]) -> None:
    assert computed("log_loss", [row], [0]) == pytest.approx(-math.log(1e-7))


def test_mae_and_rmse_count_all_outputs_alike() -> None:
    values, targets = [[1.0, 2.0], [3.0, 8.0]], [[1.0, 1.0], [1.0, 4.0]]
    assert computed("mae", values, targets) == pytest.approx(7 / 4)
    assert computed("rmse", values, targets) == pytest.approx(math.sqrt(21 / 4))


def test_the_figures_are_those_of_scikit_learn() -> None:
    scores, targets = examples(0)
    found = scores.argmax(axis=-1)
    assert computed("accuracy", scores, targets) == pytest.approx(
        sklearn_metrics.accuracy_score(targets, found)
    )
    assert computed("macro_f1", scores, targets) == pytest.approx(
        sklearn_metrics.f1_score(targets, found, average="macro")
    )
    assert computed("roc_auc", scores, targets) == pytest.approx(
        sklearn_metrics.roc_auc_score(targets, scores, multi_class="ovr")
    )
    assert computed("log_loss", scores, targets) == pytest.approx(
        sklearn_metrics.log_loss(targets, y_proba=scores)
    )
    assert computed("rmse", scores[:, :1], scores[:, 1:2]) == pytest.approx(
        sklearn_metrics.root_mean_squared_error(scores[:, 1], scores[:, 0])
    )


def test_roc_auc_of_two_classes_ranks_the_score_of_the_second() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])
    assert metric("roc_auc", classes=2).compute(scores, np.array([0, 0, 1, 1])) == 0.75


def test_classes_that_the_targets_lack_are_left_out_of_means() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    targets = np.array([0, 1, 1, 0])
    # Class 0: 2 right of 2. Class 1: 1 right of 2, and no answer wrong.
    assert computed("macro_f1", scores, targets) == pytest.approx((1 + 2 / 3) / 2)
    # Class 0: both above all others. Class 1: 0.2 and 0.7 against 0.2 and 0.3.
    assert computed("roc_auc", scores, targets) == pytest.approx((1 + 2.5 / 4) / 2)


def test_roc_auc_wants_two_classes() -> None:
    with pytest.raises(UsageError, match="'roc_auc': expected examples of at least two classes"):
        computed("roc_auc", SCORES, [1, 1, 1, 1])


def test_an_answer_of_nan_is_no_answer() -> None:
    assert answers(np.array([NAN_ROW, [0.1, math.nan, 0.3], SCORES[0]])).tolist() == [-1, -1, 1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 0.5),
        ("top_2", 0.5),
        # Classes 0 and 2 are found, class 1 is not, and nothing else is mistaken for it.
        ("macro_f1", (1 + 0 + 2 / 3) / 3),
        ("log_loss", math.inf),
    ],
)
def test_nan_makes_a_metric_bad_and_nothing_else(name: str, expected: float) -> None:
    scores = [[0.9, 0.1, 0.0], NAN_ROW, [0.1, 0.2, 0.7], NAN_ROW]
    assert computed(name, scores, [0, 1, 2, 2]) == pytest.approx(expected)


def test_roc_auc_takes_nan_for_the_lowest_score() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [math.nan, math.nan], [0.1, 0.9]])
    found = metric("roc_auc", classes=2).compute(scores, np.array([0, 0, 1, 1]))
    assert found == 0.5


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_error_without_bounds_is_infinite(name: str, value: float) -> None:
    assert computed(name, [[1.0], [value]], [[1.0], [2.0]]) == math.inf


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_score_breaks_a_metric(name: str, value: float) -> None:
    assert not math.isnan(computed(name, np.full((6, 3), value), [0, 1, 2, 0, 1, 2]))


@pytest.mark.parametrize("name", ["macro_f1", "roc_auc", "log_loss", "mae", "rmse"])
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sets(st.integers(0, 23), max_size=2))
def test_weights_are_worth_as_much_as_repeated_examples(
    name: str, seed: int, without_answer: set[int]
) -> None:
    scores, targets = examples(seed, count=24)
    scores[list(without_answer)] = math.nan
    if name in REGRESSION:
        targets = np.random.default_rng(seed).random((24, 3)).astype(np.float32)
    weights = np.random.default_rng(seed).poisson(1, size=(24, 4)).astype(np.uint8)
    weights[:3] += 1
    tested = metric(name)
    assert tested.reweighted is not None
    found = tested.reweighted(scores, targets)(weights)
    rows = [np.repeat(np.arange(24), column) for column in weights.T]
    assert found == pytest.approx([tested.compute(scores[r], targets[r]) for r in rows])


@pytest.mark.parametrize("name", ["macro_f1", "roc_auc"])
def test_a_resample_without_a_class_leaves_it_out(name: str) -> None:
    scores, targets = examples(3, count=9)
    weights = np.where(targets == 2, 0, 1).astype(np.uint8)[:, np.newaxis]
    tested = metric(name)
    assert tested.reweighted is not None
    rows = targets != 2
    expected = tested.compute(scores[rows], targets[rows])
    assert tested.reweighted(scores, targets)(weights) == pytest.approx([expected])


def test_a_resample_with_a_single_class_has_no_roc_auc() -> None:
    scores, targets = examples(3, count=9)
    tested = metric("roc_auc")
    assert tested.reweighted is not None
    weights = (targets == 1).astype(np.uint8)[:, np.newaxis]
    assert np.isnan(tested.reweighted(scores, targets)(weights)).all()


@pytest.mark.parametrize("name", [*CLASSIFICATION, *REGRESSION])
def test_losses_and_errors_are_better_when_they_are_lower(name: str) -> None:
    assert metric(name).name == name
    assert metric(name).lower_is_better == (name in {"log_loss", "mae", "rmse"})


def test_an_unknown_metric_names_the_nearest_and_all() -> None:
    with pytest.raises(UsageError) as caught:
        metric("acuracy")
    assert str(caught.value) == (
        "gate.metric: 'acuracy' is not known; the nearest is 'accuracy', of accuracy, macro_f1, "
        "roc_auc, log_loss, top_<k>, micro_f1, subset_accuracy, mae, rmse, and module:function for "
        "your own"
    )


@pytest.mark.parametrize(
    ("name", "nearest"), [("top5", "top_<k>"), ("top_-1", "top_<k>"), ("RMSE", "rmse")]
)
def test_a_metric_that_is_nearly_right_is_advised(name: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=f"the nearest is '{nearest}'"):
        metric(name)


@pytest.mark.parametrize("k", [0, 3, 10])
def test_top_k_needs_fewer_than_all_classes(k: int) -> None:
    with pytest.raises(UsageError, match=f"'top_{k}': expected 1 to 2, of 3 classes"):
        metric(f"top_{k}", classes=3)


@pytest.mark.parametrize(
    ("name", "task", "fitting"),
    [
        ("mae", "classification", "accuracy, macro_f1, roc_auc, log_loss, top_<k>, and"),
        ("top_2", "regression", "mae, rmse, and"),
        ("accuracy", "multi_label", "micro_f1, macro_f1, subset_accuracy, roc_auc, log_loss, and"),
        ("subset_accuracy", "classification", "accuracy, macro_f1"),
    ],
)
def test_a_metric_of_the_other_task_says_which_fit(name: str, task: Task, fitting: str) -> None:
    with pytest.raises(UsageError, match=f"for {task} there are {fitting}"):
        find_metric(GateSection(metric=name), task, 3, Path())


MINE = """
import numpy as np

def share(scores, targets):
    return np.float32((scores.argmax(axis=-1) == targets).mean())

def broken(scores, targets):
    return scores["nothing"]

def text(scores, targets):
    return "good"

def nothing(scores, targets):
    return float("nan")

constant = 3
"""


def own(name: str, folder: Path) -> Metric:
    (folder / "my_metrics.py").write_text(MINE)
    gate = GateSection(metric=f"my_metrics:{name}", lower_is_better=False)
    return find_metric(gate, "classification", 3, folder)


def test_a_function_of_the_recipes_own_is_found_beside_it(tmp_path: Path) -> None:
    found = own("share", tmp_path)
    assert found.compute(np.array(SCORES), np.array([1, 0, 2, 2])) == 0.75
    assert (found.name, found.lower_is_better) == ("my_metrics:share", False)


@pytest.mark.parametrize(
    ("name", "problem", "line"),
    [
        ("broken", "it raised IndexError: only integers", 8),
        ("text", "expected a finite number, got 'good'", 10),
        ("nothing", "expected a finite number, got nan", 13),
    ],
)
def test_a_function_that_fails_is_named_with_the_line(
    name: str, problem: str, line: int, tmp_path: Path
) -> None:
    found = own(name, tmp_path)
    with pytest.raises(UsageError) as caught:
        found.compute(np.array(SCORES), np.array([1, 0, 2, 2]))
    assert str(caught.value).startswith(f"gate.metric: my_metrics:{name}: {problem}")
    assert str(caught.value).endswith(f"({tmp_path / 'my_metrics.py'}, line {line})")


def test_what_is_no_function_cannot_be_a_metric(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="my_metrics:constant: expected a function, got int"):
        own("constant", tmp_path)
