"""The preprocessing pipeline: runs all steps from a request's inputs to the model's tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from tflite_serving.contract import categories, tokens
from tflite_serving.contract import preprocessing as contract
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import Arrays, Shape
from tflite_serving.errors import RefusedValue
from tflite_serving.preprocess.operation import Operation
from tflite_serving.runtime.length_buckets import SubBatch, by_length

Assets = Mapping[str, Path]
"""Files of the artifact, by the names that the steps have for them."""

_NO_FILES: Assets = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Preprocessed batch, with sequences padded to the largest length.

    Attributes:
        arrays: Arrays by tensor name, [batch, …].
        counts: Numbers of tokens; see `operation.StepOutput`. Empty where no step tokenizes.
    """

    arrays: dict[str, npt.NDArray[Any]]
    counts: Sequence[int] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PreparedBatch:
    """Preprocessed batch, split into sub-batches by sequence length.

    Attributes:
        groups: Sub-batches that are run one after the other.
        cut: Indices of the instances with more tokens than the model takes.
    """

    groups: list[SubBatch]
    cut: Sequence[int] = ()


class Pipeline:
    """Preprocessing steps of one model.

    Args:
        preprocessing: Steps of the pipeline.
        shapes: Shapes of the model's tensors, by name.
        assets: Files of the artifact that the steps need.

    Raises:
        ContractError: A file is invalid for its step.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        shapes: Mapping[str, Shape],
        assets: Assets = _NO_FILES,
    ) -> None:
        self.preprocessing = preprocessing
        self._steps = [
            (step, _MAKERS[type(step.operation)](step.operation, assets))
            for step in preprocessing.steps
        ]
        self._shapes = shapes
        self._sequence = preprocessing.sequence

    def prepare(self, inputs: Arrays) -> PreparedBatch:
        """Preprocesses a batch, with sequences only as long as their buckets.

        Args, Raises: see `run`.
        """
        batch, step = self.run(inputs), self._sequence
        if step is None or step.tokens is None:
            return PreparedBatch([SubBatch(batch.arrays)])
        groups = by_length(batch.arrays, step.outputs, batch.counts, step.tokens.buckets)
        most = step.tokens.length
        return PreparedBatch(
            groups, [row for row, count in enumerate(batch.counts) if count > most]
        )

    def run(self, inputs: Arrays) -> Batch:
        """Preprocesses a batch.

        Args:
            inputs: Arrays by input name, [batch, …]; strings as objects.

        Raises:
            RefusedValue: A value is invalid for a step.
        """
        found = dict(inputs)
        counts: Sequence[int] = ()
        for step, operation in self._steps:
            try:
                made = operation.run([found[name] for name in step.inputs])
            except RefusedValue as error:
                error.input = self.preprocessing.origins(step.inputs[0])[0]
                raise
            found.update(zip(step.outputs, made.arrays, strict=True))
            counts = made.counts or counts
        return Batch(in_shapes(found, self._shapes), counts)


def in_shapes(arrays: Arrays, shapes: Mapping[str, Shape]) -> dict[str, npt.NDArray[Any]]:
    """Selects the arrays named by `shapes`, with a scalar per instance reshaped to a vector of one.

    Args:
        arrays: Arrays by name, [batch, …].
        shapes: Shapes by name, of the same batch.
    """
    return {name: _in_shape(arrays[name], shape) for name, shape in shapes.items()}


def _in_shape(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    if array.ndim == len(shape):
        return array
    return array.reshape(len(array), *(-1 if size is None else size for size in shape[1:]))


def _lookup(operation: contract.LookupSpec, _: Assets) -> Operation:
    from tflite_serving.preprocess.lookup import Lookup

    return Lookup(operation)


def _hashing(operation: categories.HashingSpec, _: Assets) -> Operation:
    from tflite_serving.preprocess.hashing import Hashing

    return Hashing(operation)


def _hashed_crossing(operation: categories.HashedCrossing, _: Assets) -> Operation:
    from tflite_serving.preprocess.hashed_crossing import HashedCrossing

    return HashedCrossing(operation)


def _discretization(operation: categories.Discretization, _: Assets) -> Operation:
    from tflite_serving.preprocess.categories import Discretization

    return Discretization(operation)


def _category_encoding(operation: categories.CategoryEncoding, _: Assets) -> Operation:
    from tflite_serving.preprocess.categories import CategoryEncoding

    return CategoryEncoding(operation)


def _concatenation(_: categories.Concatenation, __: Assets) -> Operation:
    from tflite_serving.preprocess.categories import Concatenation

    return Concatenation()


def _tokens(operation: tokens.TokensSpec, assets: Assets) -> Operation:
    from tflite_serving.preprocess.tokens import Tokens

    return Tokens(operation, assets)


# Each imports what its kind of step needs, and no model needs all of them.
_MAKERS: Mapping[type, Callable[[Any, Assets], Operation]] = {
    contract.LookupSpec: _lookup,
    categories.HashingSpec: _hashing,
    categories.HashedCrossing: _hashed_crossing,
    categories.Discretization: _discretization,
    categories.CategoryEncoding: _category_encoding,
    categories.Concatenation: _concatenation,
    tokens.TokensSpec: _tokens,
}
