"""Bins of numbers and rows of indices are those of Keras's layers."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples.columns import FLOATS
from tests.support.models.parity import Compared, seen

layers = keras.layers

few = settings(max_examples=30)

EDGES = [-1.5, 0.1, 3.25, 1e6]


@cache
def binned(mode: str) -> Compared:
    return Compared(seen(layers.Discretization(EDGES, output_mode=mode), (1,), "float32"))


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
@few
@given(asked=FLOATS)
def test_bins_that_cannot_be_converted_are_those_of_keras(mode: str, asked: list[float]) -> None:
    binned(mode).assert_same(entry=np.array(asked, np.float32))


@cache
def encoded(mode: str) -> Compared:
    several = [keras.Input((1,), dtype="int64", name=name) for name in ("one", "two")]
    rows = layers.CategoryEncoding(5, output_mode=mode)(layers.Concatenate()(several))
    return Compared(keras.Model(several, layers.Rescaling(1.0, name="seen")(rows)))


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
@few
@given(asked=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5))
def test_rows_that_cannot_be_converted_are_those_of_keras(
    mode: str, asked: list[tuple[int, int]]
) -> None:
    one, two = np.array(asked, np.int64).T
    encoded(mode).assert_same(one=one, two=two)
