"""Finds operators of a SavedModel that may access files or run code, before any runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from tensorflow.core.framework import variable_pb2
from tensorflow.python.saved_model import loader_impl

from model_export.errors import LoadError
from model_export.tf.model_file import first_line

_WRITES = frozenset({"SaveV2", "MergeV2Checkpoints", "Save", "SaveSlices"})
_READS = frozenset({"RestoreV2", "Restore", "RestoreSlice"})
"""Operators of the saver, which every SavedModel has, and which predictions have no use for."""

_PRINT = "PrintV2"


def find_doubtful(folder: Path) -> list[str]:
    """Operators that may touch files or run other code, with where they are, sorted.

    All of the graph is looked at, whether anything runs it or not; but for the operators of the
    saver, which must not be within reach of anything else.

    Args:
        folder: of the SavedModel; nothing of it is run.

    Raises:
        LoadError: the SavedModel cannot be read.
    """
    try:
        # As TensorFlow itself reads it: there are several places that it may be in.
        saved = loader_impl.parse_saved_model(str(folder))
    except Exception as error:
        # TensorFlow raises whatever the first broken part raises.
        raise LoadError(f"{folder}: TensorFlow cannot load it: {first_line(error)}") from error
    alone = len(saved.meta_graphs) == 1
    found: set[str] = set()
    for graph in saved.meta_graphs:
        found.update(_MetaGraph(graph, alone=alone).doubtful())
    return sorted(found)


@cache
def _harmless() -> frozenset[str]:
    """Names of operators that only compute; see tools/harmless_operators.py."""
    listed = resources.files("model_export.tf").joinpath("harmless_operators.txt")
    return frozenset(listed.read_text().split())


@dataclass
class _Reached:
    """What is run from some beginnings: operators, each with the function that it is in."""

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


class _MetaGraph:
    """One graph of a SavedModel.

    Args:
        graph: a MetaGraphDef.
        alone: whether it is the only one.
    """

    def __init__(self, graph: Any, *, alone: bool) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph.graph_def.node}
        self._functions = {f.signature.name: f for f in graph.graph_def.library.function}
        # Others are loaded as TensorFlow 1 did it, which runs nodes of the graph itself.
        self._has_objects = alone and graph.HasField("object_graph_def")

    def doubtful(self) -> Iterator[str]:
        """Every operator that is not known to be harmless, or not where it is."""
        for node in self._graph.graph_def.node:
            yield from self._unknown(node, "")
        for name, function in self._functions.items():
            for node in function.node_def:
                yield from self._unknown(node, name)
        reached, restored = self._reached()
        for operator, where in reached.operators:
            if operator in _WRITES | _READS:
                yield _told(operator, where)
        for operator, where in restored.operators:
            # Within a function it is not known what is read; in the graph itself, see below.
            if operator in _WRITES or (where and operator in _READS):
                yield _told(operator, where)
        yield from self._foreign_reads()

    def _foreign_reads(self) -> Iterator[str]:
        """Operators that restore variables from elsewhere than where the loader says they are."""
        if self._has_objects:
            return
        saver = self._graph.saver_def
        own = saver.filename_tensor_name.partition(":")[0]
        for name in self._before([saver.restore_op_name]):
            node = self._nodes[name]
            if node.op in _READS and node.input[0].partition(":")[0] != own:
                yield f"{node.op} of another file"

    def _unknown(self, node: Any, where: str) -> Iterator[str]:
        if node.op in self._functions or node.op in _WRITES | _READS:
            return
        if node.op == _PRINT:
            given = "output_stream" in node.attr  # else it is standard error
            stream = node.attr["output_stream"].s.decode(errors="replace") if given else "stderr"
            if not stream.startswith(("stdout", "stderr", "log(")):
                yield _told(f"{node.op} to {stream}", where)
        elif node.op not in _harmless():
            yield _told(node.op, where)

    def _reached(self) -> tuple[_Reached, _Reached]:
        """What loading and predicting run; and what restoring the variables runs."""
        reached, restored = _Reached(), _Reached()
        if self._has_objects:
            objects = self._graph.object_graph_def
            for name in objects.concrete_functions:
                self._follow(name, reached)
            for node in objects.nodes:
                for name in (
                    *node.function.concrete_functions,
                    node.bare_concrete_function.concrete_function_name,
                ):
                    self._follow(name, reached)
            return reached, restored
        restore = self._graph.saver_def.restore_op_name
        save = self._graph.saver_def.save_tensor_name
        saver = self._before([restore, save])
        others = self._nodes.keys() - saver
        self._run(self._before([*others, *self._fetched()]), reached)
        self._run(self._before([restore]), restored)
        return reached, restored

    def _fetched(self) -> Iterator[str]:
        """Names of the nodes that loading or predicting asks for."""
        for signature in self._graph.signature_def.values():
            for info in (*signature.inputs.values(), *signature.outputs.values()):
                parts = (info, *info.composite_tensor.components)
                yield from (part.name for part in parts)
                sparse = info.coo_sparse
                yield from (
                    sparse.values_tensor_name,
                    sparse.indices_tensor_name,
                    sparse.dense_shape_tensor_name,
                )
        for collection in self._graph.collection_def.values():
            yield from collection.node_list.value
            for value in collection.bytes_list.value:
                variable = variable_pb2.VariableDef()
                try:
                    variable.ParseFromString(value)
                except Exception:  # noqa: S112  # other collections hold other messages
                    continue
                yield from (
                    variable.initializer_name,
                    variable.initial_value_name,
                    variable.snapshot_name,
                )

    def _before(self, names: Iterable[str]) -> set[str]:
        """Names of the nodes of the graph itself that some nodes need, and of these."""
        found: set[str] = set()
        left = list(names)
        while left:
            name = left.pop().removeprefix("^").partition(":")[0]
            if name in self._nodes and name not in found:
                found.add(name)
                left.extend(self._nodes[name].input)
        return found

    def _run(self, names: Iterable[str], reached: _Reached) -> None:
        for name in names:
            self._visit(self._nodes[name], "", reached)

    def _visit(self, node: Any, where: str, reached: _Reached) -> None:
        reached.operators.add((node.op, where))
        self._follow(node.op, reached)
        for value in node.attr.values():
            for called in (value.func, *value.list.func):
                self._follow(called.name, reached)

    def _follow(self, name: str, reached: _Reached) -> None:
        """Adds what a function runs; nothing if there is none of the name."""
        left = [name]
        while left:
            function = self._functions.get(left.pop())
            if function is None or function.signature.name in reached.functions:
                continue
            reached.functions.add(function.signature.name)
            left.extend(self._alternatives(function))
            for node in function.node_def:
                reached.operators.add((node.op, function.signature.name))
                left.append(node.op)
                for value in node.attr.values():
                    left.extend(called.name for called in (value.func, *value.list.func))

    def _alternatives(self, function: Any) -> Iterator[str]:
        """Functions that TensorFlow may run in place of one, because both say so."""
        same = function.attr["api_implements"].s if "api_implements" in function.attr else b""
        if same:
            yield from (
                name
                for name, other in self._functions.items()
                if "api_implements" in other.attr and other.attr["api_implements"].s == same
            )


def _told(operator: str, where: str) -> str:
    return f"{operator} (in {where})" if where else operator
