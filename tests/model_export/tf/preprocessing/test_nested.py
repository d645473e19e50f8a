"""Preprocessing within a model that is a layer of another is cut off as if it were its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from model_export.errors import ConversionError
from model_export.tf.graph import walk_layers
from model_export.tf.preprocessing.extract import split
from model_export.tf.pruning.layers import select
from tests.support.models.parity import Compared, parts, source, strings

layers = keras.layers
WORDS = ["the", "cat", "sat"]
ASKED = strings("the cat", "zebra", "")


def words() -> Any:
    return layers.TextVectorization(output_sequence_length=4, vocabulary=WORDS, name="words")


def text() -> Any:
    return keras.Input((1,), dtype="string", name="text")


def looked_up(name: str, shape: tuple[int, ...] = (1,), dtype: str = "string") -> Any:
    """A model of one lookup."""
    keys: list[Any] = ["a", "b"] if dtype == "string" else [1, 2]
    kind = layers.StringLookup if dtype == "string" else layers.IntegerLookup
    return keras.Sequential(
        [keras.Input(shape, dtype=dtype), kind(vocabulary=keys, output_mode="one_hot")], name=name
    )


def first_of_all() -> Any:
    """`Sequential` of a `Sequential` that has no input of its own."""
    return keras.Sequential(
        [
            text(),
            keras.Sequential([words()], name="prepared"),
            layers.Embedding(20, 3, mask_zero=True),
            layers.LSTM(3),
            layers.Dense(2, activation="softmax"),
        ]
    )


def deep() -> Any:
    """Models in models; the innermost goes on behind the cut."""
    inner = keras.Sequential([text(), words(), layers.Embedding(20, 3)], name="inner")
    middle = keras.Sequential([text(), inner, layers.GlobalMaxPooling1D()], name="middle")
    entry = text()
    return keras.Model(entry, layers.Dense(2)(middle(entry)))


def end_to_end() -> Any:
    """The whole of a model that was trained on indices, from texts on."""
    trained = keras.Sequential(
        [
            keras.Input((4,), dtype="int64"),
            layers.Embedding(20, 3),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="trained",
    )
    entry = text()
    return keras.Model(entry, trained(words()(entry)))


def twice() -> Any:
    """One encoder of two texts."""
    encoder = keras.Sequential([text(), words(), layers.Embedding(20, 3), layers.Flatten()])
    entries = [keras.Input((1,), dtype="string", name=name) for name in ("text", "other")]
    return keras.Model(entries, layers.Subtract()([encoder(entry) for entry in entries]))


@pytest.mark.parametrize("make", [first_of_all, deep, end_to_end])
def test_texts_are_answered_as_keras_answers_them(make: Callable[[], Any]) -> None:
    Compared(make()).assert_close(text=ASKED)


def test_a_model_that_is_used_twice_is_cut_off_both_times() -> None:
    Compared(twice()).assert_close(text=ASKED, other=ASKED[::-1])


def record() -> Any:
    """The Keras guides' way: a model that encodes features, one that is trained on what it gives.

    The first takes a dict and gives one, as the second does; a third is made of both.
    """

    def entries() -> dict[str, Any]:
        return {
            "job": keras.Input((1,), name="job", dtype="string"),
            "age": keras.Input((1,), name="age"),
            "level": keras.Input((1,), name="level", dtype="int64"),
        }

    raw = entries()
    bins = layers.Discretization([30.0, 50.0], name="bins")(raw["age"])
    crossed = layers.HashedCrossing(7, output_mode="one_hot", name="cross")([bins, raw["job"]])
    jobs = layers.StringLookup(vocabulary=["cook"], output_mode="multi_hot", name="jobs")
    levels = layers.IntegerLookup(vocabulary=[1, 2], output_mode="one_hot", name="levels")
    encoded = {
        "job": jobs(raw["job"]),
        "age": layers.Normalization(mean=40.0, variance=100.0, name="normal")(raw["age"]),
        "level": levels(raw["level"]),
        "crossed": crossed,
    }
    encoding = keras.Model(raw, encoded, name="encoding")
    taken = {name: keras.Input(each.shape[1:], name=name) for name, each in encoded.items()}
    joined = layers.Concatenate()(list(taken.values()))
    hidden = layers.Dense(8, activation="relu", name="hidden")(joined)
    outputs = {
        "sure": layers.Dense(1, activation="sigmoid", name="sure")(hidden),
        "kind": layers.Dense(3, activation="softmax", name="kind")(hidden),
    }
    trained = keras.Model(taken, outputs, name="trained")
    asked = entries()
    return keras.Model(asked, trained(encoding(asked)))


def test_records_are_answered_as_keras_answers_them() -> None:
    found = Compared(record())
    assert [info.name for info in found.core.outputs] == ["kind", "sure"]
    assert set(found.core.layers) >= {"normal", "trained"}
    assert not {"jobs", "levels", "bins", "cross"} & set(found.core.layers)
    found.assert_close(
        job=strings("cook", "none", "cook"),
        age=np.array([20.0, 60.5, 40.0], np.float32),
        level=np.array([2, 9, 1]),
    )


def test_a_list_of_inputs_may_be_given_as_a_dict() -> None:
    left, right = looked_up("left"), looked_up("right")
    entries = {name: keras.Input((1,), dtype="string", name=name) for name in ("a", "b")}
    inner = keras.Model([entries["b"], entries["a"]], [left(entries["b"]), right(entries["a"])])
    outer = {name: keras.Input((1,), dtype="string", name=name) for name in ("a", "b")}
    model = keras.Model(outer, layers.Dense(2)(layers.Concatenate()(inner(outer))))
    Compared(model).assert_close(a=strings("a", "b", "c"), b=strings("c", "a", "a"))


def test_what_a_cut_layer_takes_may_come_from_another_model() -> None:
    bins = keras.Sequential([keras.Input((1,)), layers.Discretization([1.0, 2.0], name="bins")])
    number, word = keras.Input((1,), name="number"), text()
    crossed = layers.HashedCrossing(9, output_mode="one_hot", name="crossed")([bins(number), word])
    model = keras.Model([number, word], layers.Dense(2)(crossed))
    assert [step.layer for step in parts(model).preprocessing.steps] == ["bins", "crossed"]
    Compared(model).assert_close(number=np.array([0.5, 1.5, 3], np.float32), text=ASKED)


def test_short_integers_are_what_a_model_of_long_ones_takes() -> None:
    entry = keras.Input((1,), name="entry", dtype="int32")
    model = keras.Model(entry, layers.Dense(2)(looked_up("levels", dtype="int64")(entry)))
    Compared(model).assert_close(entry=np.array([1, 2, 7], np.int32))


def test_outputs_of_one_model_are_called_what_that_calls_them() -> None:
    entry, outer = text(), text()
    found = looked_up("found")(entry)
    answers = [layers.Dense(size, name=name)(found) for name, size in (("one", 1), ("two", 2))]
    whole = keras.Model(entry, answers, name="whole")
    model = keras.Model(outer, whole(outer))
    model.compile("adam", {"whole": "mse"})
    core = parts(model).core
    assert [info.name for info in core.outputs] == ["one", "two"]
    Compared(model).assert_close(text=ASKED)


def named_alike() -> Any:
    """Layers of two models have one name, and that of the model is the output's."""
    alike = [layers.Dense(3, name="dense") for _ in range(3)]
    first = keras.Sequential(
        [text(), words(), layers.Embedding(20, 3, name="table"), layers.Flatten(), alike[0]],
        name="first",
    )
    beside = keras.Sequential([keras.Input((3,)), alike[1]], name="beside")
    entry = text()
    whole = keras.Model(entry, alike[2](beside(first(entry))), name="whole")
    outer = text()
    model = keras.Model(outer, whole(outer))
    model.compile("adam", {"whole": "mse"})
    return model


def test_names_that_clash_are_made_longer_and_the_others_stay() -> None:
    model = named_alike()
    core = parts(model).core
    paths = [path for path, layer in walk_layers(core.model) if "dense" in path]
    assert sorted(paths) == ["beside/dense", "dense", "first_dense"]
    assert [each.path for each in select(core.model, ["first_dense", "beside/*"], [])] == [
        "first_dense",
        "beside/dense",
    ]
    assert [info.name for info in core.outputs] == ["whole"]
    assert core.model.loss == {"whole": "mse"}
    Compared(model).assert_close(text=ASKED)


def test_weights_are_those_of_the_whole_model() -> None:
    model = named_alike()
    core = parts(model).core.model
    kept = {id(variable) for variable in core.trainable_variables}
    assert kept == {id(variable) for variable in model.trainable_variables}


@keras.saving.register_keras_serializable("tests")
class Own(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer of a class of its own."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.inner = layers.StringLookup(vocabulary=["a"], output_mode="one_hot", name="found")

    def call(self, x: Any) -> Any:
        return self.inner(x)


class Odd(keras.Model):  # type: ignore[misc]  # keras has no types
    """A functional model that does more than its layers."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return 2 * super().call(inputs, training, mask)


def of_odd() -> Any:
    entry, outer = text(), text()
    found = layers.StringLookup(vocabulary=["a"], output_mode="one_hot", name="found")(entry)
    return keras.Model(outer, layers.Dense(2)(Odd(entry, found, name="odd")(outer)))


def of_another_rank() -> Any:
    entry = keras.Input((), dtype="string", name="text")
    return keras.Model(entry, layers.Dense(2)(looked_up("ranked")(entry)))


def as_in_training() -> Any:
    entry = text()
    return keras.Model(entry, layers.Dense(2)(looked_up("trained")(entry, training=True)))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (as_in_training, r"'trained' \(Sequential\): it is called with training=True.*without"),
        (
            lambda: keras.Sequential(
                [text(), keras.Sequential([text(), Own()], name="around"), layers.Dense(2)]
            ),
            (
                r"'own/found' \(StringLookup\): it cannot be cut off inside 'own' \(Own\), which "
                "is neither a Sequential nor a functional model; let it take the model's own input"
            ),
        ),
        (of_odd, r"'odd/found' \(StringLookup\): it cannot be cut off inside 'odd' \(Odd\)"),
        (
            of_another_rank,
            (
                r"'ranked' \(Sequential\): it is given the shape \[None\] where its own input has "
                r"\[None, 1\].*give both the same shape"
            ),
        ),
    ],
)
def test_what_cannot_be_opened_is_refused_by_name_with_advice(
    make: Callable[[], Any], complaint: str
) -> None:
    with pytest.raises(ConversionError, match=complaint):
        split(source(make()), "model.keras")
