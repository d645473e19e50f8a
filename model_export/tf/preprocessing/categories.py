"""Converts Keras's Hashing, HashedCrossing, Discretization, … to preprocessing steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model_export.errors import ConversionError
from tflite_serving.contract import categories
from tflite_serving.contract.categories import Salt

_EXAMPLES: dict[str, Any] = {"string": "a", "bool": True}


def hashing_of(layer: Any, where: str) -> categories.HashingSpec:
    """What a `keras.layers.Hashing` does."""
    _refuse_sparse(layer, where)
    config = layer.get_config()
    bins, masked = config["num_bins"], config["mask_value"]
    return categories.HashingSpec(
        bins=bins,
        masked=None if masked is None or bins == 1 else np.asarray(masked).item(),
        salt=salt_of(config["salt"]),
        encoding=config["output_mode"],
    )


def hashed_crossing_of(layer: Any, where: str) -> categories.HashedCrossing:
    """What a `keras.layers.HashedCrossing` does."""
    _refuse_sparse(layer, where)
    config = layer.get_config()
    return categories.HashedCrossing(bins=config["num_bins"], encoding=config["output_mode"])


def discretization_of(layer: Any, where: str) -> categories.Discretization:
    """What a `keras.layers.Discretization` does."""
    _refuse_sparse(layer, where)
    if layer.bin_boundaries is None:
        raise ConversionError(
            f"{where}: layer {layer.name!r}: expected bins, got none; adapt it before the model is "
            "saved"
        )
    # The operator compares with float32, whatever it was given.
    edges = np.asarray(layer.bin_boundaries, np.float32)
    return categories.Discretization(
        edges=tuple(edges.tolist()), encoding=layer.get_config()["output_mode"]
    )


def category_encoding_of(layer: Any, where: str) -> categories.CategoryEncoding:
    """What a `keras.layers.CategoryEncoding` does."""
    _refuse_sparse(layer, where)
    config = layer.get_config()
    return categories.CategoryEncoding(width=config["num_tokens"], encoding=config["output_mode"])


def check_shapes(layer: Any, inputs: Sequence[Any], outputs: Sequence[Any], where: str) -> None:
    """Of some inputs Keras makes one row of all instances, or says another shape.

    Args:
        layer: of Keras.
        inputs, outputs: what it takes and puts out in its model.
        where: the model came from, for complaints.

    Raises:
        ConversionError: it does so.
    """
    if len(inputs) > 1 and isinstance(layer, keras.layers.CategoryEncoding):
        raise ConversionError(
            f"{where}: layer {layer.name!r} (CategoryEncoding): expected no count_weights"
        )
    given = [
        tf.constant(
            _EXAMPLES.get(tensor.dtype, 0),
            dtype=tensor.dtype,
            shape=(2, *(size or 1 for size in tensor.shape[1:])),
        )
        for tensor in inputs
    ]
    found = tuple(layer(given[0] if len(given) == 1 else given).shape)
    (output,) = outputs
    if found != (2, *output.shape[1:]):
        raise ConversionError(
            f"{where}: layer {layer.name!r} ({type(layer).__name__}): for two instances it puts "
            f"out the shape {list(found)}, where its model has {list(output.shape)}; let the "
            "model's input have the shape (1,)"
        )


def check_rows_of_values(
    layer: Any, inputs: Sequence[Any], outputs: Sequence[Any], where: str
) -> None:
    """Refuses to put anything side by side but the values of each instance; see `check_shapes`."""
    for tensor in (*inputs, *outputs):
        if len(tensor.shape) != 2 or layer.axis not in (-1, 1):
            raise ConversionError(
                f"{where}: layer {layer.name!r} (Concatenate): expected tensors of the shape "
                f"[batch, values], put together along their last axis, got {list(tensor.shape)} "
                f"and the axis {layer.axis}"
            )


def salt_of(salt: Any) -> Salt | None:
    """Keras's salt without signs."""
    return None if salt is None else tuple(int(key) % 2**64 for key in salt)


def _refuse_sparse(layer: Any, where: str) -> None:
    if layer.sparse:
        raise ConversionError(
            f"{where}: layer {layer.name!r} ({type(layer).__name__}): expected sparse to be false"
        )
