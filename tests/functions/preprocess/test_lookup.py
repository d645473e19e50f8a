"""Words and values become what Keras's lookup layers make of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.models.parity import Compared, parts, seen, strings
from tflite_serving.contract import preprocessing as contract
from tflite_serving.contract.preprocessing import Encoding, Vocabulary, Words
from tflite_serving.errors import UnknownValue
from tflite_serving.preprocess import lookup
from tflite_serving.preprocess.lookup import Lookup
from tflite_serving.preprocess.pipeline import Pipeline

PLAIN = Words(lower=True, strip=True, split="whitespace", length=None)

TEXTS = st.lists(
    st.sampled_from(
        ["is", "It", "a", "é", "日本", " ", "  ", "\n", "\t", "\xa0", "\x1c", ".", "'s"]
    ),
    max_size=40,
).map("".join)


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


TextVectorization, StringLookup = keras.layers.TextVectorization, keras.layers.StringLookup

IntegerLookup = keras.layers.IntegerLookup

COLORS = ["red", "green", "Blue", "", "日本"]

# JSON has no half surrogates.
text = st.text(st.characters(codec="utf-8"), max_size=60)

LOOKUPS: dict[str, Callable[[], Any]] = {
    "index": lambda: StringLookup(vocabulary=COLORS),
    "index with a mask": lambda: StringLookup(vocabulary=COLORS[:3], mask_token=""),
    "one of": lambda: StringLookup(vocabulary=COLORS, output_mode="one_hot"),
    "one of, with a mask": lambda: StringLookup(
        vocabulary=COLORS[:3], mask_token="", output_mode="multi_hot"
    ),
    "padded": lambda: StringLookup(
        vocabulary=COLORS, output_mode="one_hot", max_tokens=9, pad_to_max_tokens=True
    ),
    "count": lambda: StringLookup(vocabulary=COLORS, output_mode="count"),
}


@cache
def looked_up(name: str, shape: tuple[int, ...]) -> Compared:
    return Compared(seen(LOOKUPS[name](), shape))


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, (1,)) for name in LOOKUPS]
    + [(name, ()) for name in LOOKUPS if name not in ("one of, with a mask", "count")],
)
@given(asked=st.lists(st.one_of(st.sampled_from(COLORS), text), min_size=1, max_size=5))
@example(asked=["", "red", "RED", "Blue", "[UNK]"])
def test_categories_become_what_keras_makes_of_them(
    name: str, shape: tuple[int, ...], asked: list[str]
) -> None:
    looked_up(name, shape).assert_same(entry=strings(*asked))


@pytest.mark.parametrize("mode", ["int", "one_hot"])
@given(asked=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9), min_size=1))
def test_integers_become_what_keras_makes_of_them(mode: str, asked: list[int]) -> None:
    integers(mode).assert_same(entry=np.array(asked, np.int64))


@cache
def integers(mode: str) -> Compared:
    layer = IntegerLookup(vocabulary=[7, -3, 2**40], output_mode=mode)
    return Compared(seen(layer, (1,), "int64"))


def test_a_value_that_no_index_stands_for_is_named() -> None:
    found = parts(seen(StringLookup(vocabulary=COLORS, num_oov_indices=0)))
    pipeline = Pipeline(found.preprocessing, {info.name: info.shape for info in found.core.inputs})
    with pytest.raises(UnknownValue) as caught:
        pipeline.run({"entry": strings("red", "violet")})
    assert (caught.value.input, caught.value.index, caught.value.value) == ("entry", 1, "violet")
