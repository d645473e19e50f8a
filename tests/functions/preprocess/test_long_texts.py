"""The words of a long text are made in parts, and are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite_serving.contract import preprocessing as contract
from tflite_serving.contract.preprocessing import Encoding, Vocabulary, Words
from tflite_serving.preprocess import lookup, words
from tflite_serving.preprocess.lookup import Lookup
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


@pytest.mark.parametrize("encoding", ["multi_hot", "count", "tf_idf"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), at_once=st.integers(1, 12))
def test_in_whatever_parts_words_are_counted(
    encoding: Encoding, texts: list[str], at_once: int
) -> None:
    weights = (0.5, 1.0, 2.0, 4.0) if encoding == "tf_idf" else ()
    vocabulary = Vocabulary(
        strings=("is", "it", "a"), first=1, unknown=0, encoding=encoding, width=4, weights=weights
    )
    step = Lookup(contract.LookupSpec(words=PLAIN, vocabulary=vocabulary))
    values = [np.array(texts, object)]
    (whole,) = step.run(values).arrays
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "_AT_ONCE", at_once)
        (parts,) = step.run(values).arrays
    assert parts.dtype == whole.dtype
    assert parts.tolist() == whole.tolist()
