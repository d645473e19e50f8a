"""Cuts a model behind the layers that cannot be converted.

What they do travels in the artifact instead, and the function does it (`contract.preprocessing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from model_export.errors import ConversionError
from model_export.tf.load import KerasSource, packed_outputs, walk_layers
from model_export.tf.split.operations import kind_of, refusal_of
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
    for path, layer in must:
        refusal = refusal_of(layer)
        if refusal:
            raise ConversionError(f"{where}: layer {path!r} ({type(layer).__name__}): {refusal}")
        if "/" in path:
            raise ConversionError(
                f"{where}: layer {path!r} ({type(layer).__name__}): it is inside another model, "
                "where it cannot be cut off; let it take the model's own input"
            )
    return _Cut(source, where).split() if must else None


def _cut_layers(model: Any) -> Iterator[tuple[str, Any]]:
    """The layers that cannot stay, by path."""
    found: set[str] = set()
    for path, layer in walk_layers(model):
        if path.rpartition("/")[0] in found:
            continue  # a part of one: a TextVectorization has a StringLookup of its own
        kind = kind_of(layer)
        if refusal_of(layer) or (kind is not None and not kind.converts):
            found.add(path)
            yield path, layer


class _Cut:
    def __init__(self, source: KerasSource, where: str) -> None:
        self._source = source
        self._where = where
        model = source.model
        # A Sequential model is not a graph by itself.
        self._graph = keras.Model(model.inputs, model.outputs)
        self._names = {
            id(t): info.name for t, info in zip(model.inputs, source.inputs, strict=True)
        }
        self._raw = dict(self._names)  # by tensor: the model's inputs, and what steps put out

    def split(self) -> SplitModel:
        nodes = [pair for pair in self._nodes() if not isinstance(pair[0], keras.layers.InputLayer)]
        cut = self._cut_nodes(nodes)
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
        kept = sorted(kept, key=lambda tensor: order.index(self._raw[id(tensor)]))
        model = self._source.model
        core = keras.Model(kept, packed_outputs(model), name=model.name)
        for entry, tensor in zip(core.inputs, kept, strict=True):
            entry.name = self._raw[id(tensor)]
        if model.compiled:
            core.compile_from_config(model.get_compile_config())
        return KerasSource(core, self._where)

    def _nodes(self) -> Iterator[tuple[Any, Any]]:
        """Every layer with every place that it is used in, in the order of computation."""
        depths = sorted(self._graph._nodes_by_depth, reverse=True)  # noqa: SLF001
        for depth in depths:
            for node in self._graph._nodes_by_depth[depth]:  # noqa: SLF001
                yield node.operation, node

    def _cut_nodes(self, nodes: list[tuple[Any, Any]]) -> set[int]:
        """By id: the layers that cannot be converted, and all that these take their values from."""
        cut: set[int] = set()
        takers: dict[int, Any] = {}  # by id of a tensor: a layer that is cut off and takes it
        for layer, node in reversed(nodes):
            kind = kind_of(layer)
            taker = next((takers[id(t)] for t in node.output_tensors if id(t) in takers), None)
            if kind is None and taker is not None:
                raise ConversionError(
                    f"{self._where}: layer {taker.name!r} ({type(taker).__name__}): it takes what "
                    f"{layer.name!r} ({type(layer).__name__}) puts out, which the function cannot "
                    "compute, so that it cannot be cut off; let it take the model's own input"
                )
            if kind is not None and (taker is not None or not kind.converts):
                cut.add(id(node))
                takers |= {id(tensor): layer for tensor in node.input_tensors}
        return cut

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
