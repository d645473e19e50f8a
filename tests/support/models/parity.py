"""Keras models whole and in two parts, and what both make of the same inputs. Imports Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from model_export.tf.preprocessing.extract import SplitModel, split
from model_export.tf.source import KerasSource
from tflite_serving.contract.preprocessing import read_preprocessing, write_preprocessing
from tflite_serving.contract.tensors import Arrays
from tflite_serving.preprocess.pipeline import Pipeline, in_shapes


def strings(*values: str) -> npt.NDArray[np.object_]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def source(model: Any) -> KerasSource:
    return KerasSource(model, "model.keras")


def parts(model: Any) -> SplitModel:
    found = split(source(model), "model.keras")
    assert found is not None
    return found


class Compared:
    """A model, whole and in two parts, the first of them written and read back."""

    def __init__(self, model: Any) -> None:
        self.whole, found = source(model), parts(model)
        self.core = found.core
        steps = read_preprocessing(write_preprocessing(found.preprocessing))
        assert steps == found.preprocessing
        self.pipeline = Pipeline(steps, {info.name: info.shape for info in self.core.inputs})
        self.shapes = {info.name: info.shape for info in self.whole.inputs}

    def assert_same(self, **inputs: npt.NDArray[Any]) -> None:
        for answered, expected in self._answers(inputs):
            np.testing.assert_array_equal(answered, expected)

    def assert_close(self, **inputs: npt.NDArray[Any]) -> None:
        """Of layers behind the cut: what is fused in a smaller graph may round otherwise."""
        for answered, expected in self._answers(inputs):
            np.testing.assert_allclose(answered, expected, rtol=1e-6, atol=1e-6)

    def _answers(self, inputs: Arrays) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        expected = self.whole.predict(in_shapes(inputs, self.shapes))
        answered = self.core.predict(self.pipeline.run(inputs).arrays)
        assert list(answered) == list(expected)
        return [(answered[name], values) for name, values in expected.items()]


def seen(layer: Any, shape: tuple[int, ...] = (), dtype: str = "string") -> Any:
    """A model that shows what a layer puts out."""
    entry = keras.Input(shape, dtype=dtype, name="entry")
    cast = keras.layers.Rescaling(1.0, dtype="float32", name="seen")
    return keras.Model(entry, cast(layer(entry)))
