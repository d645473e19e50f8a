"""Block-sparse weights, stored without their zeros."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.errors import ConversionError
from model_export.flatbuffer.block_sparse import encode_blocks
from model_export.flatbuffer.deduplicate import slim
from model_export.flatbuffer.inspect import inspect
from tests.support.models.litert import Graph, parse, run

Matrix = npt.NDArray[np.float32]


def blocky(rows: int, columns: int, density: float, seed: int = 0) -> Matrix:
    """Random weights, of whose 1x4 blocks about `density` are not zero."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(rows, columns)).astype(np.float32)
    blocks = weights.reshape(-1, 4)
    blocks[rng.random(len(blocks)) >= density] = 0
    return weights


def network(*matrices: Matrix) -> bytes:
    """Fully connected operators, one after the other."""
    graph = Graph()
    first = tensor = graph.tensor((-1, matrices[0].shape[1]))
    for matrix in matrices:
        made = graph.tensor((-1, matrix.shape[0]))
        graph.operator(
            schema.BuiltinOperator.FULLY_CONNECTED,
            [tensor, graph.constant(matrix), -1],
            [made],
            schema.FullyConnectedOptionsT(),
        )
        tensor = made
    return graph.build([first], [tensor])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 40),
    st.integers(1, 90),
    st.sampled_from([0.0, 0.1, 0.3, 0.45]),
    st.integers(1, 9),
    st.integers(0, 5),
)
def test_the_answers_are_those_of_the_dense_weights(
    rows: int, blocks: int, density: float, batch: int, seed: int
) -> None:
    weights = blocky(rows, 4 * blocks, density, seed)
    if (weights.reshape(-1, 4) == 0).all(axis=1).mean() < 0.5:
        return
    encoded = encode_blocks(network(weights))
    x = np.random.default_rng(seed).normal(size=(batch, 4 * blocks)).astype(np.float32)
    np.testing.assert_allclose(run(encoded, x), x @ weights.T, atol=1e-4)


@pytest.mark.parametrize("columns", [256, 1024, 300_000])
def test_indices_of_any_width_are_stored(columns: int) -> None:
    weights = blocky(3, columns, 0.2)
    x = np.random.default_rng(1).normal(size=(2, columns)).astype(np.float32)
    encoded = encode_blocks(network(weights))
    np.testing.assert_allclose(run(encoded, x), x @ weights.T, atol=2e-2)


def test_zeros_take_no_place_and_are_counted_all_the_same() -> None:
    weights = blocky(256, 512, 0.2)
    dense = network(weights)
    encoded = encode_blocks(dense)
    assert len(encoded) < 0.3 * len(dense)
    (operator,) = inspect(encoded).operators
    assert operator.weights is not None
    assert operator.weights.count == weights.size
    assert operator.weights.zeros == np.count_nonzero(weights == 0)
    assert operator.weights.bytes < 0.3 * weights.nbytes


def test_only_operators_with_enough_zeros_are_encoded_and_others_keep_their_kernel() -> None:
    sparse, dense = blocky(64, 64, 0.2), blocky(32, 64, 1.0)
    encoded = encode_blocks(network(sparse, dense))
    model = parse(encoded)
    versions = [model.operatorCodes[op.opcodeIndex].version for op in model.subgraphs[0].operators]
    # 8 is the one that XNNPACK leaves to the sparse kernel; any other it would misread.
    assert versions == [8, 1]
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    np.testing.assert_allclose(run(encoded, x), x @ sparse.T @ dense.T, atol=1e-3)


def test_weights_that_two_operators_share_stay_dense_for_neither() -> None:
    weights = blocky(64, 64, 0.2)
    model = parse(network(weights, weights))
    tensors = model.subgraphs[0].tensors
    first, second = (op.inputs[1] for op in model.subgraphs[0].operators)
    tensors[second].buffer = tensors[first].buffer
    from tests.support.models.litert import pack

    encoded = encode_blocks(pack(model))
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    np.testing.assert_allclose(run(encoded, x), x @ weights.T @ weights.T, atol=1e-3)


def test_a_slimmed_sparse_model_still_answers() -> None:
    weights = blocky(64, 64, 0.2)
    encoded = encode_blocks(network(weights))
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    slimmed = slim(encoded, inspect(encoded))
    np.testing.assert_array_equal(run(slimmed, x), run(encoded, x))


@pytest.mark.parametrize(
    "weights", [blocky(8, 16, 1.0), np.ones((8, 6), np.float32)], ids=["dense", "odd"]
)
def test_without_blocks_of_zeros_the_variant_is_refused_with_what_it_needs(
    weights: Matrix,
) -> None:
    with pytest.raises(ConversionError, match=r"sparse_float32: no fully connected.*\[1, 4\]"):
        encode_blocks(network(weights))
