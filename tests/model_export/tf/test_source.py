"""A loaded Keras model: its names, dtypes and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.signature.source_model import TensorInfo
from model_export.tf.load import load_source
from tests.support.models import keras_models
from tests.support.models.saved_models import QUIET, complaint, save

layers = keras.layers

pytestmark = QUIET


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("form", [".keras", ".h5", "export"])
def test_a_model_with_several_inputs_takes_each_by_its_name(
    tmp_path: Path, form: str, *, as_dict: bool
) -> None:
    model = keras_models.two_inputs(as_dict=as_dict)
    path = tmp_path / f"model{form}"
    if form == "export":
        model.export(path, verbose=False)
    else:
        model.save(path)
    source = load_source(path)
    shapes = {info.name: info.shape for info in source.inputs}
    assert shapes == {"pixels": (None, 6, 6, 1), "features": (None, 4)}
    if not as_dict and form != "export":  # a signature sorts its inputs
        assert list(shapes) == ["pixels", "features"]
    inputs = dict(keras_models.pairs(30, 1).inputs)
    arrays = inputs if as_dict else [inputs["pixels"], inputs["features"]]
    (output,) = source.outputs
    np.testing.assert_allclose(
        source.predict(inputs)[output.name], np.asarray(model(arrays)), atol=1e-6
    )
    function, _ = source.concrete_function()
    assert set(function.structured_outputs) == {"output_0"}


def test_dtypes_are_those_of_the_inputs(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32", name="tokens"),
            layers.Embedding(7, 3),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    source = load_source(save(model, tmp_path / "model.keras"))
    assert source.inputs == (TensorInfo("tokens", "int32", (None, 5)),)


def test_texts_are_asked_about_many_at_a_time(tmp_path: Path) -> None:
    asked = []

    class Counting(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
        def call(self, x: Any) -> Any:
            asked.append(x.shape)
            return x

    lookup = layers.StringLookup(vocabulary=["a"], output_mode="one_hot")
    for shape in ((), (1,)):
        model = keras.Sequential([keras.Input(shape, dtype="string"), lookup, Counting()])
        source = load_source(
            save(model, tmp_path / "model.keras"), custom_objects={"Counting": Counting}
        )
        texts = np.array(["a", "b"] * 20, object).reshape(-1, *shape)
        asked.clear()
        (answers,) = source.predict({source.inputs[0].name: texts}).values()
        assert answers.tolist() == [[0, 1], [1, 0]] * 20
        assert len(asked) == 1


def test_outputs_that_share_a_name_are_refused(tmp_path: Path) -> None:
    first, second = keras.Input((4,)), keras.Input((4,))
    shared = layers.Dense(2, name="shared")
    twins = keras.Model([first, second], [shared(first), shared(second)])
    told = complaint(save(twins, tmp_path / "twins.keras"))
    assert "got shared, shared; give the model its outputs as a dict, by name" in told
