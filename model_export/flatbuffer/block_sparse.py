"""Stores block-sparse weights without their zeros, for the kernels that read them like that.

LiteRT's FULLY_CONNECTED has a kernel for float32 weights in blocks of one output by four inputs. It
reads fewer bytes than the dense kernels, which is faster where weights do not fit into the
processor's cache, and slower where they do; so this form is a candidate like any other, and must
be at least as fast as the dense one (docs/5-compression.md has what was measured).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from model_export.errors import ConversionError

BLOCK = (1, 4)
"""Outputs by inputs: the only shape that the kernel takes for float32."""

# Of FULLY_CONNECTED. XNNPACK takes any other version for itself, and reads the weights as if they
# were dense: garbage, without an error.
_VERSION = 8
_FEWEST_ZEROS = 0.5
_DENSE, _SPARSE = schema.DimensionType.DENSE, schema.DimensionType.SPARSE_CSR


def encode_blocks(flatbuffer: bytes) -> bytes:
    """The same model, with the weights of fully connected operators stored by their blocks.

    Args:
        flatbuffer: float32, pruned in blocks.

    Returns:
        a flatbuffer in which every fully connected operator with enough blocks of zeros has them
        left out.

    Raises:
        ConversionError: there is no such operator.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(flatbuffer))
    graph = model.subgraphs[0]
    found = [op for op in graph.operators if _fits(model, graph, op)]
    if not found:
        raise ConversionError(
            "sparse_float32: no fully connected layer has enough blocks of zeros; give "
            f"prune.block = {list(BLOCK)} with a sparsity of {_FEWEST_ZEROS} or more, or leave the "
            "variant out"
        )
    code = _sparse_code(model)
    for operator in found:
        tensor = graph.tensors[operator.inputs[1]]
        values, tensor.sparsity = _compress(_matrix(model, tensor))
        # A buffer of its own: another tensor may share the old one.
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
        operator.opcodeIndex = code
    _drop_unused_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _fits(model: Any, graph: Any, operator: Any) -> bool:
    code = model.operatorCodes[operator.opcodeIndex]
    if flatbuffer_utils.get_builtin_code_from_operator_code(code) != (
        schema.BuiltinOperator.FULLY_CONNECTED
    ):
        return False
    tensor = graph.tensors[operator.inputs[1]]
    if tensor.type != schema.TensorType.FLOAT32 or model.buffers[tensor.buffer].data is None:
        return False
    matrix = _matrix(model, tensor)
    if matrix.shape[1] % BLOCK[1]:
        return False
    blocks = matrix.reshape(-1, BLOCK[1])
    return bool(np.mean(~blocks.any(axis=1)) >= _FEWEST_ZEROS)


def _matrix(model: Any, tensor: Any) -> npt.NDArray[np.float32]:
    data = np.asarray(model.buffers[tensor.buffer].data, dtype=np.uint8)
    return data.view(np.float32).reshape([int(size) for size in tensor.shape])


def _compress(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], Any]:
    """The blocks that are not all zero, row by row, and where they belong."""
    rows, columns = matrix.shape
    blocks = matrix.reshape(rows, columns // BLOCK[1], BLOCK[1])
    kept = blocks.any(axis=2)
    sparse = schema.DimensionMetadataT()
    sparse.format = _SPARSE
    ends = np.concatenate([[0], kept.sum(axis=1).cumsum()])
    sparse.arraySegmentsType, sparse.arraySegments = _narrowest(ends)
    sparse.arrayIndicesType, sparse.arrayIndices = _narrowest(np.nonzero(kept)[1])
    parameters = schema.SparsityParametersT()
    parameters.dimMetadata = [_dense(rows), sparse, _dense(BLOCK[1])]
    parameters.traversalOrder = np.arange(3, dtype=np.int32)
    parameters.blockMap = np.array([1], dtype=np.int32)  # the block divides the columns
    return blocks[kept].ravel(), parameters


def _dense(size: int) -> Any:
    dimension = schema.DimensionMetadataT()
    dimension.format, dimension.denseSize = _DENSE, size
    return dimension


def _narrowest(values: npt.NDArray[np.integer[Any]]) -> tuple[int, Any]:
    """The values in the schema's vector of the narrowest integers that hold them."""
    widths: dict[type[np.integer[Any]], str] = {
        np.uint8: "Uint8Vector",
        np.uint16: "Uint16Vector",
        np.int32: "Int32Vector",
    }
    dtype = next(width for width in widths if values.max(initial=0) <= np.iinfo(width).max)
    name = widths[dtype]
    vector = getattr(schema, f"{name}T")()
    vector.values = values.astype(dtype)
    return getattr(schema.SparseIndexVector, name), vector


def _sparse_code(model: Any) -> int:
    """A code of its own, so that dense operators of the same kind stay with XNNPACK."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = _VERSION
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _drop_unused_buffers(model: Any) -> None:
    """Empties the buffers that no tensor reads any more; their places stay."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used.update(entry.buffer for entry in model.metadata or ())
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
