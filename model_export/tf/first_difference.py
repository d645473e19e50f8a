"""Finds the first layer that a converted model computes differently."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from model_export.flatbuffer.inspect import inspect, read_model
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.tensors import Arrays
from tflite_serving.runtime.interpreter_pool import import_runtime

_DIFFERENT = 1e-4
"""Of the largest value of a tensor: rounding in one layer is far below."""

_CALLS = re.compile(r"^.*PartitionedCall(_\d+)?/")
"""What a function that was inlined is called by; the converter leaves it out."""

_FLOAT32 = schema.TensorType.FLOAT32

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A layer whose output differs.

    Attributes:
        name: path of the layer, or of the operator where no layer is known.
        kind: class of the layer, or kind of the operator.
        expected, found: the value that differs most: Keras's, and the converted model's.
    """

    name: str
    kind: str
    expected: float
    found: float


def first_difference(source: SourceModel, flatbuffer: bytes, inputs: Arrays) -> Place | None:
    """The first operator of a converted model with another output than its node in Keras's graph.

    Args:
        source: the Keras model.
        flatbuffer: float32, with the converter's own names.
        inputs: by input name, [1, …]: one example on which the models differ.

    Returns:
        None if no operator whose node is known differs.
    """
    xs = [inputs[info.name] for info in source.inputs]
    computed, outputs = _run(flatbuffer, xs)
    graph = _frozen(source)
    # A dict's tensors are in the order of its keys.
    ends = [outputs[f"output_{key}"] for key in sorted(map(str, range(len(source.outputs))))]
    nodes = _nodes_of(computed, graph, ends)
    wanted = [tensor for found in nodes.values() for tensor in found]
    if not wanted:
        return None
    values = iter(graph.prune(graph.inputs[: len(xs)], wanted)(*map(tf.constant, xs)))
    operators = {o.name: o for o in inspect(flatbuffer, frozenset(source.layers)).operators}
    for name, found in nodes.items():
        # An operator that was fused from several nodes computes one of them.
        gaps = [_gap(np.asarray(next(values)), computed[name]) for _ in found]
        gap, expected, got = min(gaps)
        if gap > _DIFFERENT:
            operator = operators[name]
            if operator.layer is None:
                return Place(name, operator.kind, expected, got)
            kind = source.layers.get(operator.layer.rpartition("/")[2], operator.kind)
            return Place(operator.layer, kind, expected, got)
    return None


def _frozen(source: SourceModel) -> Any:
    """The model's graph, with all functions inlined and its weights as constants."""
    function, owner = source.concrete_function()
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    frozen.owner = owner
    return frozen


def _run(flatbuffer: bytes, inputs: list[Array]) -> tuple[dict[str, Array], dict[str, str]]:
    """What each operator of the main graph computes, by the name of its tensor, in their order.

    And which of these tensors is ``output_0``, ….
    """
    model = read_model(flatbuffer)
    graph = model.subgraphs[0]
    made = [
        operator.outputs[0]
        for operator in graph.operators
        if len(operator.outputs) and graph.tensors[operator.outputs[0]].type == _FLOAT32
    ]
    (signature,) = model.signatureDefs
    places = {each.name.decode(): each.tensorIndex for each in signature.inputs}
    outputs = {each.name.decode(): _name(graph, each.tensorIndex) for each in signature.outputs}
    # As outputs: between operators that an accelerator runs as one, nothing can be read.
    graph.outputs = made
    model.signatureDefs = []
    interpreter = import_runtime().Interpreter(
        model_content=bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    )
    for number, array in enumerate(inputs):
        interpreter.resize_tensor_input(places[f"input_{number}"], array.shape)
    interpreter.allocate_tensors()
    for number, array in enumerate(inputs):
        interpreter.set_tensor(places[f"input_{number}"], array)
    interpreter.invoke()
    return {_name(graph, index): interpreter.get_tensor(index) for index in made}, outputs


def _name(graph: Any, index: int) -> str:
    return bytes(graph.tensors[index].name).decode(errors="replace")


def _nodes_of(
    computed: Mapping[str, Array], graph: Any, ends: Sequence[str]
) -> dict[str, list[Any]]:
    """The tensors of Keras's graph that each operator may compute, by the name of its tensor.

    A node that became several operators gave its name to all of them: the last one is it.

    Args:
        computed: by the operator's name.
        graph: the frozen function.
        ends: names of the operators that compute its outputs, in their order.
    """
    nodes = {
        _CALLS.sub("", each.name): each.outputs[0]
        for each in graph.graph.get_operations()
        if len(each.outputs) and each.outputs[0].dtype == tf.float32
    }
    last: dict[str, str] = {}
    for name in computed:
        for part in name.split(";"):
            node = part if part in nodes else re.sub(r"\d+$", "", part)
            if node in nodes:
                last[node] = name
    for tensor, name in zip(graph.outputs, ends, strict=True):
        operation = tensor.op
        while operation.type == "Identity":
            operation = operation.inputs[0].op
        if name in computed:
            last[_CALLS.sub("", operation.name)] = name
    found: dict[str, list[Any]] = {name: [] for name in computed}
    for node, name in last.items():
        if node in nodes:
            found[name].append(nodes[node])
    return {name: each for name, each in found.items() if each}


def _gap(expected: Array, found: Array) -> tuple[float, float, float]:
    """The largest difference, as part of the tensor's largest value, and both values there."""
    if expected.size != found.size:
        return 0.0, 0.0, 0.0
    expected, found = expected.ravel().astype(np.float64), found.ravel().astype(np.float64)
    with np.errstate(invalid="ignore"):
        gaps = np.abs(expected - found)
    finite = np.isfinite(expected)
    gaps = np.where(finite, np.nan_to_num(gaps, nan=np.inf), 0)
    place = int(gaps.argmax()) if gaps.size else 0
    size = max(float(np.abs(expected[finite]).max(initial=0)), 1e-30)
    return float(gaps[place]) / size, float(expected[place]), float(found[place])
