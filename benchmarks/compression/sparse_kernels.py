"""What zeros do to the size and speed of dense layers, in each way to store them.

- *dense*: zeros are stored like any weight.
- *blocks*: `model_export.flatbuffer.block_sparse`, what the variant ``sparse_float32`` is. The
  kernel reads the blocks as they are.
- *densify*: the same blocks, and a DENSIFY operator that unpacks them when the model is loaded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from benchmarks.compression.document import Block, Table
from benchmarks.compression.measured import gzip_size
from model_export import Progress
from model_export.flatbuffer.block_sparse import BLOCK, encode_blocks
from model_export.flatbuffer.inspect import bindings
from model_export.measure.process import Process, Servable
from model_export.measure.timing import Timing, time_all
from model_export.recipe.measure import MeasureSection
from tflite_serving.contract.tensors import OutputSpec, Tensors

_WIDTHS = (256, 512, 1024)
_SPARSITIES = (0.5, 0.75, 0.9)
_LAYERS = 3
_CLOSE = 1e-4
Floats = npt.NDArray[np.float32]


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """Times stacks of dense layers, each width by itself."""
    section = MeasureSection(rounds=3, starts=1) if quick else MeasureSection()
    rows: list[tuple[str, ...]] = []
    for width in _WIDTHS[:1] if quick else _WIDTHS:
        rows += _measure(width, section, progress)
    columns = (
        "layers", "zeros", "stored", "bytes", "gzip -6", "p50 ms", "p50 ms, 8", "cold load ms",
    )  # fmt: skip
    return [Table(columns, tuple(rows), left=3)]


def densify(flatbuffer: bytes) -> bytes:
    """What `encode_blocks` made, for the dense kernels: unpacked when the model is loaded."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(flatbuffer))
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DENSIFY
    code.version = 1
    model.operatorCodes.append(code)
    operators = []
    for operator in graph.operators:
        sparse = graph.tensors[operator.inputs[1]]
        if sparse.sparsity is not None:
            unpacked = schema.TensorT()
            unpacked.shape, unpacked.type, unpacked.name = sparse.shape, sparse.type, b"unpacked"
            unpack = schema.OperatorT()
            unpack.opcodeIndex = len(model.operatorCodes) - 1
            unpack.inputs, unpack.outputs = [operator.inputs[1]], [len(graph.tensors)]
            graph.tensors.append(unpacked)
            operator.inputs = [operator.inputs[0], *unpack.outputs, *operator.inputs[2:]]
            # The version of dense weights again.
            model.operatorCodes[operator.opcodeIndex].version = 1
            operators.append(unpack)
        operators.append(operator)
    graph.operators = operators
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _measure(width: int, section: MeasureSection, progress: Progress) -> list[tuple[str, ...]]:
    with progress.step(f"{width} wide") as step:
        found = forms(width)
        examples = np.random.default_rng(0).normal(size=(section.batch, width)).astype(np.float32)
        check_answers(found, {"x": examples})
        timings = time_all(list(found.values()), {"x": examples}, section, step.advance)
    rows = []
    timed = dict(zip(found, zip(found.values(), timings, strict=True), strict=True))
    for (sparsity, stored), (servable, timing) in timed.items():
        dense = timed[sparsity, "dense"]
        rows.append(
            (
                f"{_LAYERS} × {width}",
                f"{sparsity:.0%}",
                stored,
                *_cells(servable, timing, *dense),
            )
        )
    return rows


def _cells(servable: Servable, timing: Timing, dense: Servable, base: Timing) -> list[str]:
    size, zipped = len(servable.flatbuffer), gzip_size(servable.flatbuffer)
    one, many = timing.latency_ms.p50, timing.batch_latency_ms.p50
    return [
        f"{size:,} ({size / len(dense.flatbuffer):.2f})",
        f"{zipped:,} ({zipped / gzip_size(dense.flatbuffer):.2f})",
        f"{one:.4f} ({one / base.latency_ms.p50:.2f})",
        f"{many:.4f} ({many / base.batch_latency_ms.p50:.2f})",
        f"{timing.cold_load_ms:.0f} ({timing.cold_load_ms / base.cold_load_ms:.2f})",
    ]


def forms(width: int) -> dict[tuple[float, str], Servable]:
    """By the fraction of zeros and how they are stored."""
    made = {(0.0, "dense"): _stack(width, 0.0)}
    for sparsity in _SPARSITIES:
        dense = _stack(width, sparsity)
        blocks = encode_blocks(dense)
        made[sparsity, "dense"] = dense
        made[sparsity, "blocks"] = blocks
        made[sparsity, "densify"] = densify(blocks)
    tensors = Tensors(*bindings(dense, ("x",), ("y",)))
    outputs = (OutputSpec("y", "float32", (None, width)),)
    return {
        (sparsity, stored): Servable(f"{sparsity:.0%} {stored}", flatbuffer, tensors, outputs)
        for (sparsity, stored), flatbuffer in made.items()
    }


def _stack(width: int, sparsity: float) -> bytes:
    """Dense layers as a float32 flatbuffer; the same weights each time, but for the zeros."""
    # Not at the top: they import TensorFlow, which takes seconds.
    import keras

    from model_export.tf.convert import convert_float32
    from model_export.tf.source import KerasSource

    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(width, activation="relu", kernel_initializer="he_normal")
        for _ in range(_LAYERS)
    ]
    model = keras.Sequential([keras.Input((width,)), *layers])
    for layer in layers:
        kernel, bias = layer.get_weights()
        layer.set_weights([_without_weakest(kernel, sparsity), bias])
    return convert_float32(KerasSource(model, "stack"))


def _without_weakest(kernel: Floats, sparsity: float) -> Floats:
    """A kernel, [inputs, outputs], with its weakest blocks set to zero."""
    blocks = kernel.T.reshape(-1, BLOCK[1]).copy()
    weakest = np.argsort(np.square(blocks).sum(axis=1), kind="stable")
    blocks[weakest[: round(sparsity * len(blocks))]] = 0
    return blocks.reshape(kernel.T.shape).T


def check_answers(found: dict[tuple[float, str], Servable], examples: dict[str, Any]) -> None:
    """A kernel that misreads its weights is fast, too."""
    answers = {}
    for key, servable in found.items():
        with Process() as process:
            process.load(servable, examples)
            answers[key] = process.answer(examples)["y"]
    for (sparsity, stored), answer in answers.items():
        dense = answers[sparsity, "dense"]
        if np.abs(answer - dense).max() > _CLOSE * np.abs(dense).max():
            raise RuntimeError(f"{stored}, {sparsity:.0%} zeros: other answers than dense")
