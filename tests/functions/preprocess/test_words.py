"""Texts become words as Keras splits them, long ones in parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.models.parity import Compared, seen, strings
from tflite_serving.contract.preprocessing import Words
from tflite_serving.preprocess import words
from tflite_serving.preprocess.words import words_of

PLAIN = Words(lower=True, strip=True, split="whitespace", length=None)

TEXTS = st.lists(
    st.sampled_from(
        ["is", "It", "a", "é", "日本", " ", "  ", "\n", "\t", "\xa0", "\x1c", ".", "'s"]
    ),
    max_size=40,
).map("".join)


@given(
    text=TEXTS,
    split=st.sampled_from(["whitespace", "character", "none"]),
    ngrams=st.sampled_from([(1,), (2,), (1, 2), (3, 1)]),
    at_once=st.integers(1, 12),
)
def test_in_whatever_parts_a_text_is_split(
    text: str, split: Any, ngrams: tuple[int, ...], at_once: int
) -> None:
    how = replace(PLAIN, split=split, ngrams=ngrams)
    whole = list(words_of(text, how))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_AT_ONCE", at_once)
        assert list(words_of(text, how)) == whole


TextVectorization, StringLookup = keras.layers.TextVectorization, keras.layers.StringLookup

WORDS = ["the", "cat", "sat", "on", "mat", "don't", "dont", "é", "日", "日本", "a b"]

# JSON has no half surrogates.
text = st.text(st.characters(codec="utf-8"), max_size=60)

spoken = st.lists(st.sampled_from([*WORDS, "THE", "Cat!", "\x0b", "\u00a0", "!?"]), max_size=9).map(
    " ".join
)

texts = st.lists(st.one_of(text, spoken), min_size=1, max_size=4)

VECTORIZATIONS: dict[str, Callable[[], Any]] = {
    "indices": lambda: TextVectorization(output_sequence_length=5, vocabulary=WORDS),
    "characters": lambda: TextVectorization(
        output_sequence_length=7, split="character", vocabulary=["t", "é", "日", " "]
    ),
    "as they are": lambda: TextVectorization(
        output_sequence_length=5, standardize=None, vocabulary=WORDS
    ),
    "small": lambda: TextVectorization(
        output_sequence_length=5, standardize="lower", vocabulary=WORDS
    ),
    "without signs": lambda: TextVectorization(
        output_sequence_length=5, standardize="strip_punctuation", vocabulary=WORDS
    ),
    "several, or none": lambda: TextVectorization(output_mode="multi_hot", vocabulary=WORDS),
    "counts": lambda: TextVectorization(
        output_mode="count", max_tokens=20, pad_to_max_tokens=True, vocabulary=WORDS
    ),
    "weights": lambda: TextVectorization(
        output_mode="tf_idf", vocabulary=WORDS, idf_weights=np.linspace(0.5, 2, len(WORDS))
    ),
    "pairs": lambda: TextVectorization(
        output_sequence_length=8, ngrams=2, vocabulary=[*WORDS, "the cat", "on mat"]
    ),
    "pairs and triples of characters": lambda: TextVectorization(
        output_sequence_length=9, ngrams=(3, 2), split="character", vocabulary=["t h", "c a t"]
    ),
    "pairs, counted": lambda: TextVectorization(
        output_mode="count", ngrams=2, vocabulary=[*WORDS, "the cat", "on mat"]
    ),
    "pairs, or none": lambda: TextVectorization(
        output_mode="multi_hot", ngrams=(2,), vocabulary=["the cat", "on mat"]
    ),
    "pairs, weighed": lambda: TextVectorization(
        output_mode="tf_idf", ngrams=3, vocabulary=["the cat", "mat"], idf_weights=[1.5, 0.25]
    ),
    "whole texts": lambda: TextVectorization(
        output_mode="multi_hot", split=None, vocabulary=["the cat", "mat"]
    ),
}


@cache
def vectorization(name: str, shape: tuple[int, ...]) -> Compared:
    return Compared(seen(VECTORIZATIONS[name](), shape))


INDICES = [
    "indices",
    "characters",
    "as they are",
    "small",
    "without signs",
    "pairs",
    "pairs and triples of characters",
]

COUNTED = [
    "several, or none",
    "counts",
    "weights",
    "pairs, counted",
    "pairs, or none",
    "pairs, weighed",
]


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, ()) for name in INDICES + COUNTED]
    + [(name, (1,)) for name in [*INDICES, "whole texts"]],
)
@given(asked=texts)
@example(asked=["", "The CAT, sat!", "İstanbul ÀÉ straße", "a\x00b\u2028c\x85d\x1ce", "\x0b\x0c"])
def test_texts_become_what_keras_makes_of_them(
    name: str, shape: tuple[int, ...], asked: list[str]
) -> None:
    vectorization(name, shape).assert_same(entry=strings(*asked))
