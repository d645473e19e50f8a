"""The Keras layer in the names that TensorFlow and its converter give."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model_export.flatbuffer.layer_names import layer_of, layer_of_fused

LAYERS = frozenset({"block", "volume", "volume_1", "depth_2", "norm"})


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model/volume/MatMul", "volume"),
        ("model_3/block_1/volume_1/MatMul", "block/volume"),
        ("model/volume_1/MatMul", "volume"),
        ("model/volume_1_1/MatMul", "volume_1"),
        ("model/depth_2/MatMul", "depth_2"),
        ("model/depth_2_1/MatMul", "depth_2"),
        ("model/depth_1/MatMul", None),
        ("model/volume/einsum/Einsum", "volume"),
        ("model/volume", None),
        ("volume/MatMul", None),
        ("StatefulPartitionedCall:0", None),
        ("", None),
    ],
)
def test_the_layer_is_found_among_the_numbered_scopes(name: str, layer: str | None) -> None:
    assert layer_of(name, LAYERS) == layer


def test_without_a_list_of_layers_every_scope_counts() -> None:
    assert layer_of("model/block/volume_1/MatMul", frozenset()) == "block/volume_1"
    assert layer_of("model/MatMul", frozenset()) is None


def test_a_name_that_ends_in_a_layer_is_read_to_its_end() -> None:
    assert layer_of("model/block/volume", LAYERS, is_node=False) == "block/volume"


words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
paths = st.lists(words, min_size=1, max_size=4)


@given(paths, st.lists(st.none() | st.integers(0, 99), min_size=4, max_size=4))
def test_the_path_of_a_layer_is_found_however_its_scopes_are_numbered(
    path: list[str], numbers: list[int | None]
) -> None:
    layers = frozenset(path)
    # A layer that is called like another one with a number cannot be told from it.
    assume(not any(f"{one}_{number}" in layers for one in path for number in numbers))
    assume(not any(one.rpartition("_")[0] in layers for one in path))
    scopes = [
        one if number is None else f"{one}_{number}"
        for one, number in zip(path, numbers, strict=False)
    ]
    assert layer_of("/".join(["model_1", *scopes, "MatMul"]), layers) == "/".join(path)


@given(st.text("abc_1/;", max_size=30), st.frozensets(words, max_size=3))
def test_whatever_is_found_is_made_of_layers(name: str, layers: frozenset[str]) -> None:
    found = layer_of(name, layers)
    if found is not None and layers:
        assert set(found.split("/")) <= layers


@pytest.mark.parametrize(
    ("names", "layer"),
    [
        (["model/norm/Relu;model/volume/convolution"], "volume"),
        (["model/norm/Relu;model/volume/convolution;other"], "volume"),
        (
            ["model/norm_1/batchnorm/mul_1;model/volume/convolution;model/norm_1/batchnorm/sub"],
            "volume",
        ),
        (["model/norm/batchnorm/add_1;model/norm/batchnorm/sub"], "norm"),
        (["arith.constant", "model/norm/add"], "norm"),
        (["model/volume/kernel", "model/norm/add"], "volume"),
        (["", ";"], None),
        ([], None),
    ],
)
def test_a_fused_operator_is_of_the_layer_that_it_began_as(
    names: list[str], layer: str | None
) -> None:
    assert layer_of_fused(names, LAYERS) == layer
