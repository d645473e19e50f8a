"""Inlines models that are used as layers of another model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any

import keras

from model_export.errors import ConversionError
from model_export.tf.graph import is_graph, packed_outputs, walk_layers


def holding(layers: Collection[Any]) -> Callable[[Any], bool]:
    """What tells whether one of the layers is within another, at any depth."""
    wanted = {id(layer) for layer in layers}
    return lambda outer: any(id(inner) in wanted for _, inner in walk_layers(outer))


def opened(graph: keras.Model, opens: Callable[[Any], bool], where: str) -> keras.Model:
    """The same model without some of the models in it, whose layers it has instead.

    Args:
        graph: a functional model.
        opens: whether a layer that `is_graph` is opened.
        where: it came from, for complaints.

    Returns:
        a model with inputs of its own, and the same layers: not copies. Where two would have one
        name, the inner one is renamed, such as "dense" of the model "encoder" to "encoder_dense".

    Raises:
        ConversionError: one of the models is called with tensors of other ranks than its own, or
            as in a training.
    """
    while found := [layer for layer in graph.layers if is_graph(layer) and opens(layer)]:
        graph = keras.models.clone_model(
            graph,
            clone_function=lambda layer: layer,
            call_function=_Opening(graph, found, where),
        )
    return graph


class _Opening:
    """Calls the layers of a graph one after the other, and some by their own layers."""

    def __init__(self, graph: keras.Model, nested: Collection[Any], where: str) -> None:
        self._functions = {
            model: keras.Function(model.inputs, packed_outputs(model)) for model in nested
        }
        self._where = where
        self._named = {each.name: each for each in graph.operations if each not in nested}
        for model, function in self._functions.items():
            for each in function.operations:
                if not isinstance(each, keras.layers.InputLayer):
                    self._name(each, model)

    def __call__(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer not in self._functions:
            return layer(*args, **kwargs)
        if kwargs.get("training"):
            # None of its layers would know.
            raise ConversionError(
                f"{self._where}: layer {layer.name!r} ({type(layer).__name__}): it is called with "
                "training=True, so that its layers cannot be cut off; call it without"
            )
        given = tensors_given(layer, *args, **kwargs)
        entries = [self._entry(layer, *pair) for pair in zip(given, layer.inputs, strict=True)]
        return self._functions[layer].call(entries)

    def _entry(self, model: Any, given: Any, entry: Any) -> Any:
        """What a model makes of a tensor before its first layer."""
        if len(given.shape) != len(entry.shape):
            raise ConversionError(
                f"{self._where}: layer {model.name!r} ({type(model).__name__}): it is given the "
                f"shape {list(given.shape)} where its own input has {list(entry.shape)}, so that "
                "its layers cannot be cut off; give both the same shape"
            )
        # What takes long integers takes short ones.
        if given.dtype == entry.dtype or (given.dtype, entry.dtype) == ("int32", "int64"):
            return given
        cast = keras.ops.cast(given, entry.dtype)
        self._name(cast._keras_history.operation, model)  # noqa: SLF001
        return cast

    def _name(self, operation: Any, model: Any) -> None:
        """Makes the name of something in a model one that nothing else has."""
        name = operation.name
        while self._named.setdefault(name, operation) is not operation:
            name = f"{model.name}_{name}"
        operation.name = name


def tensors_given(layer: Any, inputs: Any, **_: Any) -> list[Any]:
    """What such a layer is called with, in the order of its inputs."""
    is_listed = not isinstance(layer, keras.Sequential) and not isinstance(layer.input, Mapping)
    if isinstance(inputs, Mapping) and is_listed:
        return [inputs[entry.name] for entry in layer.inputs]
    found: list[Any] = keras.tree.flatten(inputs)
    return found


def line(graph: keras.Model, tensor: Any) -> Generator[tuple[Any, Any, Any], None, Any]:
    """The layers that take a tensor one after the other, each alone; those of models in a model.

    Args:
        graph: a Sequential or functional model.
        tensor: of it.

    Yields:
        each layer, with what it takes and what it puts out.

    Returns:
        an output of the graph, if that is where they lead.
    """
    takers = _takers(graph)
    while len(taken := takers.get(id(tensor), [])) == 1 and taken != [None]:
        (node,) = taken
        if is_graph(node.operation):
            entry = _entry_of(node, tensor)
            reached = None if entry is None else (yield from line(node.operation, entry))
            place = next((i for i, x in enumerate(node.operation.outputs) if x is reached), None)
        else:
            place = 0 if len(node.output_tensors) == 1 else None
            if place is not None:
                yield node.operation, tensor, node.output_tensors[0]
        if place is None:
            return None
        tensor = node.output_tensors[place]
    return tensor if taken == [None] else None


def _takers(graph: keras.Model) -> dict[int, list[Any]]:
    """By id of a tensor: where it is taken; None is for an output of the graph."""
    function = keras.Function(graph.inputs, packed_outputs(graph))
    found: dict[int, list[Any]] = {}
    for nodes in function._nodes_by_depth.values():  # noqa: SLF001
        for node in nodes:
            for tensor in node.input_tensors:
                found.setdefault(id(tensor), []).append(node)
    for tensor in function.outputs:
        found.setdefault(id(tensor), []).append(None)
    return found


def _entry_of(node: Any, tensor: Any) -> Any:
    """Where a model begins with a tensor; None if it turns it into something else first."""
    given = tensors_given(node.operation, *node.arguments.args, **node.arguments.kwargs)
    pairs = zip(given, node.operation.inputs, strict=True)
    entry = next((entry for x, entry in pairs if x is tensor), None)
    if entry is None or len(entry.shape) != len(tensor.shape):
        return None
    return entry if entry.dtype == tensor.dtype or "float" in entry.dtype else None
