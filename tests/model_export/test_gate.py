"""The gate: the budget first, the preference second."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.errors import GateError
from model_export.gate import Measured, Verdict, judge, require_choice
from model_export.recipe import GateSection, Variant
from tflite_serving.contract.evidence import Latency

VARIANTS: tuple[Variant, ...] = ("float32", "float16", "weight_int8", "dynamic_int8", "static_int8")


def measured(
    variant: Variant,
    *,
    size: int = 1000,
    p50: float = 1.0,
    drop: float = 0.0,
    upper: float | None = None,
) -> Measured:
    return Measured(
        variant=variant,
        bytes=size,
        gzip_bytes=size // 2,
        sparsity=0.25,
        quality=0.9 - drop,
        latency_ms=Latency(p50, 2 * p50),
        peak_rss_mib=40.0,
        drop=drop,
        drop_interval=(drop - 0.1, drop + 0.1 if upper is None else upper),
    )


def reasons(verdict: Verdict) -> dict[str, str | None]:
    return {candidate.name: candidate.why_not for candidate in verdict.candidates}


def test_a_candidate_over_the_budget_is_not_chosen_however_fast_it_is() -> None:
    verdict = judge(
        [measured("float32"), measured("static_int8", size=300, p50=0.1, drop=0.02)], GateSection()
    )
    assert verdict.chosen == "float32"
    assert reasons(verdict)["static_int8"] == (
        "accuracy drops by 0.0200, 0.0100 over max_drop 0.01"
    )


def test_the_verdict_tells_all_that_was_measured() -> None:
    verdict = judge([measured("float32"), measured("float16", size=500)], GateSection())
    chosen = next(candidate for candidate in verdict.candidates if candidate.chosen)
    assert (chosen.name, chosen.bytes, chosen.gzip_bytes) == ("float16", 500, 250)
    assert (chosen.sparsity, chosen.quality, chosen.peak_rss_mib) == (0.25, 0.9, 40.0)
    assert chosen.latency_ms == Latency(1.0, 2.0)
    assert chosen.why_not is None


def test_when_none_keeps_the_budget_each_miss_is_listed_with_its_size() -> None:
    gate = GateSection(max_drop=0.01, max_bytes=500, max_latency_ms=0.5)
    verdict = judge([measured("float32", drop=0.03), measured("float16", size=501, p50=0.2)], gate)
    assert verdict.chosen is None
    assert not any(candidate.chosen for candidate in verdict.candidates)
    with pytest.raises(GateError) as caught:
        require_choice(verdict)
    assert str(caught.value).splitlines() == [
        "no candidate keeps the budget; nothing was published",
        (
            "  float32: accuracy drops by 0.0300, 0.0200 over max_drop 0.01; "
            "1000 bytes, 500 over max_bytes 500; "
            "p50 1.000 ms, 0.500 over max_latency_ms 0.5"
        ),
        "  float16: 501 bytes, 1 over max_bytes 500",
        "prune less, add variants to quantize.variants, or widen the budget in [gate]",
    ]


def test_the_choice_of_a_verdict_that_has_one_is_given() -> None:
    assert require_choice(judge([measured("float16")], GateSection())) == "float16"


def test_with_a_confidence_the_upper_end_of_the_interval_must_keep_the_budget() -> None:
    candidate = measured("float32", drop=0.001, upper=0.02)
    assert judge([candidate], GateSection(max_drop=0.01)).chosen == "float32"
    strict = judge([candidate], GateSection(max_drop=0.01, confidence=0.9))
    assert strict.chosen is None
    assert reasons(strict)["float32"] == (
        "accuracy may drop by 0.0200 (90% interval), 0.0100 over max_drop 0.01"
    )
    assert judge([candidate], GateSection(max_drop=0.02, confidence=0.9)).chosen == "float32"


@pytest.mark.parametrize(
    ("key", "value", "passes"),
    [
        ("max_bytes", 1000, True),
        ("max_bytes", 999, False),
        ("max_latency_ms", 1.0, True),
        ("max_latency_ms", 0.999, False),
        ("max_drop", 0.0, True),
        ("max_drop", -0.001, False),
    ],
)
def test_a_budget_that_is_just_met_is_kept(key: str, value: float, passes: bool) -> None:  # noqa: FBT001  # the table's last column
    keys: dict[str, Any] = {key: value}
    assert (judge([measured("float32")], GateSection(**keys)).chosen == "float32") is passes


@pytest.mark.parametrize(("before", "after"), [(0.98, 0.97), (0.3, 0.2), (0.58, 0.57), (1.0, 0.99)])
def test_a_drop_of_exactly_the_budget_is_kept_whatever_binary_makes_of_it(
    before: float, after: float
) -> None:
    budget = round(before - after, 2)
    gate = GateSection(max_drop=budget)
    assert judge([measured("float32", drop=before - after)], gate).chosen == "float32"
    assert judge([measured("float32", drop=before - after + 1e-6)], gate).chosen is None


@pytest.mark.parametrize(
    ("prefer", "chosen"),
    [("latency", "static_int8"), ("size", "dynamic_int8"), ("quality", "float32")],
)
def test_the_preference_decides_among_those_that_pass(
    prefer: Literal["latency", "size", "quality"], chosen: str
) -> None:
    candidates = [
        measured("float32", size=500, p50=0.5),
        measured("dynamic_int8", size=300, p50=1.0, drop=0.004),
        measured("static_int8", size=1000, p50=0.2, drop=0.005),
    ]
    assert judge(candidates, GateSection(prefer=prefer)).chosen == chosen


def test_within_five_percent_of_the_fastest_the_smaller_is_chosen() -> None:
    near = [measured("float32", p50=1.0, size=1000), measured("float16", p50=1.05, size=500)]
    verdict = judge(near, GateSection())
    assert verdict.chosen == "float16"
    assert reasons(verdict)["float32"] == "passes, but float16 is smaller"
    far = [measured("float32", p50=1.0, size=1000), measured("float16", p50=1.06, size=500)]
    assert judge(far, GateSection()).chosen == "float32"


@pytest.mark.parametrize(
    ("prefer", "other", "reason"),
    [
        ("latency", measured("float32", p50=2.0, size=900), "passes, but float16 is faster"),
        ("latency", measured("float32", size=2000), "passes, but float16 is smaller"),
        ("latency", measured("float32", drop=0.01), "passes, but float16 is of better quality"),
        ("size", measured("float32", p50=0.5, size=2000), "passes, but float16 is smaller"),
        ("size", measured("float32", p50=2.0), "passes, but float16 is faster"),
        ("quality", measured("float32", drop=0.01), "passes, but float16 is of better quality"),
        ("quality", measured("float32", p50=2.0, size=900), "passes, but float16 is faster"),
        (
            "latency",
            measured("float32", p50=2.0, size=2000),
            "passes, but float16 is faster and smaller",
        ),
        (
            "latency",
            measured("float32"),
            "passes, but float16 is as good in everything, and comes first",
        ),
    ],
)
def test_the_reason_against_a_candidate_is_where_the_chosen_one_is_better(
    prefer: Literal["latency", "size", "quality"], other: Measured, reason: str
) -> None:
    verdict = judge([measured("float16"), other], GateSection(prefer=prefer))
    assert verdict.chosen == "float16"
    assert reasons(verdict)["float32"] == reason


def test_a_rival_that_misses_the_budget_hinders_nobody() -> None:
    verdict = judge(
        [measured("float32"), measured("static_int8", size=1, p50=0.01, drop=0.5)],
        GateSection(prefer="quality"),
    )
    assert verdict.chosen == "float32"


CANDIDATES = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sampled_from([0.5, 0.51, 0.52, 1.0, 1.02, 2.0]),
        st.sampled_from([-0.01, 0.0, 0.005, 0.02]),
    ),
    min_size=1,
    max_size=len(VARIANTS),
).map(
    lambda rows: [
        measured(variant, size=size, p50=p50, drop=drop)
        for variant, (size, p50, drop) in zip(VARIANTS, rows, strict=False)
    ]
)


@given(CANDIDATES, st.sampled_from(["latency", "size", "quality"]))
def test_what_is_slower_and_larger_than_another_that_passes_is_never_chosen(
    candidates: list[Measured], prefer: Literal["latency", "size", "quality"]
) -> None:
    verdict = judge(candidates, GateSection(prefer=prefer, max_drop=0.01))
    passing = [candidate for candidate in candidates if candidate.drop <= 0.01]
    assert (verdict.chosen is not None) is bool(passing)
    for candidate in passing:
        if candidate.variant == verdict.chosen:
            assert not any(
                other.latency_ms.p50 < candidate.latency_ms.p50 and other.bytes < candidate.bytes
                for other in passing
            )


@given(CANDIDATES, st.sampled_from(["latency", "size", "quality"]))
def test_every_candidate_but_the_chosen_one_has_a_reason(
    candidates: list[Measured], prefer: Literal["latency", "size", "quality"]
) -> None:
    verdict = judge(candidates, GateSection(prefer=prefer, max_drop=0.01))
    assert [candidate.name for candidate in verdict.candidates] == [c.variant for c in candidates]
    for candidate in verdict.candidates:
        assert candidate.chosen is (candidate.name == verdict.chosen)
        assert (candidate.why_not is None) is candidate.chosen
