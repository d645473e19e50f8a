"""The layers that the function can compute, and what each becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from model_export.tf.split.lookups import check_rows, lookup_of
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


_KINDS: Mapping[type, Kind] = dict.fromkeys(_LOOKUPS, Kind("lookup", lookup_of, check_rows))

# They cannot be converted, and the function cannot do what they do.
_REFUSED: Mapping[type, str] = dict.fromkeys(
    (keras.layers.Hashing, keras.layers.HashedCrossing),
    "the function cannot hash; use a StringLookup or IntegerLookup with the values that occur",
)


def kind_of(layer: Any) -> Kind | None:
    """What the function can do in a layer's stead; None if nothing."""
    return next((kind for cls, kind in _KINDS.items() if isinstance(layer, cls)), None)


def refusal_of(layer: Any) -> str | None:
    """Why a layer can neither be converted nor computed by the function, with advice; else None."""
    return next((why for cls, why in _REFUSED.items() if isinstance(layer, cls)), None)
