"""Table of the layers that the function can compute, with their converters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from model_export.tf.preprocessing.categories import (
    category_encoding_of,
    check_rows_of_values,
    check_shapes,
    discretization_of,
    hashed_crossing_of,
    hashing_of,
)
from model_export.tf.preprocessing.lookups import check_rows, lookup_of
from tflite_serving.contract.categories import Concatenation
from tflite_serving.contract.preprocessing import Operation

_LOOKUPS = (
    keras.layers.TextVectorization,
    keras.layers.StringLookup,
    keras.layers.IntegerLookup,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of layer.

    Attributes:
        member: of `contract.preprocessing.Step` that holds the operation.
        operation: given a layer, and where its model came from for complaints, says what it does.
        check: given a layer, the tensors that it takes and puts out in its model, and where that
            came from, refuses what would not be the same.
        converts: whether it can also be converted, so that it is cut off only in front of one that
            cannot.
    """

    member: str
    operation: Callable[[Any, str], Operation]
    check: Callable[[Any, Sequence[Any], Sequence[Any], str], None]
    converts: bool = False


_KINDS: Mapping[type, Kind] = {
    **dict.fromkeys(_LOOKUPS, Kind("lookup", lookup_of, check_rows)),
    keras.layers.Hashing: Kind("hashing", hashing_of, check_shapes),
    keras.layers.HashedCrossing: Kind("hashed_crossing", hashed_crossing_of, check_shapes),
    keras.layers.Discretization: Kind(
        "discretization", discretization_of, check_shapes, converts=True
    ),
    keras.layers.CategoryEncoding: Kind(
        "category_encoding", category_encoding_of, check_shapes, converts=True
    ),
    keras.layers.Concatenate: Kind(
        "concatenation",
        lambda layer, where: Concatenation(),
        check_rows_of_values,
        converts=True,
    ),
}


def kind_of(layer: Any) -> Kind | None:
    """What the function can do in a layer's stead; None if nothing."""
    found = next((kind for cls, kind in _KINDS.items() if isinstance(layer, cls)), None)
    if found is not None and found.converts and not _converts(layer):
        return replace(found, converts=False)
    return found


def _converts(layer: Any) -> bool:
    """Whether one of a kind that converts does: TensorFlow Lite neither counts nor has strings."""
    counts = getattr(layer, "output_mode", None) in ("multi_hot", "count")
    nodes = layer._inbound_nodes  # noqa: SLF001
    return not counts and all(
        keras.backend.standardize_dtype(tensor.dtype) != "string"
        for node in nodes
        for tensor in node.input_tensors
    )
