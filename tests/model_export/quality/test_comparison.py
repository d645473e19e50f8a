"""Candidates against the reference: the drop, its interval, and what became of each class."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.errors import UsageError
from model_export.quality.classes import ClassChange, confusion
from model_export.quality.comparison import Comparison, PairedComparison
from model_export.quality.intervals import matched_pairs_interval
from model_export.quality.metric import Metric
from model_export.quality.metrics import find_metric
from model_export.quality.sample_size import examples_needed
from model_export.quality.score_calibration import calibration_error, reliability
from model_export.recipe.gate import GateSection

Array = npt.NDArray[Any]

Z95 = 1.959963984540054
LABELS = ("cat", "dog", "eel")
CLASSIFICATION = ["accuracy", "top_2", "macro_f1", "roc_auc", "log_loss"]
REGRESSION = ["mae", "rmse"]
BOOTSTRAP = ["macro_f1", "roc_auc", "log_loss", *REGRESSION]


def metric(name: str) -> Metric:
    if name in REGRESSION:
        return find_metric(GateSection(metric=name), "regression", 0, Path())
    return find_metric(GateSection(metric=name), "classification", 3, Path())


def models(name: str, seed: int, count: int = 60) -> tuple[Array, Array, Array]:
    """What the reference and a noisier candidate answer, and the targets."""
    rng = np.random.default_rng(seed)
    if name in REGRESSION:
        targets = rng.normal(size=(count, 2)).astype(np.float32)
        reference = targets + rng.normal(size=(count, 2))
        return reference, reference + rng.normal(scale=0.3, size=(count, 2)), targets
    classes = np.arange(count) % 3
    logits = rng.normal(size=(count, 3))
    logits[np.arange(count), classes] += 1.5
    return softmax(logits), softmax(logits + rng.normal(scale=0.7, size=(count, 3))), classes


def softmax(logits: Array) -> Array:
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def compare(
    name: str, reference: Array, candidate: Array, targets: Array, confidence: float = 0.95
) -> Comparison:
    labels = None if name in REGRESSION else LABELS
    paired = PairedComparison(metric(name), labels, reference, targets, confidence)
    return paired.against(candidate)


def paired(before: npt.ArrayLike, after: npt.ArrayLike, confidence: float = 0.95) -> Comparison:
    """Of two models that are right, class 0, or wrong as these say."""

    def scores(right: npt.ArrayLike) -> Array:
        return np.eye(3)[1 - np.asarray(right, dtype=np.int64)]

    targets = np.zeros(len(np.atleast_1d(before)), dtype=np.int64)
    return compare("accuracy", scores(before), scores(after), targets, confidence)


@pytest.mark.parametrize(
    ("total", "lost", "won"), [(100, 10, 2), (100, 0, 0), (500, 3, 3), (20, 20, 0), (1, 0, 1)]
)
def test_the_interval_of_accuracy_is_that_of_agresti_and_min(
    total: int, lost: int, won: int
) -> None:
    # Wald's interval for matched pairs, with half an observation more in each of the four cells.
    b, c, n = lost + 0.5, won + 0.5, total + 2
    center = (b - c) / n
    reach = Z95 * math.sqrt((b + c) / n**2 - (b - c) ** 2 / n**3)
    found = paired(
        [1] * (total - won) + [0] * won,
        [0] * lost + [1] * (total - lost),
    )
    assert found.interval == pytest.approx((max(-1, center - reach), min(1, center + reach)))
    assert found.discordant == (lost, won)
    assert found.method == "Agresti & Min 2005, paired proportions"


def test_the_interval_of_a_known_case_is_the_one_computed_by_hand() -> None:
    # 100 pairs, 10 lost, 2 won: (10.5 - 2.5) / 102 = 0.0784, deviation sqrt(13 - 64/102) / 102.
    assert matched_pairs_interval(10, 2, 100, 0.95) == pytest.approx((0.01085, 0.14601), abs=5e-5)


def test_no_change_on_few_examples_proves_little_and_on_many_much() -> None:
    few, many = paired([1] * 10, [1] * 10), paired([1] * 10_000, [1] * 10_000)
    assert few.interval[0] < 0
    assert few.interval[1] > 0.1
    assert 0 < many.interval[1] < 0.001


def test_top_k_is_a_fraction_of_right_answers_as_well() -> None:
    reference, candidate, targets = models("top_2", 0)
    found = compare("top_2", reference, candidate, targets)
    assert found.discordant is not None
    lost, won = found.discordant
    assert found.drop == pytest.approx((lost - won) / 60)
    assert found.interval == matched_pairs_interval(lost, won, 60, 0.95)


PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)
CONFIDENCE = st.floats(0.5, 0.999)


@settings(deadline=None)
@given(PAIRS, CONFIDENCE)
def test_swapping_the_models_negates_the_interval(
    pairs: list[tuple[bool, bool]], confidence: float
) -> None:
    before, after = zip(*pairs, strict=True)
    low, high = paired(before, after, confidence).interval
    assert paired(after, before, confidence).interval == pytest.approx((-high, -low))


@settings(deadline=None)
@given(PAIRS, CONFIDENCE)
def test_the_interval_of_accuracy_is_within_one_and_never_without_width(
    pairs: list[tuple[bool, bool]], confidence: float
) -> None:
    before, after = zip(*pairs, strict=True)
    found = paired(before, after, confidence)
    assert -1 <= found.interval[0] <= found.drop <= found.interval[1] <= 1
    assert found.interval[0] < found.interval[1]


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(CLASSIFICATION + REGRESSION), st.integers(0, 100))
def test_the_drop_counts_what_is_worse_and_lies_in_its_interval(name: str, seed: int) -> None:
    reference, candidate, targets = models(name, seed)
    found = compare(name, reference, candidate, targets)
    rise = found.candidate - found.reference
    assert found.drop == pytest.approx(rise if metric(name).lower_is_better else -rise)
    assert found.interval[0] <= found.drop <= found.interval[1]
    assert found.reference == metric(name).compute(reference, targets)
    assert found.candidate == metric(name).compute(candidate, targets)
    assert (found.examples, found.confidence) == (60, 0.95)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(CLASSIFICATION + REGRESSION), st.integers(0, 100), CONFIDENCE)
def test_more_confidence_needs_a_wider_interval(name: str, seed: int, confidence: float) -> None:
    found = compare(name, *models(name, seed), confidence=confidence)
    narrow, wide = sorted([found.interval, found.interval_95], key=lambda ends: ends[1] - ends[0])
    assert (wide == found.interval) == (confidence >= 0.95) or wide == narrow
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(CLASSIFICATION + REGRESSION), st.integers(0, 100))
def test_the_order_of_the_examples_does_not_matter(name: str, seed: int) -> None:
    reference, candidate, targets = models(name, seed)
    order = np.random.default_rng(seed).permutation(len(targets))
    found = compare(name, reference, candidate, targets)
    again = compare(name, reference[order], candidate[order], targets[order])
    assert again.drop == pytest.approx(found.drop)
    assert again.agreement == found.agreement
    assert again.classes == found.classes
    if name not in BOOTSTRAP:
        assert again.interval == found.interval


@pytest.mark.parametrize("name", BOOTSTRAP)
def test_the_bootstrap_says_what_it_did_and_does_it_again(name: str) -> None:
    found = compare(name, *models(name, 1))
    assert found.method == "paired bootstrap, percentile, 2000 resamples"
    assert found.discordant is None
    assert found == compare(name, *models(name, 1))


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    reference, candidate, targets = models("mae", 2, count=1000)
    found = compare("mae", reference, candidate, targets)
    rises = np.abs(candidate - targets).mean(axis=-1) - np.abs(reference - targets).mean(axis=-1)
    reach = Z95 * rises.std() / math.sqrt(1000)
    assert found.interval == pytest.approx(
        (rises.mean() - reach, rises.mean() + reach), abs=0.1 * reach
    )


def test_pairing_makes_the_interval_narrow() -> None:
    reference, _, targets = models("log_loss", 3, count=300)
    similar = np.abs(reference - 0.001)
    unrelated = np.roll(reference, 3, axis=0)
    paired = PairedComparison(metric("log_loss"), LABELS, reference, targets)
    narrow, wide = paired.against(similar).interval, paired.against(unrelated).interval
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 20


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "roc_auc"])
def test_the_interval_holds_the_true_drop_about_as_often_as_it_says(name: str) -> None:
    population = models(name, 0, count=30_000)
    reference, candidate, targets = population
    tested = metric(name)
    true = tested.compute(reference, targets) - tested.compute(candidate, targets)
    true = -true if tested.lower_is_better else true
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(40):
        rows = rng.integers(30_000, size=100)
        reference, candidate, targets = (array[rows] for array in population)
        low, high = compare(name, reference, candidate, targets).interval
        held += low <= true <= high
    assert held >= 35


@pytest.mark.parametrize("name", BOOTSTRAP)
def test_a_bootstrap_without_any_difference_has_no_width(name: str) -> None:
    reference, _, targets = models(name, 0)
    found = compare(name, reference, reference, targets)
    assert (found.drop, found.interval) == (0, (0, 0))


@pytest.mark.parametrize("name", CLASSIFICATION + REGRESSION)
def test_a_candidate_of_nan_is_worse_and_breaks_nothing(name: str) -> None:
    reference, candidate, targets = models(name, 0)
    found = compare(name, reference, np.full_like(candidate, math.nan), targets)
    assert found.drop > 0.3
    assert not any(math.isnan(end) for end in (*found.interval, *found.interval_95))
    assert found.agreement in {0, None}


@pytest.mark.parametrize("name", CLASSIFICATION + REGRESSION)
def test_two_models_of_nan_are_equally_bad(name: str) -> None:
    reference, _, targets = models(name, 0)
    nothing = np.full_like(reference, math.nan)
    found = compare(name, nothing, nothing, targets)
    assert found.drop == 0
    assert not any(math.isnan(end) for end in found.interval)


def test_one_answer_of_nan_makes_the_upper_end_of_a_loss_infinite() -> None:
    reference, candidate, targets = models("log_loss", 0)
    candidate[0] = math.nan
    found = compare("log_loss", reference, candidate, targets)
    assert (found.drop, found.interval[1]) == (math.inf, math.inf)
    assert math.isfinite(found.interval[0])


MINE = """
import numpy as np

def errors(scores, targets):
    return float(np.mean(scores.argmax(axis=-1) != targets))

def needs_the_rare_class(scores, targets):
    assert (targets == 2).any()
    return errors(scores, targets)
"""


def own(name: str, folder: Path) -> Metric:
    (folder / "own_metrics.py").write_text(MINE)
    gate = GateSection(metric=f"own_metrics:{name}", lower_is_better=True)
    return find_metric(gate, "classification", 3, folder)


def test_a_function_of_the_recipes_own_has_fewer_resamples(tmp_path: Path) -> None:
    reference, candidate, targets = models("accuracy", 0)
    found = PairedComparison(own("errors", tmp_path), LABELS, reference, targets).against(candidate)
    assert found.method == "paired bootstrap, percentile, 200 resamples"
    assert found.drop == pytest.approx(compare("accuracy", reference, candidate, targets).drop)
    assert found.interval[0] < found.drop < found.interval[1]


def test_a_function_may_fail_on_resamples_that_lack_a_class(tmp_path: Path) -> None:
    reference, candidate, targets = models("accuracy", 0)
    targets = np.where(np.arange(60) < 2, 2, targets % 2)
    tested = own("needs_the_rare_class", tmp_path)
    found = PairedComparison(tested, LABELS, reference, targets).against(candidate)
    resamples = int(found.method.removesuffix(" resamples").rpartition(" ")[2])
    # Two examples of sixty are both missing from a resample with a chance of e^-2.
    assert 150 < resamples < 190


def test_a_function_that_mostly_fails_on_resamples_cannot_be_the_metric(tmp_path: Path) -> None:
    reference, _, _ = models("accuracy", 0, count=3)
    tested = own("needs_the_rare_class", tmp_path)
    with pytest.raises(UsageError, match=r"AssertionError.*on most resamples"):
        # All three examples of the class, one of which a function that wants two of it misses.
        PairedComparison(_wanting(tested, 3), LABELS, reference, np.array([2, 2, 2]))


def _wanting(tested: Metric, distinct: int) -> Metric:
    def compute(scores: Array, targets: Array) -> float:
        lacking = len(np.unique(scores, axis=0)) < distinct
        return tested.compute(scores, targets * 0 if lacking else targets)

    return Metric(name="wanting", lower_is_better=True, task="classification", compute=compute)


def test_every_class_has_its_recall_and_precision_before_and_after() -> None:
    targets = np.array([0, 0, 0, 0, 1, 1])
    reference = np.eye(3)[[0, 0, 0, 1, 1, 1]]
    candidate = np.eye(3)[[0, 0, 2, 1, 1, 0]]
    found = compare("accuracy", reference, candidate, targets)
    told = {
        "cat": (4, 0.75, 0.5, 1.0, 2 / 3),
        "dog": (2, 1.0, 0.5, 2 / 3, 0.5),
        "eel": (0, 0.0, 0.0, None, 0.0),  # nobody says so of any, and then of one that is none
    }
    assert found.classes == tuple(
        ClassChange(
            label=label,
            examples=examples,
            reference=before,
            published=after,
            reference_precision=precise,
            published_precision=less_precise,
        )
        for label, (examples, before, after, precise, less_precise) in told.items()
    )
    assert found.worst_class_drop == 0.5
    assert found.agreement == pytest.approx(4 / 6)


def test_a_class_without_examples_cannot_be_the_worst() -> None:
    targets = np.array([0, 1])
    found = compare("accuracy", np.eye(3)[[1, 0]], np.eye(3)[[0, 1]], targets)
    assert found.worst_class_drop == -1


def test_a_model_agrees_with_itself_except_where_it_answers_nan() -> None:
    reference, _, targets = models("accuracy", 0)
    assert compare("accuracy", reference, reference, targets).agreement == 1
    reference[:6] = math.nan
    assert compare("accuracy", reference, reference, targets).agreement == 0.9


def test_a_regression_has_no_classes_nor_agreement() -> None:
    found = compare("rmse", *models("rmse", 0))
    assert found.agreement is found.worst_class_drop is found.calibration_error is None
    assert found.classes == ()


def test_the_calibration_error_is_the_one_computed_by_hand() -> None:
    # Bin (0.6, 0.667]: 0.62 and 0.64, one right. Bin (0.933, 1]: 0.95 and 1, both right.
    scores = np.array([[0.62, 0.38], [0.64, 0.36], [0.95, 0.05], [0.0, 1.0]])
    targets = np.array([0, 1, 0, 1])
    expected = (2 * abs(0.63 - 0.5) + 2 * abs(0.975 - 1)) / 4
    assert calibration_error(scores, targets) == pytest.approx(expected)


def test_answers_of_nan_are_the_worst_calibrated() -> None:
    assert calibration_error(np.full((4, 3), math.nan), np.array([0, 1, 2, 0])) == 1


def test_reliability_has_fifteen_bins_that_hold_every_example() -> None:
    reference, candidate, targets = models("accuracy", 0)
    found = reliability(reference, candidate, targets)
    assert found.reference_error == calibration_error(reference, targets)
    assert found.published_error == calibration_error(candidate, targets)
    for bins in (found.reference, found.published):
        assert len(bins) == 15
        assert sum(one.examples for one in bins) == 60
        assert (bins[0].low, bins[-1].high) == (0, 1)
        for one in bins:
            assert (one.score is None) == (one.accuracy is None) == (one.examples == 0)
            assert one.score is None or one.low < one.score <= one.high


def test_confusion_counts_right_classes_against_answers_and_leaves_out_nan() -> None:
    targets = np.array([0, 0, 1, 2])
    candidate = np.eye(3)[[0, 1, 1, 0]]
    candidate[3] = math.nan
    found = confusion(LABELS, np.eye(3)[[0, 0, 1, 2]], candidate, targets)
    assert found.labels == LABELS
    assert [(c.truth, c.answer, c.reference, c.published) for c in found.counts] == [
        ("cat", "cat", 2, 1),
        ("cat", "dog", 0, 1),
        ("dog", "dog", 1, 1),
        ("eel", "eel", 1, 0),
    ]


@settings(max_examples=50, deadline=None)
@given(PAIRS, CONFIDENCE, st.floats(0.01, 0.5))
def test_the_examples_needed_are_the_fewest_that_are_enough(
    pairs: list[tuple[bool, bool]], confidence: float, room: float
) -> None:
    before, after = zip(*pairs, strict=True)
    found = paired(before, after, confidence)
    assert found.discordant is not None
    lost, won = (count / len(pairs) for count in found.discordant)
    needed = examples_needed(found, found.drop + room)

    def upper(n: int) -> float:
        return matched_pairs_interval(lost * n, won * n, n, confidence)[1]

    assert needed is not None
    assert upper(needed) <= found.drop + room
    assert needed == 1 or upper(needed - 1) > found.drop + room
    assert all(upper(n) <= found.drop + room for n in range(needed, needed + 2000))


def test_the_examples_needed_grow_as_the_room_shrinks() -> None:
    found = paired([1] * 100, [0] + [1] * 99)
    # 1.96² × 0.01 × 0.99 / room², and more where the half observations that are added count.
    assert examples_needed(found, 0.02) == 457
    assert examples_needed(found, 0.011) == pytest.approx(38_000, rel=0.01)
    assert examples_needed(found, 0.010001) == pytest.approx(3.8e10, rel=0.01)


@pytest.mark.parametrize("budget", [0.01, 0.005, -0.1])
def test_no_number_of_examples_helps_where_the_drop_takes_up_the_budget(budget: float) -> None:
    assert examples_needed(paired([1] * 100, [0] + [1] * 99), budget) is None


@pytest.mark.parametrize("name", BOOTSTRAP)
def test_the_bootstraps_reach_shrinks_with_the_square_root(name: str) -> None:
    found = compare(name, *models(name, 5))
    reach = found.interval[1] - found.drop
    assert examples_needed(found, found.drop + reach / 2) == pytest.approx(4 * 60, abs=1)
    assert examples_needed(found, found.drop) is None


def test_no_number_of_examples_makes_up_for_an_infinite_loss() -> None:
    reference, candidate, targets = models("log_loss", 0)
    candidate[0] = math.nan
    assert examples_needed(compare("log_loss", reference, candidate, targets), 0.1) is None


def test_an_upper_end_that_is_infinite_needs_no_number_either() -> None:
    reference, candidate, targets = models("mae", 0)
    reference[0] = math.nan
    assert examples_needed(compare("mae", reference, candidate, targets), 0.1) is None
