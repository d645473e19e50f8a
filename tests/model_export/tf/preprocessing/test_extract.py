"""What is cut off a model's front, and computed without Keras, is what Keras computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from model_export.errors import ConversionError
from model_export.tf.preprocessing.extract import split
from tests.support.models.parity import Compared, parts, seen, source, strings

TextVectorization, StringLookup = keras.layers.TextVectorization, keras.layers.StringLookup

IntegerLookup = keras.layers.IntegerLookup

WORDS = ["the", "cat", "sat", "on", "mat", "don't", "dont", "é", "日", "日本", "a b"]

# JSON has no half surrogates.
text = st.text(st.characters(codec="utf-8"), max_size=60)

spoken = st.lists(st.sampled_from([*WORDS, "THE", "Cat!", "\x0b", "\u00a0", "!?"]), max_size=9).map(
    " ".join
)

texts = st.lists(st.one_of(text, spoken), min_size=1, max_size=4)


def record() -> Any:
    age, job = keras.Input((1,), name="age"), keras.Input((1,), name="job", dtype="string")
    level = keras.Input((), name="level", dtype="int64")
    normal = keras.layers.Normalization(mean=40.0, variance=100.0)(age)
    jobs = StringLookup(vocabulary=["cook", "clerk"], output_mode="one_hot", name="jobs")(job)
    levels = IntegerLookup(vocabulary=[1, 2, 3], output_mode="one_hot", name="levels")(level)
    joined = keras.layers.Concatenate()([normal, jobs, levels])
    answer = keras.layers.Dense(1, activation="sigmoid", name="answer")(joined)
    return keras.Model([age, job, level], answer)


def test_what_can_be_converted_stays_in_the_model() -> None:
    found = parts(record())
    assert [step.layer for step in found.preprocessing.steps] == ["jobs", "levels"]
    assert [info.name for info in found.core.inputs] == ["age", "jobs", "levels"]
    assert "Normalization" in found.core.layers.values()
    Compared(record()).assert_close(
        age=np.array([20.0, 60.5], np.float32),
        job=strings("clerk", "none"),
        level=np.array([3, 9]),
    )


def test_a_lookup_may_follow_a_lookup_and_serve_several_layers() -> None:
    entry = keras.Input((), name="entry", dtype="string")
    index = StringLookup(vocabulary=["a", "b"], name="first")(entry)
    again = IntegerLookup(vocabulary=[1, 2], output_mode="one_hot", name="second")(index)
    one, two = keras.layers.Dense(2, name="one")(again), keras.layers.Dense(2, name="two")(again)
    model = keras.Model(entry, keras.layers.Add(name="sum")([one, two]))
    assert [info.name for info in parts(model).core.inputs] == ["second"]
    Compared(model).assert_close(entry=strings("a", "b", "c"))


def test_a_sequential_model_is_cut_too() -> None:
    model = keras.Sequential(
        [
            keras.Input((1,), dtype="string"),
            TextVectorization(output_sequence_length=4, vocabulary=WORDS),
            keras.layers.Embedding(20, 3),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    name = source(model).inputs[0].name
    Compared(model).assert_close(**{name: strings("the cat", "zebra", "")})


def test_a_model_without_such_layers_is_left_as_it_is() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert split(source(model), "model.keras") is None


def late() -> Any:
    entry = keras.Input((2,), name="entry", dtype="int64")
    turned = keras.layers.Reshape((1, 2), name="turned")(entry)
    found = IntegerLookup(vocabulary=[1], output_mode="multi_hot", name="late")(turned)
    return keras.Model(entry, keras.layers.Dense(1)(found))


def without_tags(texts: Any) -> Any:
    return tf.strings.regex_replace(texts, "<br />", " ")


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (late, "layer 'late'.*takes what 'turned'.*puts out"),
        (
            lambda: seen(TextVectorization(vocabulary=WORDS, name="open")),
            "'open': give it an output_sequence_length",
        ),
        (
            lambda: seen(TextVectorization(output_sequence_length=3)),
            "a vocabulary, got none; adapt",
        ),
        (
            lambda: seen(TextVectorization(output_mode="tf_idf", max_tokens=9)),
            "vocabulary, got none",
        ),
        (lambda: seen(StringLookup(name="empty")), "'empty': expected a vocabulary, got none"),
        (
            lambda: seen(TextVectorization(standardize=without_tags, vocabulary=WORDS)),
            "standardize: expected one of .*, got without_tags; the function does no others: train",
        ),
        (
            lambda: seen(
                TextVectorization(
                    output_mode="count", max_tokens=20, pad_to_max_tokens=True, vocabulary=WORDS
                ),
                (1,),
            ),
            "for two instances it puts out .* let the model's input have the shape \\(\\)",
        ),
        (
            lambda: seen(
                TextVectorization(
                    output_mode="multi_hot", split=None, vocabulary=["the cat", "mat"]
                )
            ),
            "let the model's input have the shape \\(1,\\)",
        ),
    ],
)
def test_what_cannot_be_cut_off_is_refused_by_name_with_advice(
    model: Callable[[], Any], complaint: str
) -> None:
    with pytest.raises(ConversionError, match=complaint):
        split(source(model()), "model.keras")
