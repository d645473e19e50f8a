"""TextVectorization, StringLookup and IntegerLookup as steps of the function."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from model_export.errors import ConversionError
from model_export.tf.preprocessing.lookups import check_rows, lookup_of
from tflite_serving.contract.preprocessing import LookupSpec, Vocabulary, Words

layers = keras.layers


def test_a_lookup_of_strings_has_its_vocabulary_alone() -> None:
    found = lookup_of(layers.StringLookup(vocabulary=["a", "b"]), "model.keras")
    assert found == LookupSpec(vocabulary=Vocabulary(strings=("a", "b"), first=1, unknown=0))


def test_a_text_layer_also_says_how_texts_become_words() -> None:
    layer = layers.TextVectorization(output_sequence_length=5, ngrams=2, vocabulary=["a"])
    found = lookup_of(layer, "model.keras")
    assert found.words == Words(lower=True, strip=True, split="whitespace", ngrams=(1, 2), length=5)


def test_a_layer_that_has_learned_nothing_is_refused_by_name() -> None:
    with pytest.raises(ConversionError, match=r"^a\.keras: layer 'jobs'.*adapt"):
        lookup_of(layers.StringLookup(name="jobs"), "a.keras")


@pytest.mark.parametrize(("shape", "is_right"), [((), False), ((1,), True)])
def test_a_layer_that_would_count_all_instances_into_one_row_is_refused(
    shape: tuple[int, ...],
    is_right: bool,  # noqa: FBT001
) -> None:
    layer: Any = layers.StringLookup(vocabulary=["a", "b"], output_mode="count", name="all")
    entry = keras.Input(shape, dtype="string")
    output = layer(entry)
    if is_right:
        check_rows(layer, [entry], [output], "a.keras")
        return
    with pytest.raises(ConversionError, match=r"let the model's input have the shape \(1,\)"):
        check_rows(layer, [entry], [output], "a.keras")
