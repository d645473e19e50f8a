"""Loads a Keras file or a SavedModel folder, safely, behind one small interface."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_export.errors import LoadError
from model_export.outputs import Ending
from model_export.tf.model_file import find_code, first_line, names_package, read_config
from tflite_serving.contract.tensors import Arrays, Shape

_BATCH = 256
_HUB = "keras_hub"
_HDF5 = (".h5", ".hdf5")
# By which compile() knows these losses, and Keras does not find them again in an HDF5 file.
_SHORT_LOSSES = {
    name: keras.losses.get(name) for name in ("bce", "kld", "mae", "mape", "mse", "msle")
}
_UNKNOWN = re.compile(r"(?:Could not locate (?:class|function)|Unknown [\w ]+:) '([\w<>]+)'")


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

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The model's raw outputs by name, [examples, …]."""

    def concrete_function(self) -> tuple[Any, Any]:
        """What TFLiteConverter wants: a concrete function and the object that owns its variables.

        Its signature has ``input_0``, … and ``output_0``, … in the order of `inputs` and `outputs`.
        """


class KerasSource:
    """A model from a ``.keras`` or ``.h5`` file.

    Attributes:
        model: the Keras model.
    """

    def __init__(self, model: keras.Model, where: str) -> None:
        try:
            self.inputs = tuple(_info(tensor.name, tensor) for tensor in model.inputs)
            outputs = zip(output_names(model), model.outputs, strict=True)
            self.outputs = tuple(_info(name, tensor) for name, tensor in outputs)
        except (AttributeError, TypeError, ValueError) as error:
            raise LoadError(
                f"{where}: the model has no fixed inputs and outputs ({error}); "
                "save a Sequential or functional model that begins with keras.Input"
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
        self.layers: Mapping[str, str] = {
            layer.name: type(layer).__name__ for _, layer in walk_layers(model)
        }

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The model's raw outputs, computed in batches."""
        xs = [inputs[info.name] for info in self.inputs]
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
        """The signature's outputs, computed in batches."""
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

    def concrete_function(self) -> tuple[Any, Any]:
        """The signature as a function of ``input_0``, …; see `SourceModel`."""

        def call(*tensors: Any) -> dict[str, Any]:
            result = self._function(**dict(zip(self._keys, tensors, strict=True)))
            return {f"output_{i}": result[info.name] for i, info in enumerate(self.outputs)}

        return _trace(call, self.inputs), self._owner


def load_source(
    path: Path, *, custom_objects: Mapping[str, Any] | None = None, unsafe_load: bool = False
) -> SourceModel:
    """Loads a model.

    Args:
        path: a ``.keras`` or ``.h5`` file, or a SavedModel folder.
        custom_objects: what Keras needs beyond its own classes.
        unsafe_load: whether Python code in the file may run.

    Raises:
        LoadError: it is not there, damaged, carries code, or is of another kind.
    """
    if not path.exists():
        raise LoadError(f"{path}: there is no such file or folder; train and save the model first")
    if path.is_dir():
        if not (path / "saved_model.pb").exists():
            raise LoadError(f"{path}: expected a SavedModel folder, got no saved_model.pb in it")
        return SavedModelSource(path)
    config = read_config(path)
    code = sorted(set(find_code(config)))
    if code and not unsafe_load:
        raise LoadError(
            f"{path}: {', '.join(code)} hold Python code, which runs when the model is loaded and "
            "cannot be converted for certain. Replace it by Keras layers; or, if you trust the "
            "file, set model.unsafe_load = true"
        )
    is_hub = names_package(config, _HUB)
    if is_hub:
        _register_hub(path)
    # Layers with noise, such as Dropout, draw their seed when they are made.
    keras.utils.set_random_seed(0)
    # KerasHub's tasks cannot be compiled again from a file.
    compiled = not is_hub
    if path.suffix in _HDF5:
        custom_objects = {**_SHORT_LOSSES, **(custom_objects or {})}
    try:
        model = keras.saving.load_model(
            path, custom_objects=custom_objects, compile=compiled, safe_mode=not unsafe_load
        )
    except Exception as error:
        # Keras raises whatever the first broken layer raises.
        unknown = _UNKNOWN.search(str(error))
        problem = (
            f"it does not know {unknown[1]!r}; give it with model.custom_objects = "
            f'"module:name" of a dict {{"{unknown[1]}": …}}'
            if unknown
            else first_line(error)
        )
        if path.suffix in _HDF5:
            problem += "; or save the model as .keras, which keeps more"
        raise LoadError(f"{path}: Keras cannot load it: {problem}") from error
    if is_hub and getattr(model, "preprocessor", None) is not None:
        from model_export.tf.task_source import TaskSource  # which is built on what is here

        return TaskSource(model, str(path))
    return KerasSource(model, str(path))


def _register_hub(path: Path) -> None:
    """Tells Keras of KerasHub's classes: only a file that names them waits for the import."""
    try:
        import keras_hub  # noqa: F401
    except ImportError as error:
        raise LoadError(
            f"{path}: it is made of KerasHub's classes, and keras-hub cannot be imported: {error}; "
            "install keras-hub and tensorflow-text"
        ) from None


def pack_inputs(model: keras.Model, arrays: Sequence[Any]) -> Any:
    """The arrays, in the order of `model.inputs`, as the list or dict that the model takes."""
    if isinstance(model, keras.Sequential):
        return arrays[0]
    return keras.tree.pack_sequence_as(model.input, list(arrays))


def walk_layers(layer: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """All layers within `layer`, at any depth, each after its path such as "attention/query".

    A layer that is used in several places comes once for each.
    """
    for inner in getattr(layer, "_layers", ()):
        path = f"{above}/{inner.name}" if above else inner.name
        yield path, inner
        yield from walk_layers(inner, path)


def packed_outputs(model: keras.Model) -> Any:
    """A model's outputs as the tensor, list or dict that it gives."""
    # A Sequential model that was never called as a layer has no output.
    return model.outputs[0] if isinstance(model, keras.Sequential) else model.output


def output_names(model: keras.Model) -> list[str]:
    """The names of a model's outputs, in the order of `model.outputs`.

    A dict of outputs names them itself; else they are named by their layers, and those of one
    model by the layers in it.
    """
    found = packed_outputs(model)
    if isinstance(found, Mapping):
        return [
            next(name for name, each in found.items() if each is tensor) for tensor in model.outputs
        ]
    # A Sequential model has no output_names; its only output is its last layer's.
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
    if len(set(names)) < len(names):
        names = [_name_within(tensor) for tensor in model.outputs]
    return names


def _name_within(tensor: Any) -> str:
    """What an output is called by the innermost model that it is one of several outputs of."""
    producer, _, index = tensor._keras_history  # noqa: SLF001
    is_one_of_several = isinstance(producer, keras.Model) and len(producer.outputs) > 1
    return output_names(producer)[index] if is_one_of_several else str(producer.name)


def endings(model: keras.Model) -> tuple[Ending, ...]:
    """What each output of a model ends in."""
    return tuple(_ending(tensor) for tensor in model.outputs)


def _ending(tensor: Any) -> Ending:
    producer, _, index = getattr(tensor, "_keras_history", (None, 0, 0))
    if isinstance(producer, keras.Model):
        return _ending(producer.outputs[index])
    if isinstance(producer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(producer, "activation", None)
    if activation is keras.activations.linear and isinstance(producer, keras.layers.Dense):
        return "linear"
    if activation is keras.activations.sigmoid:
        return "sigmoid"
    return "softmax" if activation is keras.activations.softmax else "unknown"


def _trace(call: Callable[..., dict[str, Any]], inputs: tuple[TensorInfo, ...]) -> Any:
    signature = [
        tf.TensorSpec(info.shape, info.dtype, name=f"input_{i}") for i, info in enumerate(inputs)
    ]
    function = tf.function(call, input_signature=signature, autograph=False)
    return function.get_concrete_function()


def _info(name: str, tensor: Any) -> TensorInfo:
    return TensorInfo(name, tf.as_dtype(tensor.dtype).name, tuple(tensor.shape))
