"""Values that occur together fall into the bins of Keras's HashedCrossing layer."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
from hypothesis import given, settings

from tests.support.examples.columns import INTEGERS, TEXTS
from tests.support.models.parity import Compared, strings

layers = keras.layers

few = settings(max_examples=30)


@cache
def crossed(mode: str, shape: tuple[int, ...], dtype: str) -> Compared:
    # Of more than two, Keras makes no functional model.
    city = keras.Input(shape, dtype="string", name="city")
    other = keras.Input(shape, dtype=dtype, name="other")
    crossing = layers.HashedCrossing(101, output_mode=mode)((city, other))
    return Compared(keras.Model([city, other], layers.Rescaling(1.0, name="seen")(crossing)))


@pytest.mark.parametrize(("mode", "shape"), [("int", ()), ("int", (1,)), ("one_hot", (1,))])
@few
@given(cities=TEXTS, levels=INTEGERS)
def test_crossings_fall_into_the_bins_of_keras(
    mode: str, shape: tuple[int, ...], cities: list[str], levels: list[int]
) -> None:
    rows = min(len(cities), len(levels))
    crossed(mode, shape, "int64").assert_same(
        city=strings(*cities[:rows]), other=np.array(levels[:rows], np.int64)
    )


@few
@given(cities=TEXTS)
def test_crossings_of_strings_do_so_too(cities: list[str]) -> None:
    crossed("int", (1,), "string").assert_same(
        city=strings(*cities), other=strings(*reversed(cities))
    )
