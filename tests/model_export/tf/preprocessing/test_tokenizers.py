"""Tokenizers of KerasHub that cannot be encoded without it."""

from __future__ import annotations

import pytest
import tensorflow as tf

from model_export.errors import ConversionError
from model_export.tf.preprocessing.tokenizers import encoding_of
from tests.support.models.transformers import tokenizer


def test_what_keras_hub_cannot_do_right_is_refused() -> None:
    words = tokenizer("bert")
    words.split = False
    with pytest.raises(ConversionError, match="split: expected True, got False"):
        encoding_of(words, "a.keras")
    pairs = tokenizer("roberta")
    del pairs.vocabulary["a"]
    with pytest.raises(ConversionError, match="256 bytes, got none for 1 of them, such as 'a'"):
        encoding_of(pairs, "a.keras")
    pieces = tokenizer("albert")
    pieces.add_bos = True
    with pytest.raises(ConversionError, match="add_bos: expected False, got True"):
        encoding_of(pieces, "a.keras")
    with pytest.raises(ConversionError, match="Layer: the function knows WordPiece"):
        encoding_of(tf.keras.layers.Layer(), "a.keras")
