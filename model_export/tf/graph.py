"""Reads the graph of a Keras model: layers, outputs and final activations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from model_export.signature.source_model import Ending


def pack_inputs(model: keras.Model, arrays: Sequence[Any]) -> Any:
    """The arrays, in the order of `model.inputs`, as the list or dict that the model takes."""
    if isinstance(model, keras.Sequential):
        return arrays[0]
    return keras.tree.pack_sequence_as(model.input, list(arrays))


def is_graph(layer: Any) -> bool:
    """Whether a layer is a Sequential or functional model, and no more than its own layers."""
    is_built = isinstance(layer, keras.Model) and getattr(layer, "inputs", None) is not None
    return is_built and has_keras_call(layer)


def has_keras_call(layer: Any) -> bool:
    """Whether a layer computes what Keras says: a class of the user's may do anything in `call`."""
    return bool(type(layer).call.__module__.startswith("keras.src."))


def walk_layers(layer: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """All layers within `layer`, at any depth, each after its path such as "attention/query".

    A layer that is used in several places comes once for each.
    """
    for inner in getattr(layer, "_layers", ()):
        path = f"{above}/{inner.name}" if above else inner.name
        yield path, inner
        yield from walk_layers(inner, path)


def as_graph(model: keras.Model) -> keras.Model:
    """The model itself, or a graph around it if its class computes more than its own layers say.

    Args:
        model: as it was loaded; one that is no graph, and has no inputs, stays what it is.
    """
    if getattr(model, "inputs", None) is None or has_keras_call(model):
        return model
    # Its outputs are those of its layers, not those of its `call`.
    return keras.Model(model.inputs, model(pack_inputs(model, model.inputs)))


def layer_classes(model: keras.Model) -> dict[str, str]:
    """The class of every layer within a model, by its name."""
    return {layer.name: type(layer).__name__ for _, layer in walk_layers(model)}


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
    is_one_of_several = is_graph(producer) and len(producer.outputs) > 1
    return output_names(producer)[index] if is_one_of_several else str(producer.name)


def endings(model: keras.Model) -> tuple[Ending, ...]:
    """What each output of a model ends in."""
    return tuple(_ending(tensor) for tensor in model.outputs)


def _ending(tensor: Any) -> Ending:
    producer: Any
    producer, _, index = getattr(tensor, "_keras_history", (None, 0, 0))
    if is_graph(producer):
        return _ending(producer.outputs[index])
    if not isinstance(producer, keras.Layer) or not has_keras_call(producer):
        return "unknown"
    if isinstance(producer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(producer, "activation", None)
    if activation is keras.activations.linear and isinstance(producer, keras.layers.Dense):
        return "linear"
    if activation is keras.activations.sigmoid:
        return "sigmoid"
    return "softmax" if activation is keras.activations.softmax else "unknown"
