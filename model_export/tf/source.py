"""A loaded model behind one small interface, whatever it was saved as."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_export.errors import LoadError
from model_export.signature.source_model import Ending, TensorInfo
from model_export.tf.graph import endings, layer_classes, output_names, pack_inputs
from model_export.tf.model_file import first_line
from model_export.tf.perturbation import disturbed
from model_export.tf.running import running
from tflite_serving.contract.tensors import Arrays

_BATCH = 256


class KerasSource:
    """A model from a ``.keras`` or ``.h5`` file.

    Attributes:
        model: the Keras model.
        where: it came from, for complaints.
    """

    def __init__(self, model: keras.Model, where: str) -> None:
        self.where = where
        try:
            self.inputs = tuple(_info(tensor.name, tensor) for tensor in model.inputs)
            outputs = zip(output_names(model), model.outputs, strict=True)
            self.outputs = tuple(_info(name, tensor) for name, tensor in outputs)
        except (AttributeError, TypeError, ValueError) as error:
            raise LoadError(
                f"{where}: the model has no fixed inputs and outputs ({error}); "
                "save a Sequential or functional model that begins with keras.Input, such as "
                "keras.Model(x, model(x)) with x = keras.Input(shape)"
            ) from None
        names = [info.name for info in self.outputs]
        if len(set(names)) < len(names):
            raise LoadError(
                f"{where}: expected each output to have a name of its own, got {', '.join(names)}; "
                "give the model its outputs as a dict, by name"
            )
        self.model = model
        # Eagerly, a large model keeps the activations of every layer, for every example of a batch.
        self._graph = tf.function(self._call, reduce_retracing=True, autograph=False)
        self.endings = endings(model)
        self.layers: Mapping[str, str] = layer_classes(model)

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The model's raw outputs, computed in batches.

        Raises:
            ConversionError: a layer cannot be run.
        """
        with running(self.where, self.layers, self.model):
            return self._predict([inputs[info.name] for info in self.inputs])

    def _predict(self, xs: Sequence[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        if any(x.dtype == object and x.ndim == 1 and isinstance(x[0], np.ndarray) for x in xs):
            return self._predict_each(xs)
        pieces = [
            [np.asarray(output) for output in self._graph([x[start : start + _BATCH] for x in xs])]
            for start in range(0, len(xs[0]), _BATCH)
        ]
        return self._joined(pieces)

    def _predict_each(self, xs: Sequence[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Pictures of different sizes, one by one.

        Not in the graph, where sizes are not known before it runs: there CenterCrop takes another
        way, and has no answer to a small picture.
        """
        pieces = [
            [np.asarray(output) for output in self._call([tf.constant(x[row][None]) for x in xs])]
            for row in range(len(xs[0]))
        ]
        return self._joined(pieces)

    def _joined(self, pieces: Sequence[Sequence[Any]]) -> dict[str, npt.NDArray[Any]]:
        joined = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
        return {info.name: array for info, array in zip(self.outputs, joined, strict=True)}

    def with_length(self, length: int) -> KerasSource:
        """The same model, whose sequences have one length."""
        fixed = copy.copy(self)
        fixed.inputs = tuple(
            replace(info, shape=(None, *(size or length for size in info.shape[1:])))
            for info in self.inputs
        )
        return fixed

    def disturbed(self, seed: int) -> AbstractContextManager[None]:
        """See `SourceModel`."""
        return disturbed([variable.value for variable in self.model.variables], seed)

    def concrete_function(self) -> tuple[Any, Any]:
        """The model as a function of ``input_0``, …; see `SourceModel`."""

        def call(*tensors: Any) -> dict[str, Any]:
            return {f"output_{i}": output for i, output in enumerate(self._call(list(tensors)))}

        owner = tf.Module()
        owner.weights = [variable.value for variable in self.model.variables]
        return _trace(call, self.inputs), owner

    def _call(self, tensors: list[Any]) -> list[Any]:
        result = self.model(pack_inputs(self.model, tensors), training=False)
        return list(keras.tree.flatten(result))


class SavedModelSource:
    """A SavedModel folder, by its default signature."""

    layers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        try:
            loaded = tf.saved_model.load(str(folder))
        except Exception as error:
            # TensorFlow raises whatever the first broken part raises.
            raise LoadError(f"{folder}: TensorFlow cannot load it: {first_line(error)}") from error
        signatures = dict(loaded.signatures)
        # Keras 3 calls the signature of `model.export` "serve" as well.
        name = next((key for key in ("serving_default", "serve") if key in signatures), None)
        if name is None:
            raise LoadError(
                f"{folder}: expected the signature serving_default, got {sorted(signatures)}"
            )
        self._owner = loaded
        self._function = signatures[name]
        inputs = self._function.structured_input_signature[1]
        outputs = self._function.structured_outputs
        self._keys = tuple(inputs)
        self.inputs = tuple(_info(key, spec) for key, spec in inputs.items())
        self.outputs = tuple(_info(key, spec) for key, spec in outputs.items())
        self.endings: tuple[Ending, ...] = tuple("unknown" for _ in self.outputs)

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The signature's outputs, computed in batches.

        Raises:
            ConversionError: an operator cannot be run.
        """
        with running(self.where, self.layers, None):
            return self._predict(inputs)

    def _predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        count = len(next(iter(inputs.values())))
        pieces = [
            self._function(
                **{key: tf.constant(inputs[key][start : start + _BATCH]) for key in self._keys}
            )
            for start in range(0, count, _BATCH)
        ]
        return {
            info.name: np.concatenate([np.asarray(piece[info.name]) for piece in pieces])
            for info in self.outputs
        }

    def disturbed(self, seed: int) -> AbstractContextManager[None]:
        """See `SourceModel`."""
        return disturbed(self._function.variables, seed)

    def concrete_function(self) -> tuple[Any, Any]:
        """The signature as a function of ``input_0``, …; see `SourceModel`."""

        def call(*tensors: Any) -> dict[str, Any]:
            result = self._function(**dict(zip(self._keys, tensors, strict=True)))
            return {f"output_{i}": result[info.name] for i, info in enumerate(self.outputs)}

        return _trace(call, self.inputs), self._owner


def _trace(call: Callable[..., dict[str, Any]], inputs: tuple[TensorInfo, ...]) -> Any:
    signature = [
        tf.TensorSpec(info.shape, info.dtype, name=f"input_{i}") for i, info in enumerate(inputs)
    ]
    function = tf.function(call, input_signature=signature, autograph=False)
    return function.get_concrete_function()


def _info(name: str, tensor: Any) -> TensorInfo:
    return TensorInfo(name, tf.as_dtype(tensor.dtype).name, tuple(tensor.shape))
