"""Replaces operators whose TensorFlow Lite form loses digits or overflows.

The converter has no softplus, and writes ``log(1 + exp(x))``: LiteRT's exp stops at 88.38, and so
does the result. It lowers log1p to ``log(1 + x)`` and expm1 to ``exp(x) - 1``, which are 0 where x
is small, and its floor division stops at a divisor of 0. Here each of them becomes a call of a
function that computes the same to float32's rounding, with operators that TensorFlow Lite has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.polynomial import Chebyshev, Polynomial

from model_export.flatbuffer.layer_names import STABLE


def rewrite(function: Any) -> Any:
    """The same function with every such operator replaced, in it and in the functions it calls.

    Args:
        function: a concrete function with structured outputs.

    Returns:
        a concrete function with the same signature and captures; `function` itself if there is
        nothing to replace.
    """
    graph = function.graph.as_graph_def()
    nodes = list(_float_nodes(graph))
    if not nodes:
        return function
    for number, node in enumerate(nodes):
        form = _FORMS[node.op]
        # An operator's name may be that of a function: what reads the node stays as it is.
        node.op = f"{STABLE}{number}"
        del node.attr["T"]
        graph.library.function.append(_definition(form, node))
    for node in _nodes(graph):
        # A gradient of somebody's own, as silu's, is a closure over the former graph.
        node.attr.pop("_gradient_op_type", None)
    _rename_functions(graph)
    return _import(graph, function)


def _float_nodes(graph: Any) -> Iterator[Any]:
    """Every node that is to be replaced."""
    for node in _nodes(graph):
        if node.op in _FORMS and node.attr["T"].type == tf.float32.as_datatype_enum:
            yield node


def _nodes(graph: Any) -> Iterator[Any]:
    """Every node of a graph and its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _import(graph: Any, function: Any) -> Any:
    """The concrete function of a changed graph, with the inputs and captures of the former one."""
    captures = {inner.name: outer for outer, inner in function.graph.captures}
    arguments = [tensor for tensor in function.inputs if tensor.name not in captures]
    outputs = function.structured_outputs

    def call(*tensors: Any) -> dict[str, Any]:
        # Weights are captured, not given; the new graph takes them from where the old one did.
        inside = tf.compat.v1.get_default_graph()
        given = {name: inside.capture(outer) for name, outer in captures.items()}
        given |= {tensor.name: each for tensor, each in zip(arguments, tensors, strict=True)}
        found = tf.graph_util.import_graph_def(
            graph,
            input_map=given,
            return_elements=[tensor.name for tensor in outputs.values()],
            name="",
        )
        return dict(zip(outputs, found, strict=True))

    signature = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.op.name) for tensor in arguments
    ]
    return tf.function(call, input_signature=signature, autograph=False).get_concrete_function()


@dataclass(frozen=True, slots=True)
class _Form:
    """What an operator is replaced by.

    Attributes:
        inputs, output: names that the operator has for its own.
        compute: the function.
    """

    inputs: tuple[str, ...]
    output: str
    compute: Callable[..., Any]


def _definition(form: _Form, node: Any) -> Any:
    """The function that stands for one node; what is in it is named after the node's layer."""
    definition = _trace(form)
    definition.signature.name = node.op
    scope = f"{node.name.rpartition('/')[0]}/{STABLE}".lstrip("/")
    names = {part.name: f"{scope}{part.name}" for part in definition.node_def}
    for part in definition.node_def:
        part.name = names[part.name]
        part.input[:] = [_renamed(each, names) for each in part.input]
    result = definition.ret.pop(definition.signature.output_arg[0].name)
    definition.signature.output_arg[0].name = form.output
    definition.ret[form.output] = _renamed(result, names)
    return definition


def _rename_functions(graph: Any) -> None:
    """Gives all functions of a graph names of their own.

    TensorFlow keeps functions by name for as long as the process lives, and takes the one that it
    has for every other of that name.
    """
    digest = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()[:16]
    functions = graph.library.function
    names = {each.signature.name: f"{each.signature.name}_{digest}" for each in functions}
    for each in functions:
        each.signature.name = names[each.signature.name]
    for gradient in graph.library.gradient:
        gradient.function_name = names[gradient.function_name]
        gradient.gradient_func = names[gradient.gradient_func]
    for node in _nodes(graph):
        node.op = names.get(node.op, node.op)
        for attribute in node.attr.values():
            for called in (attribute.func, *attribute.list.func):
                if called.name in names:
                    called.name = names[called.name]


def _trace(form: _Form) -> Any:
    """A definition of the form's own, with arguments called as the operator calls them."""
    specs = [tf.TensorSpec(None, tf.float32, name=name) for name in form.inputs]
    traced = tf.function(form.compute, input_signature=specs, autograph=False)
    return traced.get_concrete_function().function_def


def _renamed(tensor: str, names: Mapping[str, str]) -> str:
    """A reference such as "add:z:0", or "x" of an argument."""
    node, colon, rest = tensor.partition(":")
    return f"{names.get(node, node)}{colon}{rest}"


def _exp(x: Any) -> Any:
    """LiteRT's kernels stop or overflow at 88.38; float32 has room up to exp(88.72)."""
    return tf.square(tf.exp(0.5 * x))


def _expm1(x: Any) -> Any:
    half = tf.tanh(0.5 * x)
    return tf.where(tf.abs(x) < 1.0, 2.0 * half / (1.0 - half), _exp(x) - 1.0)


def _log1p(x: Any) -> Any:
    near = _two_atanh(x / (1.0 + 0.5 * x))
    # The kernel's log is exact to 1e-7, which is too little near 1.
    return tf.where((x > -0.5) & (x < 1.0), near, tf.math.log(1.0 + x))


def _softplus(x: Any) -> Any:
    """max(x, 0) + log1p(exp(-abs(x)))."""
    size = tf.abs(x)
    # Of u = exp(-size), u / (1 + u / 2). Beyond 88 it is nothing beside `size`.
    small = 1.0 / (tf.exp(size) + 0.5)
    # Not `maximum`: what computes x would be computed twice, the second time fused with a ReLU.
    return 0.5 * (x + size) + _two_atanh(small)


def _xlog1py(x: Any, y: Any) -> Any:
    return tf.where(tf.equal(x, 0.0), 0.0, x * _log1p(y))


def _floor_divide(x: Any, y: Any) -> Any:
    return tf.floor(x / y)


def _two_atanh(twice: Any) -> Any:
    """2 atanh(twice / 2), for -2/3 to 2/3: log(1 + u), where twice is u / (1 + u / 2)."""
    square = twice * twice
    *others, last = _series()
    found: Any = last
    for coefficient in reversed(others):
        found = coefficient + square * found
    return twice * found


@cache
def _series() -> tuple[float, ...]:
    """Of ``2 atanh(v / 2) / v`` in ``v**2``, rising; exact to 4e-9 up to v = 2/3."""

    def ratio(square: Any) -> Any:
        return sum((square / 4) ** power / (2 * power + 1) for power in range(40))

    polynomial = Chebyshev.interpolate(ratio, 4, domain=[0, 4 / 9]).convert(kind=Polynomial)
    return tuple(np.asarray(polynomial.coef, np.float64).tolist())


_FORMS: Mapping[str, _Form] = {
    "Exp": _Form(("x",), "y", _exp),
    "Expm1": _Form(("x",), "y", _expm1),
    "FloorDiv": _Form(("x", "y"), "z", _floor_divide),
    "Log1p": _Form(("x",), "y", _log1p),
    "Softplus": _Form(("features",), "activations", _softplus),
    "Xlog1py": _Form(("x", "y"), "z", _xlog1py),
}
