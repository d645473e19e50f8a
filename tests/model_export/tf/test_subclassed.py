"""Models with classes of the user's own in them: exported as layers of a functional model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.errors import UsageError
from model_export.tf.convert import convert_float32
from model_export.tf.load import load_source
from model_export.tf.pruning.layers import find, select
from model_export.tf.source import KerasSource
from tests.support.models.litert import run

layers = keras.layers
register = keras.saving.register_keras_serializable("subclassed")
# Some classes here make their layers without a `build`, as tutorials do.
pytestmark = pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer")


@register
class Net(keras.Model):  # type: ignore[misc]  # keras has no types
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hidden = layers.Dense(8, activation="relu", name="hidden")
        self.drop = layers.Dropout(0.9)
        self.scores = layers.Dense(3, activation="softmax", name="scores")

    def call(self, x: Any, *, training: bool = False) -> Any:
        return self.scores(self.drop(self.hidden(x), training=training))


@register
class TwoScores(Net):
    def call(self, x: Any, **_: Any) -> Any:
        hidden = self.hidden(x)
        return {"scores": self.scores(hidden), "more": hidden}


@register
class Pair(Net):
    def call(self, x: Any, **_: Any) -> Any:
        first, second = x
        return self.scores(self.hidden(keras.ops.concatenate([first, second], axis=-1)))


@register
class Outer(keras.Model):  # type: ignore[misc]  # keras has no types
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.net = Net(name="net")
        x = keras.Input((3,))
        self.graph = keras.Model(x, layers.Dense(5, name="within")(x), name="graph")
        self.last = layers.Dense(3, activation="softmax", name="last")

    def call(self, x: Any) -> Any:
        return self.last(self.graph(self.net(x)))


@register
class Held(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.one, self.two = layers.Dense(5, name="one"), layers.Dense(3, name="two")

    def call(self, x: Any) -> Any:
        return keras.ops.softmax(self.two(self.one(x)))


@register
class Softened(keras.Model):  # type: ignore[misc]  # keras has no types
    """A functional model whose `call` does more than its layers."""

    def __init__(self, **options: Any) -> None:
        x = keras.Input((4,), name="features")
        super().__init__(x, layers.Dense(3, name="logits")(x), **options)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    def call(self, x: Any) -> Any:
        return keras.ops.softmax(2 * super().call(x))


@register
class SoftDense(keras.layers.Dense):  # type: ignore[misc]  # keras has no types
    def call(self, x: Any) -> Any:
        return keras.ops.softmax(super().call(x))


def features() -> Any:
    return keras.Input((4,), name="features")


def functional(layer: Any) -> keras.Model:
    x = features()
    return keras.Model(x, layer(x))


def pair() -> keras.Model:
    inputs = [keras.Input((2,), name="a"), keras.Input((2,), name="b")]
    return keras.Model(inputs, Pair(name="net")(inputs))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "in a functional model": lambda: functional(Net(name="net")),
    "in a Sequential model": lambda: keras.Sequential([features(), Net(name="net")]),
    "with a dict of outputs": lambda: functional(TwoScores(name="net")),
    "with two inputs": pair,
    "twice nested, and around a functional one": lambda: functional(Outer(name="outer")),
    "a layer that holds layers": lambda: functional(Held(name="held")),
    "a functional class with its own call": lambda: Softened(name="soft"),
    "the same in another model": lambda: functional(Softened(name="soft")),
    "a Dense layer with its own call": lambda: functional(SoftDense(3, name="soft")),
}


def loaded(model: keras.Model, folder: Path) -> KerasSource:
    model.save(folder / "model.keras")
    source = load_source(folder / "model.keras")
    assert isinstance(source, KerasSource)
    return source


@pytest.mark.parametrize("which", MODELS)
def test_it_answers_and_converts_like_the_model_that_was_saved(which: str, tmp_path: Path) -> None:
    model = MODELS[which]()
    source = loaded(model, tmp_path)
    rng = np.random.default_rng(0)
    inputs = {
        info.name: rng.normal(size=(5, info.shape[1] or 0)).astype(np.float32)
        for info in source.inputs
    }
    xs = list(inputs.values())
    wanted = keras.tree.flatten(model(xs if len(xs) > 1 else xs[0], training=False))
    found = source.predict(inputs)
    for answer, right in zip(found.values(), wanted, strict=True):
        np.testing.assert_allclose(answer, np.asarray(right), atol=1e-6)
    # What a class of the user's ends in cannot be told: nothing may be added to it.
    assert set(source.endings) == {"unknown"}
    if len(xs) == 1 and len(found) == 1:
        np.testing.assert_allclose(run(convert_float32(source), xs[0]), wanted[0], atol=1e-6)
    else:
        assert convert_float32(source)


@pytest.mark.parametrize(
    ("which", "all_of_them", "chosen"),
    [
        ("in a functional model", ["net/hidden", "net/scores"], ["net/hidden"]),
        ("a layer that holds layers", ["held/one", "held/two"], ["held/one"]),
        (
            "twice nested, and around a functional one",
            ["outer/net/hidden", "outer/net/scores", "outer/graph/within", "outer/last"],
            ["outer/net/hidden", "outer/net/scores", "outer/graph/within"],
        ),
    ],
)
def test_the_layers_within_can_be_pruned_but_for_the_last(
    which: str, all_of_them: list[str], chosen: list[str]
) -> None:
    model = MODELS[which]()
    assert [each.path for each in find(model)] == all_of_them
    assert [each.path for each in select(model, ["*"], [])] == chosen


def test_the_only_layer_of_a_functional_class_with_its_own_call_is_its_last() -> None:
    with pytest.raises(UsageError, match="select no layer"):
        select(functional(Softened()), ["*"], [])
