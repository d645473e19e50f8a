"""All steps between what clients send and what the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from tflite_serving.contract.preprocessing import Preprocessing, Step
from tflite_serving.contract.tensors import Arrays, Shape
from tflite_serving.errors import UnknownValue
from tflite_serving.preprocess.lookup import Key, Lookup
from tflite_serving.preprocess.words import words_of


class Pipeline:
    """Runs the steps of a model.

    Args:
        preprocessing: the steps.
        shapes: of what the model takes, by name.
    """

    def __init__(self, preprocessing: Preprocessing, shapes: Mapping[str, Shape]) -> None:
        self._steps = [_StepRunner(step) for step in preprocessing.steps]
        self._shapes = shapes

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """What the model takes, from what clients sent.

        Args:
            inputs: by input name, [batch, …]; strings as objects.

        Raises:
            UnknownValue: a value is not in a vocabulary that allows no others.
        """
        found = dict(inputs)
        for step in self._steps:
            found[step.output] = step.run(found[step.input])
        return in_shapes(found, self._shapes)


def in_shapes(arrays: Arrays, shapes: Mapping[str, Shape]) -> dict[str, npt.NDArray[Any]]:
    """Those that `shapes` names, where a scalar of an instance may be a vector of one.

    Args:
        arrays: by name, [batch, …].
        shapes: of the same batch.
    """
    return {name: _in_shape(arrays[name], shape) for name, shape in shapes.items()}


class _StepRunner:
    def __init__(self, step: Step) -> None:
        self.input, self.output = step.input, step.output
        self._words = step.words
        self._lookup = Lookup(step.vocabulary)

    def run(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        batch = len(values)
        try:
            if self._words is None:
                rows = [
                    self._lookup.indices(row, index)
                    for index, row in enumerate(_keys(values.reshape(batch, -1)))
                ]
            else:
                texts = values.reshape(batch).tolist()
                rows = [self._of_text(text, index) for index, text in enumerate(texts)]
        except UnknownValue as error:
            raise UnknownValue(error.index, error.value, self.input) from None
        return self._lookup.encode(rows)

    def _of_text(self, text: str, index: int) -> list[int]:
        assert self._words is not None
        length = self._words.length
        found = self._lookup.indices(words_of(text, self._words)[:length], index)
        return found if length is None else found + [0] * (length - len(found))


def _keys(values: npt.NDArray[Any]) -> list[list[Key]]:
    if values.dtype.kind == "O":
        return [[value.encode() for value in row] for row in values.tolist()]
    rows: list[list[Key]] = values.tolist()
    return rows


def _in_shape(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    if array.ndim == len(shape):
        return array
    return array.reshape(len(array), *(-1 if size is None else size for size in shape[1:]))
