"""Weights are disturbed by a few roundings, and are afterwards what they were."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.quality.rounding import DISTURBANCE
from model_export.signature.source_model import SourceModel
from model_export.tf.load import load_source
from model_export.tf.source import KerasSource

X = np.random.default_rng(0).normal(0, 1, (5, 3)).astype(np.float32)


def model() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,), name="x"),
            keras.layers.Dense(4, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, name="y"),
        ]
    )


def answers(source: SourceModel) -> Any:
    (found,) = source.predict({source.inputs[0].name: X}).values()
    return found


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_a_disturbed_model_answers_a_little_otherwise_and_then_as_before(
    tmp_path: Path, kind: str
) -> None:
    made = model()
    if kind == "keras":
        source: SourceModel = KerasSource(made, "model")
    else:
        made.export(tmp_path / "model", verbose=False)
        source = load_source(tmp_path / "model")
    before = answers(source)
    disturbed = []
    for seed in range(2):
        with source.disturbed(seed):
            disturbed.append(answers(source))
    np.testing.assert_array_equal(answers(source), before)
    for found in disturbed:
        assert (found != before).any()
        np.testing.assert_allclose(found, before, atol=20 * DISTURBANCE)
    assert (disturbed[0] != disturbed[1]).any()


def test_the_same_seed_disturbs_alike_and_an_error_leaves_nothing_disturbed() -> None:
    source = KerasSource(model(), "model")
    before = [np.array(each) for each in source.model.get_weights()]
    seen = []
    for _ in range(2):
        with contextlib.suppress(ZeroDivisionError), source.disturbed(7):
            seen.append(answers(source))
            raise ZeroDivisionError
    np.testing.assert_array_equal(seen[0], seen[1])
    for one, other in zip(before, source.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_infinite_weights_stay_as_they_are() -> None:
    made = model()
    made.layers[-1].bias.assign([np.inf, np.nan])
    with KerasSource(made, "model").disturbed(0):
        assert np.isposinf(np.asarray(made.layers[-1].bias)[0])
        assert np.isnan(np.asarray(made.layers[-1].bias)[1])
