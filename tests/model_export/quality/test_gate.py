"""The gate: the budget first, the preference second."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.quality.classes import ClassChange
from model_export.quality.evaluated_candidate import EvaluatedCandidate
from model_export.quality.gate import judge, keeps_drops, output_misses
from model_export.quality.sample_size import examples_needed
from model_export.recipe.gate import GateSection
from tests.support.export.evaluated import chosen_name, compared, drop_of, evaluated, reasons

NAMES = ("float32", "float16", "weight_int8", "static_int8", "static_int8_mixed")


def candidate(
    name: str,
    *,
    size: int = 1000,
    gzip_size: int | None = None,
    p50: float = 1.0,
    drop: float = 0.0,
    upper: float | None = None,
) -> EvaluatedCandidate:
    return evaluated(
        name, {"species": compared(drop, upper)}, size=size, gzip_size=gzip_size, p50=p50
    )


def test_a_candidate_over_the_budget_is_not_chosen_however_fast_it_is() -> None:
    choice = judge(
        [candidate("float32"), candidate("static_int8", size=300, p50=0.1, drop=0.02)],
        GateSection(),
    )
    assert chosen_name(choice) == "float32"
    assert reasons(choice)["static_int8"] == ("accuracy is 0.0200 worse, 0.0100 over max_drop 0.01")


def test_a_drop_of_as_much_as_the_budget_keeps_it_in_binary_too() -> None:
    drops, budgets = {"species": 0.98 - 0.97}, {"species": GateSection(max_drop=0.01)}
    assert drops["species"] > 0.01
    assert keeps_drops(drops, budgets)
    assert not keeps_drops({"species": 0.0101}, budgets)


def test_when_none_keeps_the_budget_each_miss_is_listed_with_its_size() -> None:
    gate = GateSection(max_drop=0.01, max_bytes=500, max_latency_ms=0.5, max_rss_mib=39.5)
    choice = judge([candidate("float32", drop=0.03), candidate("float16", size=501, p50=0.2)], gate)
    assert choice.chosen is None
    assert not choice.passing
    assert reasons(choice) == {
        "float32": (
            "accuracy is 0.0300 worse, 0.0200 over max_drop 0.01; "
            "1,000 bytes, 500 over max_bytes 500; "
            "p50 1.000 ms, 0.500 over max_latency_ms 0.5; "
            "40.0 MiB, 0.5 over max_rss_mib 39.5"
        ),
        "float16": "501 bytes, 1 over max_bytes 500; 40.0 MiB, 0.5 over max_rss_mib 39.5",
    }


def test_with_a_confidence_the_upper_end_of_the_interval_must_keep_the_budget() -> None:
    one = candidate("float32", drop=0.01, upper=0.02)
    assert chosen_name(judge([one], GateSection(max_drop=0.01))) == "float32"
    strict = judge([one], GateSection(max_drop=0.01, confidence=0.9))
    assert strict.chosen is None
    # The drop alone takes up the budget: no number of examples would help.
    assert reasons(strict)["float32"] == (
        "accuracy may be 0.0200 worse (90% interval), 0.0100 over max_drop 0.01"
    )
    assert chosen_name(judge([one], GateSection(max_drop=0.02, confidence=0.9))) == "float32"


def test_a_drop_that_is_within_the_budget_but_not_certain_tells_how_many_examples_it_takes() -> (
    None
):
    comparison = compared(0.01, 0.035, discordant=(2, 1), examples=100, confidence=0.9)
    needed = examples_needed(comparison, 0.02)
    assert needed is not None
    assert needed > 100
    assert output_misses(comparison, GateSection(max_drop=0.02, confidence=0.9)) == [
        (
            "accuracy may be 0.0350 worse (90% interval), 0.0150 over max_drop 0.02 "
            "(the drop itself, 0.0100, is within it: "
            f"about {needed:,} test examples could prove that, there are 100)"
        )
    ]


def changes(*recalls: tuple[int, float, float]) -> tuple[ClassChange, ...]:
    return tuple(
        ClassChange(label=label, examples=examples, reference=before, published=after)
        for label, (examples, before, after) in zip("abc", recalls, strict=False)
    )


def test_no_class_may_lose_more_of_its_recall_than_its_budget() -> None:
    comparison = compared(classes=changes((30, 1.0, 1.0), (30, 0.9, 0.7), (30, 0.8, 0.9)))
    assert output_misses(comparison, GateSection()) == []
    assert output_misses(comparison, GateSection(max_class_drop=0.2)) == []
    assert output_misses(comparison, GateSection(max_class_drop=0.15)) == [
        "class 'b' loses 0.2000 of its recall, 0.0500 over max_class_drop 0.15"
    ]


def test_a_class_without_examples_is_not_the_one_that_loses() -> None:
    comparison = compared(classes=changes((30, 0.5, 0.75), (0, 0.0, 0.0), (30, 0.75, 0.875)))
    assert output_misses(comparison, GateSection(max_class_drop=-0.5)) == [
        "class 'c' loses -0.1250 of its recall, 0.3750 over max_class_drop -0.5"
    ]


def test_a_regression_has_no_classes_that_could_lose() -> None:
    assert output_misses(compared(), GateSection(max_class_drop=0.0)) == []


@pytest.mark.parametrize(
    ("key", "value", "passes"),
    [
        ("max_bytes", 1000, True),
        ("max_bytes", 999, False),
        ("max_latency_ms", 1.0, True),
        ("max_latency_ms", 0.999, False),
        ("max_rss_mib", 40.0, True),
        ("max_rss_mib", 39.9, False),
        ("max_drop", 0.0, True),
        ("max_drop", -0.001, False),
    ],
)
def test_a_budget_that_is_just_met_is_kept(key: str, value: float, passes: bool) -> None:  # noqa: FBT001  # the table's last column
    keys: dict[str, Any] = {key: value}
    assert (chosen_name(judge([candidate("float32")], GateSection(**keys))) == "float32") is passes


@pytest.mark.parametrize(("before", "after"), [(0.98, 0.97), (0.3, 0.2), (0.58, 0.57), (1.0, 0.99)])
def test_a_drop_of_exactly_the_budget_is_kept_whatever_binary_makes_of_it(
    before: float, after: float
) -> None:
    budget = round(before - after, 2)
    gate = GateSection(max_drop=budget)
    assert chosen_name(judge([candidate("float32", drop=before - after)], gate)) == "float32"
    assert chosen_name(judge([candidate("float32", drop=before - after + 1e-6)], gate)) is None


@pytest.mark.parametrize(
    ("prefer", "chosen"),
    [("latency", "static_int8"), ("size", "dynamic_int8"), ("quality", "float32")],
)
def test_the_preference_decides_among_those_that_pass(
    prefer: Literal["latency", "size", "quality"], chosen: str
) -> None:
    candidates = [
        candidate("float32", size=500, p50=0.5),
        candidate("dynamic_int8", size=300, p50=1.0, drop=0.004),
        candidate("static_int8", size=1000, p50=0.2, drop=0.005),
    ]
    assert chosen_name(judge(candidates, GateSection(prefer=prefer))) == chosen


def test_what_loses_nothing_is_of_better_quality_than_what_is_smaller_and_faster() -> None:
    both = [
        candidate("float32", size=4000, p50=2.0),
        candidate("static_int8", size=1000, p50=1.0, drop=0.0099),
    ]
    choice = judge(both, GateSection(prefer="quality"))
    assert chosen_name(choice) == "float32"
    assert reasons(choice)["static_int8"] == "passes, but float32 is of better quality"


def test_a_tie_in_latency_costs_no_quality() -> None:
    near = [
        candidate("float32", p50=1.0, size=4000),
        candidate("weight_int8", p50=0.98, size=1000, drop=0.002),
    ]
    choice = judge(near, GateSection(prefer="latency"))
    assert chosen_name(choice) == "float32"
    assert reasons(choice)["weight_int8"] == "passes, but float32 is of better quality"


def test_within_five_percent_of_the_fastest_the_smaller_is_chosen() -> None:
    near = [candidate("float32", p50=1.0, size=1000), candidate("float16", p50=1.05, size=500)]
    choice = judge(near, GateSection())
    assert chosen_name(choice) == "float16"
    assert reasons(choice)["float32"] == "passes, but float16 is smaller"
    far = [candidate("float32", p50=1.0, size=1000), candidate("float16", p50=1.06, size=500)]
    assert chosen_name(judge(far, GateSection())) == "float32"


@pytest.mark.parametrize(
    ("prefer", "other", "reason"),
    [
        ("latency", candidate("float32", p50=2.0, size=900), "passes, but float16 is faster"),
        ("latency", candidate("float32", size=2000), "passes, but float16 is smaller"),
        ("latency", candidate("float32", drop=0.01), "passes, but float16 is of better quality"),
        ("size", candidate("float32", p50=0.5, size=2000), "passes, but float16 is smaller"),
        ("size", candidate("float32", p50=2.0), "passes, but float16 is faster"),
        ("quality", candidate("float32", drop=0.01), "passes, but float16 is of better quality"),
        ("quality", candidate("float32", p50=0.5, size=2000), "passes, but float16 is smaller"),
        ("quality", candidate("float32", p50=2.0), "passes, but float16 is faster"),
        ("latency", candidate("float32", p50=2.0, size=2000), "passes, but float16 is faster"),
        (
            "latency",
            candidate("float32"),
            "passes, but float16 is as good in everything, and comes first by name",
        ),
    ],
)
def test_the_reason_against_a_candidate_is_where_the_chosen_one_is_better(
    prefer: Literal["latency", "size", "quality"], other: EvaluatedCandidate, reason: str
) -> None:
    choice = judge([candidate("float16"), other], GateSection(prefer=prefer))
    assert chosen_name(choice) == "float16"
    assert reasons(choice)["float32"] == reason


@pytest.mark.parametrize("prefer", ["latency", "size", "quality"])
def test_of_two_that_are_alike_the_one_that_compresses_better_is_chosen(
    prefer: Literal["latency", "size", "quality"],
) -> None:
    both = [candidate("float32", gzip_size=400), candidate("float16", gzip_size=300)]
    for order in (both, both[::-1]):
        choice = judge(order, GateSection(prefer=prefer))
        assert chosen_name(choice) == "float16"
        assert reasons(choice)["float32"] == "passes, but float16 is smaller when compressed"


def test_a_mixture_is_judged_beside_the_variant_that_it_rescues() -> None:
    both = [
        candidate("float32", p50=2.0, size=4000),
        candidate("static_int8", size=1000, drop=0.2),
        candidate("static_int8_mixed", p50=1.2, size=1500, drop=0.001),
    ]
    choice = judge(both, GateSection())
    assert chosen_name(choice) == "static_int8_mixed"
    assert reasons(choice) == {
        "float32": "passes, but static_int8_mixed is faster",
        "static_int8": "accuracy is 0.2000 worse, 0.1900 over max_drop 0.01",
        "static_int8_mixed": None,
    }


@pytest.mark.parametrize(
    ("size", "p50", "why_not"),
    [
        (900, 1.05, None),
        (1000, 1.0, "not smaller than float32, which has the same weights"),
        (900, 1.2, "1.20 times as slow as float32, which has the same weights"),
    ],
)
def test_sparse_encoding_must_be_worth_it(size: int, p50: float, why_not: str | None) -> None:
    both = [candidate("float32"), candidate("sparse_float32", size=size, p50=p50)]
    choice = judge(both, GateSection(prefer="size"))
    assert chosen_name(choice) == ("float32" if why_not else "sparse_float32")
    assert reasons(choice)["sparse_float32"] == why_not


def test_a_rival_that_misses_the_budget_hinders_nobody() -> None:
    choice = judge(
        [candidate("float32"), candidate("static_int8", size=1, p50=0.01, drop=0.5)],
        GateSection(prefer="quality"),
    )
    assert chosen_name(choice) == "float32"


CANDIDATES = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sampled_from([0.5, 0.51, 0.52, 1.0, 1.02, 2.0]),
        st.sampled_from([-0.01, 0.0, 0.005, 0.02]),
    ),
    min_size=1,
    max_size=len(NAMES),
).map(
    lambda rows: [
        candidate(name, size=size, p50=p50, drop=drop)
        for name, (size, p50, drop) in zip(NAMES, rows, strict=False)
    ]
)


@given(CANDIDATES, st.sampled_from(["latency", "size", "quality"]))
def test_what_is_slower_larger_and_no_better_than_another_that_passes_is_never_chosen(
    candidates: list[EvaluatedCandidate], prefer: Literal["latency", "size", "quality"]
) -> None:
    choice = judge(candidates, GateSection(prefer=prefer, max_drop=0.01))
    passing = [one for one in candidates if drop_of(one) <= 0.01]
    assert (choice.chosen is not None) is bool(passing)
    for candidate in passing:
        if candidate is choice.chosen:
            assert not any(
                other.p50_ms < candidate.p50_ms
                and other.bytes < candidate.bytes
                and drop_of(other) <= drop_of(candidate)
                for other in passing
            )


@given(CANDIDATES, st.sampled_from(["latency", "size", "quality"]))
def test_every_candidate_but_the_chosen_one_has_a_reason(
    candidates: list[EvaluatedCandidate], prefer: Literal["latency", "size", "quality"]
) -> None:
    choice = judge(candidates, GateSection(prefer=prefer, max_drop=0.01))
    assert set(reasons(choice)) == {one.name for one in candidates}
    for candidate in candidates:
        assert (reasons(choice)[candidate.name] is None) is (candidate is choice.chosen)


def test_of_several_outputs_each_keeps_its_own_budget_and_is_named() -> None:
    found = evaluated("float32", {"species": compared(0.02), "price": compared(3.0)})
    budgets = {"species": GateSection(max_drop=0.01), "price": GateSection(max_drop=5.0)}
    (why_not,) = judge([found], GateSection(), budgets).reasons.values()
    assert why_not == "output 'species': accuracy is 0.0200 worse, 0.0100 over max_drop 0.01"
    budgets = {"species": GateSection(max_drop=0.05), "price": GateSection(max_drop=2.0)}
    (why_not,) = judge([found], GateSection(), budgets).reasons.values()
    assert why_not == "output 'price': accuracy is 3.0000 worse, 1.0000 over max_drop 2"


def test_of_several_outputs_the_worst_part_of_a_budget_is_the_quality() -> None:
    drops = {"float32": (0.001, 4.0), "float16": (0.009, 0.0)}
    candidates = [
        evaluated(name, {"species": compared(species), "price": compared(price)}, size=size)
        for size, (name, (species, price)) in zip((1000, 500), drops.items(), strict=True)
    ]
    budgets = {"species": GateSection(max_drop=0.01), "price": GateSection(max_drop=5.0)}
    choice = judge(candidates, GateSection(prefer="quality"), budgets)
    assert chosen_name(choice) == "float32"  # 0.8 of a budget, not 0.9
