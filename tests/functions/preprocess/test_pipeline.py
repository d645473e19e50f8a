"""The steps between what clients send and what the model takes, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tflite_serving.contract.categories import Concatenation, Discretization, HashedCrossing
from tflite_serving.contract.preprocessing import (
    LookupSpec,
    Preprocessing,
    Step,
    Vocabulary,
    read_preprocessing,
    write_preprocessing,
)
from tflite_serving.errors import UnknownValue
from tflite_serving.preprocess.pipeline import Pipeline, in_shapes

BINS = Step(
    layer="bins", inputs=("age",), outputs=("bins",), discretization=Discretization(edges=(30.0,))
)
JOBS = Step(
    layer="jobs",
    inputs=("job",),
    outputs=("jobs",),
    lookup=LookupSpec(vocabulary=Vocabulary(strings=("cook", "clerk"), first=0, unknown=None)),
)
BOTH = Step(layer="both", inputs=("bins", "jobs"), outputs=("both",), concatenation=Concatenation())
STEPS = Preprocessing(steps=(BINS, JOBS, BOTH))
SHAPES = {"age": (None,), "both": (None, 2)}


def objects(*values: str) -> Any:
    return np.array(values, dtype=object)


def test_a_step_takes_what_the_steps_before_it_made() -> None:
    batch = Pipeline(read_preprocessing(write_preprocessing(STEPS)), SHAPES).run(
        {"age": np.array([20.0, 30.0, 40.0], np.float32), "job": objects("cook", "clerk", "cook")}
    )
    assert list(batch.arrays) == ["age", "both"]
    assert batch.arrays["age"].tolist() == [20, 30, 40]
    assert batch.arrays["both"].tolist() == [[0, 0], [1, 1], [1, 0]]
    assert batch.counts == ()


def test_a_value_that_a_step_refuses_is_told_with_the_input_that_it_came_in() -> None:
    with pytest.raises(UnknownValue) as caught:
        Pipeline(STEPS, SHAPES).run(
            {"age": np.zeros(2, np.float32), "job": objects("cook", "king")}
        )
    assert (caught.value.input, caught.value.index, caught.value.value) == ("job", 1, "king")


def test_without_sequences_the_batch_is_one_group_and_nothing_is_cut() -> None:
    prepared = Pipeline(Preprocessing(steps=()), {"x": (None, 1)}).prepare({"x": np.zeros(3)})
    (group,) = prepared.groups
    assert group.inputs["x"].shape == (3, 1)
    assert prepared.cut == ()


def test_of_a_scalar_and_a_vector_of_one_the_model_gets_what_it_takes() -> None:
    found = in_shapes(
        {
            "vector": np.zeros((3, 1)),
            "scalar": np.zeros(3),
            "same": np.zeros((3, 2)),
            "more": np.zeros(1),
        },
        {"vector": (None,), "scalar": (None, 1), "same": (None, 2)},
    )
    assert {name: array.shape for name, array in found.items()} == {
        "vector": (3,),
        "scalar": (3, 1),
        "same": (3, 2),
    }


def test_values_that_are_crossed_become_one_bin_for_each_instance() -> None:
    step = Step(
        layer="crossed",
        inputs=("city", "job"),
        outputs=("crossed",),
        hashed_crossing=HashedCrossing(bins=11),
    )
    cities, jobs = objects("Rome", "Rome", "Oslo"), objects("cook", "cook", "cook")
    pipeline = Pipeline(Preprocessing(steps=(step,)), {"crossed": (None, 1)})
    found = pipeline.run({"city": cities, "job": jobs}).arrays["crossed"]
    assert found.shape == (3, 1)
    assert found[0] == found[1]
    assert ((found >= 0) & (found < 11)).all()
