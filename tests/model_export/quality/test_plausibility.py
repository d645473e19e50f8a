"""A Keras model that is no better than a constant, and examples that cannot tell, are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model_export.dataset.splits import Split
from model_export.quality.criteria import find_criteria
from model_export.quality.plausibility import plausibility_warnings
from model_export.recipe.gate import GateSection
from model_export.recipe.model import ModelTask
from model_export.recipe.recipe import Recipe
from tests.support.models.signatures import Info, Source, described, recipe

Array = npt.NDArray[Any]
ADVICE = ": are these the examples that it was trained for, scaled and resized like those?"
WEIGHTED = ' Or is a class rare, and was weighted? Then judge by gate.metric = "macro_f1"'
CLASSES = np.array([1, 1, 1, 0, 2])
OWN = """
def within(scores, targets):
    assert scores.shape == targets.shape
    return float((abs(scores - targets) < 1).mean())


def picky(scores, targets):
    if (scores == scores[0]).all():
        raise ValueError("all the same")
    return 1.0
"""


def warnings(
    outputs: Array,
    targets: Array,
    *,
    task: ModelTask = "classification",
    metric: str | None = None,
    folder: Path = Path(),
) -> list[str]:
    """What is said of a model with these outputs, [examples, values]."""
    source = Source(outputs=(Info("species", "float32", (None, outputs.shape[1])),))
    if task != "classification" or outputs.shape[1] == 1:
        source = replace(source, endings=("sigmoid" if task != "regression" else "linear",))
    asked: Recipe = recipe(("a", "b", "c") if task != "regression" else None, task)
    if outputs.shape[1] == 1 and task == "classification":
        asked = recipe(("no", "yes"), task)
    own = bool(metric and ":" in metric)
    gate = GateSection(metric=metric, max_drop=0.1, lower_is_better=False if own else None)
    asked = replace(asked, gate=gate)
    signature = described(source, asked)
    criteria = find_criteria(asked, signature.outputs, folder)
    found = {"species": outputs.astype(np.float32)}
    return list(plausibility_warnings(criteria, signature, found, Split({}, targets)))


def scores_of(classes: Array) -> Array:
    """Scores of which the best are of these classes, and no two rows the same."""
    sure = np.linspace(0.6, 0.9, len(classes))[:, None]
    return np.where(np.arange(3) == classes[:, None], sure, (1 - sure) / 2)


def test_a_model_that_knows_exactly_what_the_commonest_class_gives_is_named() -> None:
    assert warnings(scores_of(CLASSES), CLASSES) == []
    one_better = np.array([1, 1, 1, 0, 1])
    assert warnings(scores_of(one_better), CLASSES) == []
    for as_good in ([1, 1, 1, 1, 1], [1, 1, 0, 0, 1]):
        (told,) = warnings(scores_of(np.array(as_good)), CLASSES)
        assert told == (
            "the Keras model's 'species' has accuracy 0.6000 on the test split, and always 'b' "
            "would have 0.6000" + ADVICE + WEIGHTED
        )
    (told,) = warnings(scores_of(np.zeros(5, np.int64)), CLASSES)
    assert "has accuracy 0.2000 on the test split, and always 'b' would have 0.6000" in told


def test_the_same_scores_for_all_examples_are_named_as_such() -> None:
    (told,) = warnings(np.full((5, 3), 1 / 3), CLASSES)
    assert told == (
        "the Keras model's 'species' is the same for each of the 5 test examples" + ADVICE
    )
    (told,) = warnings(np.full((5, 1), 0.2), np.array([0, 1, 0, 1, 0]))
    assert "is the same for each of the 5 test examples" in told


def test_scores_that_rank_no_better_than_a_coin_are_named() -> None:
    rng = np.random.default_rng(0)
    targets = np.arange(200) % 2
    right = np.where(targets == 1, 0.6, 0.4) + rng.normal(0, 0.01, 200)
    assert warnings(right[:, None], targets, metric="roc_auc") == []
    # Right most of the time, and those that it gets right are the ones it is the least sure of.
    ranks = np.where(targets == 1, 0.51, 0.49)
    ranks[:60] = np.where(targets[:60] == 1, 0.1, 0.9)
    (told,) = warnings(ranks[:, None], targets, metric="roc_auc")
    assert "has roc_auc 0.4900 on the test split, and always 'no' would have 0.5000" in told


def test_what_ranks_well_and_answers_always_the_same_is_named_too() -> None:
    targets = (np.arange(200) % 10 == 0).astype(np.int64)
    low = np.where(targets == 1, 0.4, 0.1) + np.linspace(0, 0.05, 200)
    (told,) = warnings(low[:, None], targets, metric="roc_auc")
    assert "has accuracy 0.9000 on the test split, and always 'no' would have 0.9000" in told


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss", "roc_auc"])
def test_one_class_in_the_test_split_tells_nothing(metric: str) -> None:
    ones = np.ones(5, np.int64)
    assert warnings(scores_of(ones), ones, metric=metric) == [
        "'species': all 5 test examples are 'b': they tell nothing of the other classes"
    ]


@pytest.mark.parametrize(("metric", "name"), [("mae", "median, 3,"), ("rmse", "mean, 4,")])
def test_a_regression_that_is_no_better_than_the_middle_is_named(metric: str, name: str) -> None:
    targets = np.array([[1.0], [2.0], [3.0], [4.0], [10.0]])
    near = targets + np.array([[0.5], [-0.5], [0.1], [0.2], [-0.4]])
    assert warnings(near, targets, task="regression", metric=metric) == []
    off = targets[::-1] + 0.1
    (told,) = warnings(off, targets, task="regression", metric=metric)
    assert f"and always the {name} would have " in told
    middle = np.full((5, 1), 3.0 if metric == "mae" else 4.0)
    (told,) = warnings(middle, targets, task="regression", metric=metric)
    assert "is the same for each of the 5 test examples" in told


def test_right_answers_of_one_value_tell_nothing_of_a_regression() -> None:
    targets = np.full((4, 1), 2.5)
    (told,) = warnings(targets + np.eye(4)[:, :1], targets, task="regression", metric="mae")
    assert told == "'species': all right answers of the test split are 2.5"


def test_a_metric_of_ones_own_is_asked_too_and_may_refuse_constants(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    targets = np.arange(10.0)[:, None]
    found = {"task": "regression", "folder": tmp_path}
    assert warnings(targets + 0.1, targets, metric="own:within", **found) == []  # type: ignore[arg-type]
    (told,) = warnings(targets + 5, targets, metric="own:within", **found)  # type: ignore[arg-type]
    assert "has own:within 0.0000 on the test split" in told
    assert warnings(targets + 5, targets, metric="own:picky", **found) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1", "subset_accuracy", "log_loss"])
def test_labels_that_are_no_better_than_the_usual_ones_are_named(metric: str) -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((300, 3)) < np.array([0.8, 0.4, 0.1])
    good = np.where(targets, 0.8, 0.2) + rng.uniform(-0.1, 0.1, targets.shape)
    assert warnings(good, targets, task="multi_label", metric=metric) == []
    noise = rng.random((300, 3))
    (told,) = warnings(noise, targets, task="multi_label", metric=metric)
    assert f"the Keras model's 'species' has {metric} " in told
    assert " on the test split, and always " in told


def test_labels_that_all_or_no_examples_have_are_named() -> None:
    rng = np.random.default_rng(0)
    targets = np.stack([rng.random(50) < 0.5, np.zeros(50, bool), np.ones(50, bool)], axis=1)
    good = np.where(targets, 0.8, 0.2) + rng.uniform(-0.1, 0.1, targets.shape)
    assert warnings(good, targets, task="multi_label") == [
        "'species': no test example has 'b'; every test example has 'c'"
    ]
