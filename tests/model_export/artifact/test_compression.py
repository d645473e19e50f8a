"""The manifest's account of the candidates."""

from __future__ import annotations

import math

import pytest

from model_export.artifact.compression import describe_compression
from model_export.errors import GateError
from model_export.quality.evaluated_candidate import EvaluatedCandidate
from model_export.quality.gate import judge
from model_export.recipe.gate import GateSection
from tests.support.export.evaluated import compared, evaluated
from tflite_serving.contract.evidence import Compression, FailedCandidate

FAILED = FailedCandidate("full_int8", "full_int8", "full_int8: no such operator")


def described(candidates: list[EvaluatedCandidate], max_drop: float = 0.01) -> Compression:
    choice = judge(candidates, GateSection(max_drop=max_drop))
    return describe_compression(
        candidates, choice, (FAILED,), float32_bytes=1000, batch=8, pruning=None
    )


def test_all_that_was_measured_is_described() -> None:
    both = [
        evaluated("float32", {"species": compared()}),
        evaluated("static_int8", {"species": compared(0.03)}, size=300, gzip_size=200, p50=0.5),
    ]
    found = described(both)
    assert (found.quantization, found.failed) == ("float32", (FAILED,))
    first, second = found.candidates
    assert (first.chosen, first.passes, first.why_not) == (True, True, None)
    assert (second.chosen, second.passes) == (False, False)
    assert second.why_not == "accuracy is 0.0300 worse, 0.0200 over max_drop 0.01"
    assert (second.bytes, second.gzip_bytes, second.latency_ms.p50) == (300, 200, 0.5)


@pytest.mark.parametrize("names", [("species",), ("species", "price")])
def test_the_quality_of_each_output_is_listed_and_that_of_the_first_is_the_candidates(
    names: tuple[str, ...],
) -> None:
    drops = [0.001 * (index + 1) for index in range(len(names))]
    comparisons = {name: compared(drop) for name, drop in zip(names, drops, strict=True)}
    (found,) = described([evaluated("float32", comparisons)]).candidates
    assert [(each.output, each.drop) for each in found.outputs] == list(
        zip(names, drops, strict=True)
    )
    first = found.outputs[0]
    for figure in (
        *("quality", "drop", "drop_interval_95"),
        *("agreement", "worst_class_drop", "calibration_error"),
    ):
        assert getattr(found, figure) == getattr(first, figure)


def test_an_endless_drop_is_a_number_that_json_has() -> None:
    comparison = compared(math.inf)
    (found,) = described([evaluated("float32", {"species": comparison})], math.inf).candidates
    assert (found.drop, found.quality) == (1e30, -1e30)
    assert found.drop_interval_95 == (1e30, 1e30)


def test_where_none_keeps_the_budget_each_is_listed_with_what_it_missed() -> None:
    with pytest.raises(GateError) as caught:
        described([evaluated("float32", {"species": compared(0.03)})])
    assert "no candidate keeps the budget; nothing was published. " in str(caught.value)
    (candidate,) = caught.value.candidates
    assert candidate.why_not == "accuracy is 0.0300 worse, 0.0200 over max_drop 0.01"
    assert not candidate.chosen
    assert caught.value.failed == (FAILED,)
