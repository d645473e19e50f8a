"""Selects the layers to prune: those with large kernels that the globs match, but for a few."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np

from model_export.errors import UsageError
from model_export.tf.graph import is_graph, walk_layers

_layers = keras.layers
# Biases, normalisation and depthwise kernels are small, and dear to lose.
_KERNELS: tuple[tuple[tuple[Any, ...], str], ...] = (
    (
        (
            _layers.Dense,
            _layers.EinsumDense,
            _layers.Conv1D,
            _layers.Conv2D,
            _layers.Conv3D,
        ),
        "kernel",
    ),
    ((_layers.SeparableConv1D, _layers.SeparableConv2D), "pointwise_kernel"),
    ((_layers.Embedding,), "embeddings"),
)


@dataclass(frozen=True, slots=True)
class Prunable:
    """A layer with weights that can be set to zero.

    Attributes:
        path: its name after those of the layers around it, such as "attention/query".
        layer: the Keras layer.
        kernel: the variable of the weights.
        frozen: whether no training changes the kernel.
    """

    path: str
    layer: Any
    kernel: Any
    frozen: bool

    @property
    def sparsity(self) -> float:
        """The fraction of zeros among the weights, 0 to 1, as they are now."""
        return float(np.mean(keras.ops.convert_to_numpy(self.kernel) == 0))

    def in_blocks(self, inputs: int) -> bool:
        """Whether the kernel's last axes but one and one are inputs and outputs, to divide so."""
        sizes = tuple(self.kernel.shape)
        is_matrix = len(sizes) == 2 or not isinstance(self.layer, _layers.EinsumDense)
        return (
            not isinstance(self.layer, _layers.Embedding) and is_matrix and sizes[-2] % inputs == 0
        )

    def named_by(self, globs: Iterable[str]) -> bool:
        """Whether one of the globs matches the path, or the bare name."""
        names = (self.path, self.layer.name)
        return any(fnmatchcase(name, glob) for glob in globs for name in names)


def select(model: keras.Model, include: Sequence[str], exclude: Sequence[str]) -> list[Prunable]:
    """The layers that the globs choose.

    The layers that make the model's answers and embeddings are dear to lose, and what frozen layers
    lose no training brings back: they are chosen only if a glob other than "*" names them.

    Args:
        model: built.
        include, exclude: globs of names or paths.

    Returns:
        in the model's order; a layer that is used in several places comes once.

    Raises:
        UsageError: a glob matches nothing, or nothing is chosen.
    """
    found = find(model)
    _check(found, "include", include)
    _check(found, "exclude", exclude)
    dear = _last(model, found) | {id(p.layer) for p in found if _is_embedding(p.layer) or p.frozen}
    named = [glob for glob in include if glob != "*"]
    chosen = [
        prunable
        for prunable in found
        if prunable.named_by(named if id(prunable.layer) in dear else include)
        and not prunable.named_by(exclude)
    ]
    if not chosen:
        raise UsageError(
            f"include {list(include)} and exclude {list(exclude)} select no layer (the last one, "
            "embeddings and frozen layers are left alone unless named); prunable: "
            f"{_listed(found)}"
        )
    return chosen


def find(model: keras.Model) -> list[Prunable]:
    """Every layer with weights that can be set to zero, in the model's order; shared ones once."""
    found: dict[int, Prunable] = {}
    # Not `layer.trainable`: of a frozen model, a layer may not know.
    trained = {id(variable) for variable in model.trainable_variables}
    for path, layer in walk_layers(model):
        kernel = _kernel(layer)
        if kernel is not None:
            frozen = id(kernel) not in trained
            found.setdefault(id(layer), Prunable(path, layer, kernel, frozen))
    return list(found.values())


def _kernel(layer: Any) -> Any:
    for classes, attribute in _KERNELS:
        if isinstance(layer, classes) and layer.built:
            variable = getattr(layer, attribute)
            # Integers are a layer that was quantized already.
            return variable if "float" in variable.dtype else None
    return None


def _is_embedding(layer: Any) -> bool:
    return isinstance(layer, _layers.Embedding)


def _check(found: Sequence[Prunable], option: str, globs: Sequence[str]) -> None:
    for glob in globs:
        if glob != "*" and not any(prunable.named_by([glob]) for prunable in found):
            names = {name.lower(): name for p in found for name in (p.path, p.layer.name)}
            near = difflib.get_close_matches(glob.lower(), names)
            told = f"nearest: {', '.join(names[name] for name in near)}"
            raise UsageError(
                f"{option}: {glob!r} matches no layer that can be pruned; "
                f"{told if near else f'prunable: {_listed(found)}'}"
            )


def _listed(found: Sequence[Prunable]) -> str:
    told = (f"{each.path} (frozen)" if each.frozen else each.path for each in found)
    return ", ".join(told) or "none"


def _last(model: keras.Model, found: Sequence[Prunable]) -> set[int]:
    """Ids of the layers that make the model's outputs, but for what has no kernel of its own."""
    kernels = [id(p.layer) for p in found if not _is_embedding(p.layer)]
    ends = _Ends(frozenset(kernels))
    for output in getattr(model, "outputs", None) or ():
        ends.follow(output)
    # A model without a graph of layers has only their order to go by.
    return ends.found or set(kernels[-1:])


class _Ends:
    """Walks from an output towards the inputs, until it meets a layer with a kernel.

    Args:
        kernels: ids of these layers.
    """

    def __init__(self, kernels: frozenset[int]) -> None:
        self._kernels = kernels
        self._seen: set[tuple[int, int]] = set()
        self.found: set[int] = set()

    def follow(self, tensor: Any) -> bool:
        """Adds to `found`; says whether an input was reached, too."""
        # Keras has no public way to ask what made a tensor.
        operation, node_index, tensor_index = tensor._keras_history  # noqa: SLF001
        if (id(operation), node_index) in self._seen:
            return False
        self._seen.add((id(operation), node_index))
        if isinstance(operation, _layers.InputLayer):
            return True
        if is_graph(operation):
            # From a nested model's inputs, the way leads on to what it was called with.
            if not self.follow(operation.outputs[tensor_index]):
                return False
        else:
            inner = (layer for _, layer in walk_layers(operation))
            within = [id(layer) for layer in (operation, *inner) if id(layer) in self._kernels]
            if within:
                self.found.add(within[-1])
                return False
        before = operation._inbound_nodes[node_index].input_tensors  # noqa: SLF001
        reached = [self.follow(tensor) for tensor in before]
        return any(reached)
