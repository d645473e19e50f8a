"""Hashes, crossings, bins and rows of numbers, computed without Keras, are what Keras computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_export.errors import ConversionError
from model_export.tf.preprocessing.extract import split
from tests.support.models.parity import Compared, seen, source, strings

layers = keras.layers
few = settings(max_examples=30)
COLORS = ["red", "green", "Blue", "日本"]
texts = st.lists(
    st.one_of(st.text(st.characters(codec="utf-8"), max_size=90), st.sampled_from(["", *COLORS])),
    min_size=1,
    max_size=6,
)
whole = st.lists(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 9)), min_size=1, max_size=6
)
floats = st.lists(
    st.one_of(
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.sampled_from([-1.5, 0.1, 0.0, 3.25, 1e6]),
    ),
    min_size=1,
    max_size=6,
)

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
@given(asked=texts)
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
@given(asked=whole)
@example(asked=[-(2**63), 2**63 - 1, 0, -3])
def test_whole_numbers_fall_into_the_bins_of_keras(name: str, asked: list[int]) -> None:
    hashed_whole(name, "int64").assert_same(entry=np.array(asked, np.int64))


@few
@given(asked=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=6))
def test_numbers_of_32_bits_do_so_too(asked: list[int]) -> None:
    hashed_whole("masked", "int32").assert_same(entry=np.array(asked, np.int32))


@few
@given(asked=floats)
@example(asked=[1e30, -1e30, 2.9, -2.9, 9.3e18])
def test_numbers_with_fractions_are_hashed_without_these(asked: list[float]) -> None:
    hashed_whole("masked", "float32").assert_same(entry=np.array(asked, np.float32))


@few
@given(asked=st.lists(st.booleans(), min_size=1, max_size=6))
def test_truth_is_hashed_by_its_name(asked: list[bool]) -> None:
    hashed_whole("bins", "bool").assert_same(entry=np.array(asked))


@cache
def crossed(mode: str, shape: tuple[int, ...], dtype: str) -> Compared:
    # Of more than two, Keras makes no functional model.
    city = keras.Input(shape, dtype="string", name="city")
    other = keras.Input(shape, dtype=dtype, name="other")
    crossing = layers.HashedCrossing(101, output_mode=mode)((city, other))
    return Compared(keras.Model([city, other], layers.Rescaling(1.0, name="seen")(crossing)))


@pytest.mark.parametrize(("mode", "shape"), [("int", ()), ("int", (1,)), ("one_hot", (1,))])
@few
@given(cities=texts, levels=whole)
def test_crossings_fall_into_the_bins_of_keras(
    mode: str, shape: tuple[int, ...], cities: list[str], levels: list[int]
) -> None:
    rows = min(len(cities), len(levels))
    crossed(mode, shape, "int64").assert_same(
        city=strings(*cities[:rows]), other=np.array(levels[:rows], np.int64)
    )


@few
@given(cities=texts)
def test_crossings_of_strings_do_so_too(cities: list[str]) -> None:
    crossed("int", (1,), "string").assert_same(
        city=strings(*cities), other=strings(*reversed(cities))
    )


EDGES = [-1.5, 0.1, 3.25, 1e6]


@cache
def binned(mode: str) -> Compared:
    return Compared(seen(layers.Discretization(EDGES, output_mode=mode), (1,), "float32"))


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
@few
@given(asked=floats)
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


@cache
def chained() -> Compared:
    """Numbers, strings and bins that are crossed, looked up again, and used as they are."""
    age, income = keras.Input((1,), name="age"), keras.Input((1,), name="income")
    job = keras.Input((1,), dtype="string", name="job")
    city = keras.Input((1,), dtype="string", name="city")
    bins = layers.Discretization(EDGES, name="bins")(age)
    jobs = layers.StringLookup(vocabulary=COLORS, name="jobs")(job)
    crossed_bins = layers.HashedCrossing(13, name="crossed")((bins, jobs))
    again = layers.Hashing(5, output_mode="one_hot", name="again")(crossed_bins)
    both = layers.Concatenate(name="both")([job, city])
    words = layers.StringLookup(vocabulary=COLORS, output_mode="multi_hot", name="words")(both)
    joined = layers.Concatenate(name="joined")(
        [
            layers.Rescaling(2.0, name="age_again")(age),
            layers.CategoryEncoding(6, output_mode="one_hot", name="rows")(jobs),
            layers.CategoryEncoding(5, output_mode="one_hot", name="bins_rows")(bins),
            layers.Normalization(mean=1.0, variance=4.0, name="normal")(income),
            again,
            words,
        ]
    )
    return Compared(keras.Model([age, income, job, city], layers.Identity(name="seen")(joined)))


@few
@given(ages=floats, jobs=texts)
def test_what_one_step_computes_the_next_one_takes(ages: list[float], jobs: list[str]) -> None:
    rows = min(len(ages), len(jobs))
    given_ages = np.array(ages[:rows], np.float32)
    chained().assert_same(
        age=given_ages,
        income=given_ages * np.float32(0.5),
        job=strings(*jobs[:rows]),
        city=strings(*jobs[:rows][::-1]),
    )


def test_what_converts_stays_in_the_model_unless_a_step_takes_it() -> None:
    found = chained()
    steps = [step.layer for step in found.pipeline.preprocessing.steps]
    assert steps == ["bins", "jobs", "both", "crossed", "again", "words"]
    assert [info.name for info in found.core.inputs] == [
        "age",
        "income",
        "bins",
        "jobs",
        "again",
        "words",
    ]
    assert {"CategoryEncoding", "Normalization"} <= set(found.core.layers.values())


@pytest.mark.parametrize("mode", ["int", "one_hot"])
def test_bins_that_convert_are_left_in_the_model(mode: str) -> None:
    model = seen(layers.Discretization(EDGES, output_mode=mode), (1,), "float32")
    assert split(source(model), "model.keras") is None


def late() -> Any:
    entry = keras.Input((1,), name="entry")
    rounded = layers.Rescaling(2.0, name="twice", dtype="float32")(entry)
    return keras.Model(entry, layers.Hashing(9, output_mode="one_hot", name="late")(rounded))


def weighed() -> Any:
    entry = keras.Input((2,), name="entry", dtype="int64")
    weights = keras.Input((2,), name="weights")
    rows = layers.CategoryEncoding(4, output_mode="count", name="weighed")
    return keras.Model([entry, weights], rows(entry, count_weights=weights))


def unadapted() -> Any:
    entry = keras.Input((1,), name="entry")
    bins = layers.Discretization(num_bins=3, name="bins")(entry)
    return keras.Model(entry, layers.Hashing(9, output_mode="one_hot")(bins))


def stacked() -> Any:
    entry = keras.Input((1, 2), name="entry", dtype="int64")
    both = layers.Concatenate(name="deep")([entry, entry])
    return keras.Model(entry, layers.Hashing(9, output_mode="multi_hot")(both))


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (late, r"layer 'late' \(Hashing\): it takes what 'twice' \(Rescaling\) puts out"),
        (
            lambda: seen(layers.Hashing(9, output_mode="count", name="all"), ()),
            r"layer 'all' \(Hashing\): for two instances it puts out the shape .* \(1,\)",
        ),
        (
            lambda: seen(layers.Hashing(9, output_mode="count", sparse=True, name="few"), (1,)),
            r"layer 'few' \(Hashing\): expected sparse to be false",
        ),
        (unadapted, r"layer 'bins': expected bins, got none; adapt it before the model is saved"),
        (weighed, r"layer 'weighed' \(CategoryEncoding\): expected no count_weights"),
        (stacked, r"layer 'deep' \(Concatenate\): expected tensors of the shape \[batch, values\]"),
    ],
)
def test_what_cannot_be_cut_off_is_refused_by_name_with_advice(
    model: Callable[[], Any], complaint: str
) -> None:
    with pytest.raises(ConversionError, match=complaint):
        split(source(model()), "model.keras")
