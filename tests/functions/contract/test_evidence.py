"""What was measured: the candidates, of which exactly one was published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.models.tiny import candidate
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.evidence import Candidate, Compression

FIRST, SECOND = candidate("float32"), candidate("static_int8", chosen=True)


def test_the_chosen_candidate_is_the_one_that_was_published() -> None:
    assert Compression("static_int8", (FIRST, SECOND), 1000, 8).chosen is SECOND


@pytest.mark.parametrize(
    ("name", "candidates", "got"),
    [
        ("float32", (FIRST, SECOND), ["static_int8"]),
        ("static_int8", (FIRST,), []),
        ("float32", (candidate("float32", chosen=True), SECOND), ["float32", "static_int8"]),
    ],
)
def test_exactly_the_published_candidate_is_chosen(
    name: str, candidates: tuple[Candidate, ...], got: list[str]
) -> None:
    with pytest.raises(ContractError) as caught:
        Compression(name, candidates, 1000, 8)
    assert str(caught.value) == f"candidates: expected {name!r} alone to be chosen, got {got}"


@pytest.mark.parametrize("sparsity", [-0.1, 1.1, float("nan")])
def test_a_sparsity_is_a_fraction(sparsity: float) -> None:
    with pytest.raises(ContractError, match="sparsity: expected 0 to 1"):
        replace(FIRST, sparsity=sparsity)
    assert replace(FIRST, sparsity=1.0).sparsity == 1
