"""All steps between what clients send and what the model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy.typing as npt

from tflite_serving.contract import categories
from tflite_serving.contract import preprocessing as contract
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import Arrays, Shape
from tflite_serving.errors import UnknownValue
from tflite_serving.groups import Group, by_length

if TYPE_CHECKING:
    from tflite_serving.preprocess.tokens import Tokens

_NO_FILES: Mapping[str, Path] = MappingProxyType({})
_NOTHING: Mapping[int, int] = MappingProxyType({})


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


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What the model takes.

    Attributes:
        groups: that are run one after the other.
        cut: by instance, how many tokens it had, if these are more than the model takes.
    """

    groups: list[Group]
    cut: Mapping[int, int]


class Pipeline:
    """Runs the steps of a model.

    Args:
        preprocessing: the steps.
        shapes: of what the model takes, by name.
        assets: files of the artifact, by the names that the steps have for them.

    Raises:
        ContractError: a file is not what its step needs.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        shapes: Mapping[str, Shape],
        assets: Mapping[str, Path] = _NO_FILES,
    ) -> None:
        self.preprocessing = preprocessing
        self._steps = [(step, _ready(step, assets)) for step in preprocessing.steps]
        self._shapes = shapes
        self._sequence = preprocessing.sequence

    def prepare(self, inputs: Arrays) -> Ready:
        """What the model takes, from what clients sent, with sequences as long as need be.

        Args, Raises: see `run`.
        """
        counts: list[int] = []
        arrays = self.run(inputs, counts)
        if self._sequence is None or self._sequence.tokens is None:
            return Ready([Group(arrays)], _NOTHING)
        tokens = self._sequence.tokens
        groups = by_length(arrays, self._sequence.outputs, counts, tokens.buckets)
        most = tokens.length
        cut = {row: count for row, count in enumerate(counts) if count > most}
        return Ready(groups, cut)

    def run(self, inputs: Arrays, counts: list[int] | None = None) -> dict[str, npt.NDArray[Any]]:
        """What the model takes, from what clients sent, with sequences of the largest length.

        Args:
            inputs: by input name, [batch, …]; strings as objects.
            counts: gets how many tokens each instance has, before it is cut, if there are any.

        Raises:
            UnknownValue: a value is not in a vocabulary that allows no others.
        """
        found = dict(inputs)
        for step, operation in self._steps:
            try:
                taken = [found[name] for name in step.inputs]
                if counts is not None and step is self._sequence:
                    values = cast("Tokens", operation).run(taken, counts)
                else:
                    values = operation.run(taken)
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


def _ready(step: contract.Step, assets: Mapping[str, Path]) -> Operation:
    if step.tokens is not None:
        from tflite_serving.preprocess.tokens import Tokens

        return Tokens(step.tokens, assets)
    return _MAKERS[type(step.operation)](step.operation)


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
