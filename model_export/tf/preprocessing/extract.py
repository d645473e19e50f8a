"""Cuts a model behind the layers that cannot be converted.

What they do travels in the artifact instead, and the function does it (`contract.preprocessing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from model_export.errors import ConversionError
from model_export.tf.graph import is_graph, packed_outputs, walk_layers
from model_export.tf.preprocessing.core import rest_of
from model_export.tf.preprocessing.nested import holding, opened
from model_export.tf.preprocessing.operations import kind_of
from model_export.tf.source import KerasSource
from tflite_serving.contract.preprocessing import Preprocessing, Step


@dataclass(frozen=True, slots=True)
class SplitModel:
    """A model in two parts.

    Attributes:
        core: what is left of it, and converted.
        preprocessing: what was cut off.
        assets: files that its steps need, by name.
    """

    core: KerasSource
    preprocessing: Preprocessing
    assets: Mapping[str, bytes] = field(default_factory=dict)


def split(source: KerasSource, where: str) -> SplitModel | None:
    """Cuts a model behind the layers that the function computes.

    Args:
        source: the whole model.
        where: it came from, for complaints.

    Returns:
        None if it has none, and can be converted as it is.

    Raises:
        ConversionError: a layer cannot be cut off; named, with advice.
    """
    must = list(_cut_layers(source.model))
    if not must:
        return None
    # A Sequential model is not a graph by itself.
    graph = keras.Model(source.model.inputs, packed_outputs(source.model))
    graph = opened(graph, holding([layer for _, layer in must]), where)
    _check_reached(graph, where)
    return _Cut(source, graph, where).split()


def _cut_layers(model: Any) -> Iterator[tuple[str, Any]]:
    """The layers that cannot stay, by path."""
    found: set[str] = set()
    for path, layer in walk_layers(model):
        if path.rpartition("/")[0] in found:
            continue  # a part of one: a TextVectorization has a StringLookup of its own
        kind = kind_of(layer)
        if kind is not None and not kind.converts:
            found.add(path)
            yield path, layer


def _check_reached(graph: keras.Model, where: str) -> None:
    """Raises `ConversionError` if a layer that cannot stay is in one that cannot be opened."""
    outer = {layer.name: layer for layer in graph.layers}
    for path, layer in _cut_layers(graph):
        holder = outer[path.partition("/")[0]]
        if holder is not layer:
            raise ConversionError(
                f"{where}: layer {path!r} ({type(layer).__name__}): it cannot be cut off inside "
                f"{holder.name!r} ({type(holder).__name__}), which is neither a Sequential nor a "
                "functional model; let it take the model's own input"
            )


class _Cut:
    def __init__(self, source: KerasSource, graph: keras.Model, where: str) -> None:
        self._source = source
        self._graph = graph
        self._where = where
        self._names = {
            id(t): info.name for t, info in zip(graph.inputs, source.inputs, strict=True)
        }
        self._raw = dict(self._names)  # by tensor: the model's inputs, and what steps put out

    def split(self) -> SplitModel:
        nodes = [pair for pair in self._nodes() if not isinstance(pair[0], keras.layers.InputLayer)]
        cut, nested = self._cut_nodes(nodes)
        if nested:
            graph = opened(self._graph, nested.__contains__, self._where)
            return _Cut(self._source, graph, self._where).split()
        steps = [self._step(layer, node) for layer, node in nodes if id(node) in cut]
        kept: dict[int, Any] = {}  # tensors at which the core begins, by id
        for _, node in nodes:
            if id(node) not in cut:
                kept |= {id(t): t for t in node.input_tensors if id(t) in self._raw}
        for tensor in kept.values():
            if keras.backend.standardize_dtype(tensor.dtype) == "string":
                raise ConversionError(
                    f"{self._where}: input {self._raw[id(tensor)]!r}: a layer takes its strings "
                    "that is no TextVectorization, StringLookup, Hashing or HashedCrossing, and "
                    "cannot be converted"
                )
        taken = {name for step in steps for name in step.inputs}
        both = (self._raw[id(tensor)] for tensor in kept.values())
        preprocessing = Preprocessing(
            steps=tuple(steps), kept=tuple(name for name in both if name in taken)
        )
        return SplitModel(self._core(list(kept.values()), preprocessing), preprocessing)

    def _core(self, kept: list[Any], preprocessing: Preprocessing) -> KerasSource:
        order = preprocessing.tensors(self._names.values())
        named = {self._raw[id(tensor)]: tensor for tensor in kept}
        cut = sorted(named.items(), key=lambda pair: order.index(pair[0]))
        return rest_of(self._source, self._graph, cut, self._where)

    def _nodes(self) -> Iterator[tuple[Any, Any]]:
        """Every layer with every place that it is used in, in the order of computation."""
        depths = sorted(self._graph._nodes_by_depth, reverse=True)  # noqa: SLF001
        for depth in depths:
            for node in self._graph._nodes_by_depth[depth]:  # noqa: SLF001
                yield node.operation, node

    def _cut_nodes(self, nodes: list[tuple[Any, Any]]) -> tuple[set[int], list[Any]]:
        """The layers that cannot be converted, and all that these take their values from.

        Returns:
            ids of their nodes; and models among the latter, whose own layers are still to be told.
        """
        cut: set[int] = set()
        nested: list[Any] = []
        takers: dict[int, Any] = {}  # by id of a tensor: a layer that is cut off and takes it
        for layer, node in reversed(nodes):
            kind = kind_of(layer)
            taker = next((takers[id(t)] for t in node.output_tensors if id(t) in takers), None)
            if taker is not None and is_graph(layer):
                nested.append(layer)
            elif taker is not None and kind is None:
                raise ConversionError(
                    f"{self._where}: layer {taker.name!r} ({type(taker).__name__}): it takes what "
                    f"{layer.name!r} ({type(layer).__name__}) puts out, which the function cannot "
                    "compute, so that it cannot be cut off; let it take the model's own input"
                )
            if kind is not None and (taker is not None or not kind.converts):
                cut.add(id(node))
                takers |= {id(tensor): layer for tensor in node.input_tensors}
        return cut, nested

    def _step(self, layer: Any, node: Any) -> Step:
        kind = kind_of(layer)
        assert kind is not None
        inputs = tuple(self._raw[id(tensor)] for tensor in node.input_tensors)
        member: dict[str, Any] = {kind.member: kind.operation(layer, self._where)}
        kind.check(layer, node.input_tensors, node.output_tensors, self._where)
        outputs = tuple(self._name_for(layer.name, tensor) for tensor in node.output_tensors)
        return Step(layer=layer.name, inputs=inputs, outputs=outputs, **member)

    def _name_for(self, name: str, tensor: Any) -> str:
        while name in self._raw.values():
            name += "_"
        self._raw[id(tensor)] = name
        return name
