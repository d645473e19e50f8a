"""Hashes, crossings, bins and rows of numbers, computed without Keras, are what Keras computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings

from model_export.errors import ConversionError
from model_export.tf.preprocessing.extract import split
from tests.support.examples.columns import COLORS, FLOATS, TEXTS
from tests.support.models.parity import Compared, seen, source, strings

layers = keras.layers

few = settings(max_examples=30)


EDGES = [-1.5, 0.1, 3.25, 1e6]


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
@given(ages=FLOATS, jobs=TEXTS)
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
