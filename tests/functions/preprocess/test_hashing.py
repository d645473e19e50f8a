"""Values fall into the bins of Keras's Hashing layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.examples.columns import COLORS, FLOATS, INTEGERS, TEXTS
from tests.support.models.parity import Compared, seen, strings

layers = keras.layers

few = settings(max_examples=30)


HASHES: dict[str, Callable[[], Any]] = {
    "bins": lambda: layers.Hashing(1009),
    "one bin": lambda: layers.Hashing(1, mask_value=""),
    "one of": lambda: layers.Hashing(7, output_mode="one_hot"),
    "several, or none": lambda: layers.Hashing(7, output_mode="multi_hot", mask_value=""),
    "counts": lambda: layers.Hashing(7, output_mode="count"),
    "masked": lambda: layers.Hashing(64, mask_value="red"),
    "salted": lambda: layers.Hashing(1009, salt=133),
    "salted twice": lambda: layers.Hashing(64, salt=[-1, 2**63 - 1], mask_value=""),
    "several unknown": lambda: layers.StringLookup(vocabulary=COLORS, num_oov_indices=5),
    "several unknown, one of": lambda: layers.StringLookup(
        vocabulary=COLORS, num_oov_indices=3, output_mode="one_hot"
    ),
    "several unknown, masked": lambda: layers.StringLookup(
        vocabulary=COLORS, num_oov_indices=3, mask_token=""
    ),
    "several unknown, masked, counted": lambda: layers.StringLookup(
        vocabulary=COLORS, num_oov_indices=3, mask_token="", output_mode="count"
    ),
    "several unknown, salted": lambda: layers.StringLookup(
        vocabulary=COLORS, num_oov_indices=9, salt=[5, 7]
    ),
}


@cache
def hashed(name: str, shape: tuple[int, ...]) -> Compared:
    return Compared(seen(HASHES[name](), shape))


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, (1,)) for name in HASHES] + [("bins", ()), ("masked", ()), ("several unknown", ())],
)
@few
@given(asked=TEXTS)
@example(asked=["", "red", "RED", "a\x00b", "x" * 300, "日本" * 20])
def test_strings_fall_into_the_bins_of_keras(
    name: str, shape: tuple[int, ...], asked: list[str]
) -> None:
    hashed(name, shape).assert_same(entry=strings(*asked))


WHOLE: dict[str, Callable[[], Any]] = {
    "bins": lambda: layers.Hashing(1009),
    "masked": lambda: layers.Hashing(64, mask_value=-3),
    "salted": lambda: layers.Hashing(1009, salt=[1, 2]),
    "unknown by remainder": lambda: layers.IntegerLookup(vocabulary=[1, 2], num_oov_indices=4),
    "unknown by hash": lambda: layers.IntegerLookup(
        vocabulary=[1, 2], num_oov_indices=4, oov_method="farmhash"
    ),
    "unknown by salted hash": lambda: layers.IntegerLookup(
        vocabulary=[1, 2], num_oov_indices=4, oov_method="farmhash", salt=3, mask_token=0
    ),
}


@cache
def hashed_whole(name: str, dtype: str) -> Compared:
    return Compared(seen(WHOLE[name](), (1,), dtype))


@pytest.mark.parametrize("name", WHOLE)
@few
@given(asked=INTEGERS)
@example(asked=[-(2**63), 2**63 - 1, 0, -3])
def test_whole_numbers_fall_into_the_bins_of_keras(name: str, asked: list[int]) -> None:
    hashed_whole(name, "int64").assert_same(entry=np.array(asked, np.int64))


@few
@given(asked=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=6))
def test_numbers_of_32_bits_do_so_too(asked: list[int]) -> None:
    hashed_whole("masked", "int32").assert_same(entry=np.array(asked, np.int32))


@few
@given(asked=FLOATS)
@example(asked=[1e30, -1e30, 2.9, -2.9, 9.3e18])
def test_numbers_with_fractions_are_hashed_without_these(asked: list[float]) -> None:
    hashed_whole("masked", "float32").assert_same(entry=np.array(asked, np.float32))


@few
@given(asked=st.lists(st.booleans(), min_size=1, max_size=6))
def test_truth_is_hashed_by_its_name(asked: list[bool]) -> None:
    hashed_whole("bins", "bool").assert_same(entry=np.array(asked))
