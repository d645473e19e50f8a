"""Standardizes and splits texts into words, as `keras.layers.TextVectorization` does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice, tee

from tflite_serving.contract.preprocessing import Words

# As Keras has it. TensorFlow works on bytes, of which only ASCII is changed; so is this.
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_SPACE = re.compile(rb"\s")
_AT_ONCE = 2**16
"""Bytes that are split at once."""


def words_of(text: str, words: Words) -> Iterable[bytes]:
    """Words of a text in UTF-8, or n-grams of them.

    They are generated lazily: all words of a long text take fifty times its memory.

    Args:
        text: Any text without lone surrogates.
        words: Specification of the split.
    """
    data = text.encode()
    if words.lower:
        data = data.lower()
    if words.strip:
        data = data.translate(None, _PUNCTUATION)
    if words.ngrams == (1,):
        return _split(data, words)
    return chain.from_iterable(_in_rows(_split(data, words), width) for width in words.ngrams)


def _split(data: bytes, words: Words) -> Iterable[bytes]:
    if words.split == "none":
        return [data]
    if words.split == "character":
        return map(str.encode, data.decode())
    return data.split() if len(data) <= _AT_ONCE else _split_in_parts(data)


def _split_in_parts(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        space = _SPACE.search(data, start + _AT_ONCE)
        end = space.start() if space else len(data)
        yield from data[start:end].split()
        start = end


def _in_rows(words: Iterable[bytes], width: int) -> Iterable[bytes]:
    starts = (islice(each, at, None) for at, each in enumerate(tee(words, width)))
    return map(b" ".join, zip(*starts, strict=False))
