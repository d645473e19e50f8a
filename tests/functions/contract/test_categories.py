"""Specifications of steps that make categories, and those that cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tflite_serving.contract.categories import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    HashingSpec,
    check_salt,
    check_size,
)
from tflite_serving.contract.codec import ContractError


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: HashingSpec(bins=0), "bins: expected 1 or more, got 0"),
        (lambda: HashingSpec(bins=1, masked=""), "masked: expected none where there is one bin"),
        (lambda: HashingSpec(bins=2, salt=(1,)), "salt: expected two keys of 64 bits, got [1]"),
        (lambda: HashedCrossing(bins=-1), "bins: expected 1 or more, got -1"),
        (lambda: Discretization(edges=()), "edges: expected some in order, got []"),
        (lambda: Discretization(edges=(2, 1)), "edges: expected some in order, got [2, 1]"),
        (lambda: CategoryEncoding(width=0, encoding="count"), "width: expected 1 or more, got 0"),
    ],
)
def test_what_cannot_be_is_refused_by_field(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ContractError) as caught:
        make()
    assert str(caught.value) == complaint


def test_the_smallest_and_the_largest_are_taken() -> None:
    assert HashingSpec(bins=2, masked="", salt=(0, 2**64 - 1)).encoding == "int"
    assert HashingSpec(bins=1).masked is None
    assert Discretization(edges=(1.0, 1.0)).edges == (1.0, 1.0)
    check_size("bins", 1)
    check_salt(None)


@pytest.mark.parametrize("salt", [(), (1, 2, 3), (-1, 0), (0, 2**64)])
def test_a_salt_is_two_keys_without_a_sign(salt: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match="salt: expected two keys of 64 bits"):
        check_salt(salt)
