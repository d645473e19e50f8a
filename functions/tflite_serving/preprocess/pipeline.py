"""All steps between what clients send and what the model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from tflite_serving.contract import categories
from tflite_serving.contract import preprocessing as contract
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import Arrays, Shape
from tflite_serving.errors import UnknownValue


class Operation(Protocol):
    """What one step does, ready to run."""

    def run(self, values: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Computes a batch.

        Args:
            values: one array for each of the step's inputs, [batch, …]; strings as objects.

        Returns:
            one array for each of the step's outputs.

        Raises:
            UnknownValue: a value is not in a vocabulary that allows no others.
        """


class Pipeline:
    """Runs the steps of a model.

    Args:
        preprocessing: the steps.
        shapes: of what the model takes, by name.
    """

    def __init__(self, preprocessing: Preprocessing, shapes: Mapping[str, Shape]) -> None:
        self.preprocessing = preprocessing
        self._steps = [(step, _ready(step.operation)) for step in preprocessing.steps]
        self._shapes = shapes

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """What the model takes, from what clients sent.

        Args:
            inputs: by input name, [batch, …]; strings as objects.

        Raises:
            UnknownValue: a value is not in a vocabulary that allows no others.
        """
        found = dict(inputs)
        for step, operation in self._steps:
            try:
                values = operation.run([found[name] for name in step.inputs])
            except UnknownValue as error:
                origin = self.preprocessing.origins(step.inputs[0])[0]
                raise UnknownValue(error.index, error.value, origin) from None
            found.update(zip(step.outputs, values, strict=True))
        return in_shapes(found, self._shapes)


def in_shapes(arrays: Arrays, shapes: Mapping[str, Shape]) -> dict[str, npt.NDArray[Any]]:
    """Those that `shapes` names, where a scalar of an instance may be a vector of one.

    Args:
        arrays: by name, [batch, …].
        shapes: of the same batch.
    """
    return {name: _in_shape(arrays[name], shape) for name, shape in shapes.items()}


def _in_shape(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    if array.ndim == len(shape):
        return array
    return array.reshape(len(array), *(-1 if size is None else size for size in shape[1:]))


def _ready(operation: contract.Operation) -> Operation:
    return _MAKERS[type(operation)](operation)


def _lookup(operation: contract.Lookup) -> Operation:
    from tflite_serving.preprocess.lookup import Lookup

    return Lookup(operation)


def _hashing(operation: categories.Hashing) -> Operation:
    from tflite_serving.preprocess.hashing import Hashing

    return Hashing(operation)


def _hashed_crossing(operation: categories.HashedCrossing) -> Operation:
    from tflite_serving.preprocess.hashed_crossing import HashedCrossing

    return HashedCrossing(operation)


def _discretization(operation: categories.Discretization) -> Operation:
    from tflite_serving.preprocess.categories import Discretization

    return Discretization(operation)


def _category_encoding(operation: categories.CategoryEncoding) -> Operation:
    from tflite_serving.preprocess.categories import CategoryEncoding

    return CategoryEncoding(operation)


def _concatenation(_: categories.Concatenation) -> Operation:
    from tflite_serving.preprocess.categories import Concatenation

    return Concatenation()


# Each imports what its kind of step needs, and no model needs all of them.
_MAKERS: Mapping[type, Callable[[Any], Operation]] = {
    contract.Lookup: _lookup,
    categories.Hashing: _hashing,
    categories.HashedCrossing: _hashed_crossing,
    categories.Discretization: _discretization,
    categories.CategoryEncoding: _category_encoding,
    categories.Concatenation: _concatenation,
}
