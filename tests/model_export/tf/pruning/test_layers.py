"""Which layers are pruned: every kind, at any depth, by path or name, but for the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest

from model_export.errors import UsageError
from model_export.tf.pruning.layers import Prunable, select
from tests.support.models.pruning import network

layers = keras.layers


def chosen(model: keras.Model, *include: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [prunable.path for prunable in select(model, include or ("*",), exclude)]


def ending(*above: Any, shape: tuple[int, ...]) -> keras.Model:
    """The layers, and a dense one behind them, which is the last."""
    flat = layers.Flatten(name="flat")
    return keras.Sequential([keras.Input(shape), *above, flat, layers.Dense(2, name="last")])


def attention() -> keras.Model:
    x = keras.Input((5, 4))
    y = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    return keras.Model(x, layers.Dense(2, name="last")(layers.Flatten()(y)))


KINDS: dict[str, tuple[Callable[[], keras.Model], list[str]]] = {
    "Dense": (lambda: ending(layers.Dense(3, name="a"), shape=(4,)), ["a"]),
    "EinsumDense": (
        lambda: ending(layers.EinsumDense("ab,bc->ac", 3, name="a"), shape=(4,)),
        ["a"],
    ),
    "Conv1D": (lambda: ending(layers.Conv1D(3, 2, name="a"), shape=(4, 2)), ["a"]),
    "Conv2D": (lambda: ending(layers.Conv2D(3, 2, name="a"), shape=(4, 4, 1)), ["a"]),
    "Conv3D": (lambda: ending(layers.Conv3D(3, 2, name="a"), shape=(4, 4, 4, 1)), ["a"]),
    "SeparableConv1D": (
        lambda: ending(layers.SeparableConv1D(3, 2, name="a"), shape=(4, 2)),
        ["a"],
    ),
    "SeparableConv2D": (
        lambda: ending(layers.SeparableConv2D(3, 2, name="a"), shape=(4, 4, 2)),
        ["a"],
    ),
    "TimeDistributed": (
        lambda: ending(layers.TimeDistributed(layers.Dense(3, name="a"), name="t"), shape=(4, 2)),
        ["t/a"],
    ),
    "MultiHeadAttention": (
        attention,
        [f"attention/{name}" for name in ("query", "key", "value", "attention_output")],
    ),
    "nested": (
        lambda: ending(
            keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a")], name="body"),
            shape=(4,),
        ),
        ["body/a"],
    ),
}
LEFT_ALONE: dict[str, Callable[[], keras.Model]] = {
    "DepthwiseConv1D": lambda: ending(layers.DepthwiseConv1D(2), shape=(4, 2)),
    "DepthwiseConv2D": lambda: ending(layers.DepthwiseConv2D(2), shape=(4, 4, 2)),
    "Conv2DTranspose": lambda: ending(layers.Conv2DTranspose(2, 2), shape=(4, 4, 2)),
    "BatchNormalization": lambda: ending(layers.BatchNormalization(), shape=(4,)),
    "Bidirectional": lambda: ending(layers.Bidirectional(layers.LSTM(2)), shape=(4, 2)),
    "Embedding": lambda: ending(layers.Embedding(5, 2), shape=(4,)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_of_this_kind_are_pruned(kind: str) -> None:
    build, paths = KINDS[kind]
    assert chosen(build()) == paths


@pytest.mark.parametrize("kind", LEFT_ALONE)
def test_weights_of_this_kind_are_left_alone(kind: str) -> None:
    with pytest.raises(UsageError, match="select no layer"):
        chosen(LEFT_ALONE[kind]())


def test_only_the_pointwise_kernel_of_a_separable_convolution_is_pruned() -> None:
    (found,) = select(KINDS["SeparableConv2D"][0](), ("*",), ())
    assert found.kernel is found.layer.pointwise_kernel


@pytest.mark.parametrize(("include", "there"), [(("*",), False), (("w*", "*"), True)])
def test_an_embedding_is_pruned_only_by_name(include: tuple[str, ...], *, there: bool) -> None:
    model = ending(layers.Embedding(5, 2, name="words"), layers.Dense(2, name="a"), shape=(4,))
    found = {each.path: each.kernel for each in select(model, include, ())}
    assert found.get("words") is (model.get_layer("words").embeddings if there else None)
    assert "a" in found


def test_a_layer_that_is_used_twice_counts_once() -> None:
    x, shared = keras.Input((4,)), layers.Dense(4, name="shared")
    body = keras.Sequential([keras.Input((4,)), shared], name="body")
    model = keras.Model(x, layers.Dense(2, name="last")(body(shared(shared(x)))))
    assert chosen(model) == ["shared"]


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        (("*",), (), ["first", "second"]),
        (("f*",), (), ["first"]),
        (("last",), (), ["last"]),
        (("*", "last"), (), ["first", "second", "last"]),
        (("*s*",), ("second",), ["first", "last"]),
        (("*",), ("sec*",), ["first"]),
        (("?????",), (), ["first"]),
    ],
)
def test_globs_choose_layers_and_the_last_one_only_by_name(
    include: tuple[str, ...], exclude: tuple[str, ...], wanted: list[str]
) -> None:
    assert chosen(network(), *include, exclude=exclude) == wanted


@pytest.mark.parametrize("glob", ["attention/query", "*/query", "query"])
def test_a_glob_matches_the_path_or_the_bare_name(glob: str) -> None:
    assert chosen(attention(), glob) == ["attention/query"]
    assert "attention/query" not in chosen(attention(), exclude=(glob,))


@pytest.mark.parametrize(
    ("include", "exclude", "message"),
    [
        (("secnd",), (), "include: 'secnd' matches no layer that can be pruned; nearest: second"),
        (("FIRST",), (), "include: 'FIRST' matches no layer that can be pruned; nearest: first"),
        (("*",), ("lost",), "exclude: 'lost' matches no layer that can be pruned; nearest: last"),
        (
            ("zzz*",),
            (),
            "include: 'zzz*' matches no layer that can be pruned; prunable: first, second, last",
        ),
        (
            ("first",),
            ("f*",),
            (
                "include ['first'] and exclude ['f*'] select no layer (the last one, embeddings "
                "and frozen layers are left alone unless named); prunable: first, second, last"
            ),
        ),
    ],
)
def test_globs_that_choose_nothing_are_refused_with_the_names_there_are(
    include: tuple[str, ...], exclude: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        select(network(), include, exclude)
    assert str(caught.value) == message


def test_a_model_with_a_single_layer_has_nothing_to_prune_by_default() -> None:
    with pytest.raises(UsageError, match="prunable: only"):
        chosen(keras.Sequential([keras.Input((4,)), layers.Dense(3, name="only")]))
    with pytest.raises(UsageError, match="prunable: none"):
        chosen(keras.Sequential([keras.Input((4,)), layers.Softmax()]))


def after(last: Callable[[Any, Any], Any]) -> list[str]:
    """Paths that are chosen of two layers "a" and "b", and what `last` makes of their outputs."""
    x = keras.Input((4,))
    a = layers.Dense(4, name="a")(x)
    b = layers.Dense(4, name="b")(a)
    return chosen(keras.Model(x, last(a, b)))


def body_of(*inner: Any) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), *inner], name="body")


def residual() -> keras.Model:
    x = keras.Input((4,))
    return keras.Model(x, layers.Add()([x, layers.Dense(4, name="c")(x)]), name="body")


@pytest.mark.parametrize(
    ("last", "left"),
    [
        (lambda a, b: b, ["a"]),
        (lambda a, b: layers.Softmax()(layers.Dropout(0.5)(layers.Reshape((2, 2))(b))), ["a"]),
        (lambda a, b: keras.ops.softmax(b), ["a"]),
        (lambda a, b: [layers.Dense(2, name="c")(a), layers.Dense(2, name="d")(b)], ["a", "b"]),
        (lambda a, b: layers.Dense(2, name="c")(layers.Concatenate()([a, b])), ["a", "b"]),
        (lambda a, b: layers.Average()([layers.Dense(4, name="c")(a), b]), ["a"]),
        (lambda a, b: body_of(layers.Dense(2, name="c"), layers.Softmax())(b), ["a", "b"]),
        (lambda a, b: body_of(layers.Softmax())(b), ["a"]),
        (lambda a, b: layers.Softmax()(residual()(b)), ["a"]),
        (
            lambda a, b: layers.MultiHeadAttention(1, 2, name="c")(
                *[layers.Reshape((2, 2))(b)] * 2
            ),
            ["a", "b", "c/query", "c/key", "c/value"],
        ),
    ],
    ids=[
        "layer",
        "behind activations",
        "behind an operation",
        "two outputs",
        "joined before",
        "joined behind",
        "in a nested model",
        "before a nested model",
        "around a nested model",
        "in a composite layer",
    ],
)
def test_what_makes_the_outputs_is_the_last_whatever_the_order(last: Any, left: list[str]) -> None:
    assert after(last) == left


def test_the_last_of_a_model_without_a_graph_is_the_last_in_order() -> None:
    class Own(keras.Model):  # type: ignore[misc]  # keras has no types
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = layers.Dense(3, name="a"), layers.Dense(3, name="b")

        def call(self, x: Any) -> Any:
            return self.b(self.a(x))

    model = Own()
    model(keras.ops.ones((1, 4)))
    assert chosen(model) == ["a"]


def test_a_layer_that_was_quantized_already_is_left_alone() -> None:
    model = network()
    model.get_layer("first").quantize("int8")
    assert chosen(model) == ["second"]


def test_sparsity_is_that_of_the_kernel_as_it_is() -> None:
    layer = network().get_layer("first")
    prunable = Prunable("first", layer, layer.kernel, frozen=False)
    layer.kernel.assign(keras.ops.concatenate([keras.ops.zeros((1, 10)), keras.ops.ones((3, 10))]))
    assert prunable.sparsity == 0.25
