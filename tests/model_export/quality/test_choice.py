"""The choice among candidates that keep the budget: a proper order, whatever the tests say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.quality.choice import Choice, choose
from model_export.quality.comparison import PairedComparison
from model_export.quality.evaluated_candidate import EvaluatedCandidate
from model_export.quality.gate import judge
from model_export.quality.intervals import mcnemar_p_value
from model_export.quality.metrics import find_metric
from model_export.quality.significance import advantage
from model_export.recipe.gate import GateSection, Preference
from tests.support.export.evaluated import chosen_name, drop_of, evaluated
from tests.support.export.evaluated import compared as compared_by_hand

Array = npt.NDArray[Any]
NAMES = ("float32", "float16", "weight_int8", "dynamic_int8", "static_int8")
BUDGETS = {"species": GateSection(max_drop=0.01), "color": GateSection(max_drop=0.01)}
Case = tuple[list[EvaluatedCandidate], dict[tuple[str, str], bool], Preference]
PREFERENCES: tuple[Preference, ...] = ("latency", "size", "quality")


def made(name: str, *, size: int = 1000, p50: float = 1.0, drop: float = 0.0) -> EvaluatedCandidate:
    return evaluated(name, {"species": compared_by_hand(drop)}, size=size, p50=p50)


def chosen(
    candidates: Sequence[EvaluatedCandidate],
    prefer: Preference,
    worse: Mapping[tuple[str, str], bool] | None = None,
) -> Choice:
    """The choice, with the pairs (better, worse) whose difference is significant."""
    found = worse or {}
    drops = {one.name: drop_of(one) for one in candidates}
    return choose(candidates, prefer, drops, lambda a, b: "p = 0.01" if found.get((a, b)) else None)


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[list[EvaluatedCandidate], dict[tuple[str, str], bool], Preference]:
    """Candidates of few different figures, and any pairs of different quality significant."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    candidates = [
        made(
            name,
            size=draw(st.integers(1, 3)),
            p50=draw(st.sampled_from([1.0, 1.04, 1.08, 1.12, 2.0])),
            drop=draw(st.sampled_from([-0.001, 0.0, 0.001, 0.005])),
        )
        for name in names
    ]
    pairs = [
        (one.name, other.name)
        for one, other in itertools.permutations(candidates, 2)
        if drop_of(one) < drop_of(other)
    ]
    significant = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    worse = dict(zip(pairs, significant, strict=True))
    return candidates, worse, draw(st.sampled_from(PREFERENCES))


@given(case=cases(), data=st.data())
def test_the_choice_and_the_reasons_do_not_depend_on_the_order_of_the_candidates(
    case: Case,
    data: st.DataObject,
) -> None:
    candidates, worse, prefer = case
    assert chosen(data.draw(st.permutations(candidates)), prefer, worse) == chosen(
        candidates, prefer, worse
    )


@given(case=cases())
def test_taking_away_what_was_not_chosen_for_its_own_sake_changes_nothing(
    case: Case,
) -> None:
    """Whoever is chosen is chosen again against each of those that the preference left behind."""
    candidates, worse, prefer = case
    choice = chosen(candidates, prefer, worse)
    assert choice.chosen is not None
    assert set(choice.reasons) == {one.name for one in candidates} - {choice.chosen.name}
    left = [one for one in candidates if "significantly" not in choice.reasons.get(one.name, "")]
    for other in left:
        # What another one alone has put out would be back without that one.
        if other is choice.chosen or any(worse.get((other.name, one.name)) for one in candidates):
            continue
        # What is near the fastest is as fast; without the fastest, more may be near.
        rest = [one for one in left if one is not other]
        if min(one.p50_ms for one in rest) == min(one.p50_ms for one in left):
            without = [one for one in candidates if one is not other]
            assert chosen(without, prefer, worse).chosen is choice.chosen


@given(case=cases())
def test_nothing_significantly_worse_or_beaten_in_everything_is_chosen(
    case: Case,
) -> None:
    candidates, worse, prefer = case
    best = chosen(candidates, prefer, worse).chosen
    assert best is not None
    for other in candidates:
        assert not worse.get((other.name, best.name))
        assert not (
            other.p50_ms < best.p50_ms
            and other.bytes < best.bytes
            and drop_of(other) <= drop_of(best)
        )


@pytest.mark.parametrize("prefer", PREFERENCES)
def test_a_significant_difference_comes_before_any_preference(prefer: Preference) -> None:
    candidates = [
        made("float32", size=4000, p50=2.0),
        made("static_int8", size=1000, p50=0.5, drop=0.004),
        made("dynamic_int8", size=900, p50=0.4, drop=0.005),
        made("weight_int8", size=1100, p50=1.0, drop=0.001),
    ]
    choice = chosen(candidates, prefer, {("float32", "static_int8"): True})
    assert choice.chosen is not None
    assert choice.chosen.name == ("float32" if prefer == "quality" else "weight_int8")
    assert choice.reasons["static_int8"] == (
        "passes, but float32 is significantly better: p = 0.01"
    )
    # Of few examples on which it differs, a test may not say so of what is worse still.
    assert choice.reasons["dynamic_int8"] == (
        "passes, but static_int8 is no worse, and another is significantly better than that"
    )


def test_nobody_is_chosen_of_nobody() -> None:
    assert chosen([], "latency") == Choice(None, frozenset(), {})


@given(lost=st.integers(0, 60), won=st.integers(0, 60))
def test_mcnemars_test_is_exact(lost: int, won: int) -> None:
    total, most = lost + won, max(lost, won)
    tail = sum(math.comb(total, count) for count in range(most, total + 1)) / 2**total
    assert mcnemar_p_value(lost, won) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar_p_value(won, lost) == mcnemar_p_value(lost, won)


def test_mcnemars_test_of_ten_thousand_examples_does_not_overflow() -> None:
    assert mcnemar_p_value(5200, 4800) == pytest.approx(6.6e-5, rel=0.05)  # normal: 6.3e-5


def compared(metric: str, scores: Sequence[Array], targets: Array) -> list[dict[str, Any]]:
    found = find_metric(GateSection(metric=metric), "classification", 2, Path())
    paired = PairedComparison(found, ("a", "b"), scores[0], targets)
    return [{"species": paired.against(each)} for each in scores]


def answers(right: Array, targets: Array) -> Array:
    """Scores that are right where they should be, and sure to different degrees."""
    label = np.where(right, targets, 1 - targets)
    sure = np.linspace(0.6, 0.9, len(label))
    return np.where(np.arange(2) == label[:, None], sure[:, None], 1 - sure[:, None])


@pytest.mark.parametrize(("examples", "significant"), [(500, False), (8_000, True)])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss"])
def test_the_same_loss_is_significant_with_enough_examples(
    metric: str, examples: int, *, significant: bool
) -> None:
    """Two models disagree on one example of fifty, and the one is right on 60 % of these."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, examples)
    good = rng.random(examples) < 0.9
    differ = np.arange(examples) % 50 == 0
    first, second = good.copy(), good.copy()
    first[differ] = np.arange(differ.sum()) % 5 < 3
    second[differ] = ~first[differ]
    better, worse = compared(metric, [answers(first, targets), answers(second, targets)], targets)
    told = advantage(better, worse, BUDGETS, 0.95)
    assert (told is not None) is significant
    assert advantage(worse, better, BUDGETS, 0.95) is None
    if told:
        assert told.startswith(f"{metric} ")
        assert ("p = " if metric == "accuracy" else "95% interval of the difference ") in told


@pytest.mark.parametrize(("max_drop", "counts"), [(0.01, True), (0.05, False)])
def test_a_difference_that_is_no_noticeable_part_of_the_budget_does_not_count(
    max_drop: float, *, counts: bool
) -> None:
    targets = np.zeros(20_000, int)
    lost = np.arange(20_000) % 500 == 0  # 0.2 points, for certain
    right = np.ones(20_000, bool)
    better, worse = compared("accuracy", [answers(r, targets) for r in (right, ~lost)], targets)
    budgets = {"species": GateSection(max_drop=max_drop)}
    assert (advantage(better, worse, budgets, 0.95) is not None) is counts


def test_the_gate_spends_its_budget_where_the_recipe_says_so() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 4000)
    good = rng.random(4000) < 0.95
    lost = good & (np.cumsum(good) <= 30)  # 0.75 points
    scores = [answers(right, targets) for right in (good, good & ~lost)]
    better, worse = compared("accuracy", scores, targets)
    both = [
        evaluated("float32", better, size=4000),
        evaluated("static_int8", worse, size=1000, p50=0.3),
    ]
    choice = judge(both, GateSection(max_drop=0.01))
    assert chosen_name(choice) == "float32"
    (why_not,) = choice.reasons.values()
    assert why_not.startswith("passes, but float32 is significantly better: accuracy 0.9")
    spent = [GateSection(max_drop=drop, spend_budget=True) for drop in (0.01, 0.005)]
    assert [chosen_name(judge(both, gate)) for gate in spent] == ["static_int8", "float32"]


def test_of_several_outputs_one_is_better_and_none_worse() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 1000)
    good = rng.random(1000) < 0.95
    bad = good & (np.arange(1000) % 10 > 0)
    one, other = compared("accuracy", [answers(r, targets) for r in (good, bad)], targets)
    good_one, bad_one = one["species"], other["species"]
    first = {"species": good_one, "color": good_one}
    told = advantage(first, {"species": bad_one, "color": good_one}, BUDGETS, 0.95)
    assert told is not None
    assert told.startswith("output 'species': accuracy 0.9")
    mixed = {"species": bad_one, "color": good_one}
    assert advantage({"species": good_one, "color": bad_one}, mixed, BUDGETS, 0.95) is None
