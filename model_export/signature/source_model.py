"""Interface of a loaded source model; `tf.source` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy.typing as npt

from tflite_serving.contract.tensors import Arrays, Shape

Ending = Literal["linear", "sigmoid", "softmax", "unknown"]
"""What the layer that makes an output ends in; "linear" is a Dense one without activation."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of the source model; the first axis of the shape is the batch."""

    name: str
    dtype: str
    shape: Shape


class SourceModel(Protocol):
    """A loaded model, wherever it came from."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    endings: tuple[Ending, ...]
    """What each output ends in."""
    layers: Mapping[str, str]
    """The class of every layer, by its name; empty where they are not known."""
    where: str
    """It came from, for complaints."""

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The model's raw outputs by name, [examples, …]."""

    def disturbed(self, seed: int) -> AbstractContextManager[None]:
        """While the context lasts, weights are off by a few roundings; see `tf.perturbation`."""

    def concrete_function(self) -> tuple[Any, Any]:
        """What TFLiteConverter wants: a concrete function and the object that owns its variables.

        Its signature has ``input_0``, … and ``output_0``, … in the order of `inputs` and `outputs`.
        """
