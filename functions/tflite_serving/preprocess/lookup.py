"""Keras's lookup layers, without TensorFlow: StringLookup, IntegerLookup, TextVectorization."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import preprocessing
from tflite_serving.contract.preprocessing import Vocabulary
from tflite_serving.errors import UnknownValue
from tflite_serving.inputs.diagnose import shortened
from tflite_serving.preprocess.operation import StepOutput
from tflite_serving.preprocess.row_encoding import count, encode
from tflite_serving.preprocess.words import words_of

Key = bytes | int
MISSING = -1
"""Index of a value that counts as missing, where it is in no row."""
_AT_ONCE = 2**18
"""Characters of all texts, or words of one, that are counted at once."""


class Lookup:
    """Looks words or values up in a vocabulary, as Keras's lookup layers do.

    Args:
        lookup: Specification of the layer.
    """

    def __init__(self, lookup: preprocessing.LookupSpec) -> None:
        self._words = lookup.words
        self._vocabulary = lookup.vocabulary
        self._indices = _index_of(lookup.vocabulary)
        self._weights = np.array(lookup.vocabulary.weights, np.float32)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Indices or vectors of a batch.

        Args:
            values: One array, [batch, …] int64, or strings as objects.

        Returns:
            Indices, [batch, values] int64, or vectors, [batch, width] or [batch, values, width]
            float32; see `contract.preprocessing.Vocabulary.encoding`.

        Raises:
            UnknownValue: A value is not in the vocabulary, which has no index for unknown ones.
        """
        (array,) = values
        if self._words is None:
            return StepOutput((self._of_values(array),))
        texts = array.reshape(len(array)).tolist()
        if self._words.length is None:
            return StepOutput((self._counted(texts),))
        rows = [self._of_text(text, index) for index, text in enumerate(texts)]
        return StepOutput((np.array(rows, np.int64),))

    def _of_values(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        vocabulary, each = self._vocabulary, array.size // len(array)
        try:
            found = list(map(self._indices, _keys(array)))
        except KeyError:
            # Which instance has it is looked for only now.
            found = [self._look_up(key, at // each) for at, key in enumerate(_keys(array))]
        rows = np.array(found, np.int64).reshape(len(array), each)
        if vocabulary.encoding == "tf_idf":
            return encode(rows, "count", vocabulary.width) * self._weights
        return encode(rows, vocabulary.encoding, vocabulary.width)

    def _of_text(self, text: str, instance: int) -> list[int]:
        assert self._words is not None
        assert self._words.length is not None
        length = self._words.length
        words = islice(words_of(text, self._words), length)
        found = [self._look_up(word, instance) for word in words]
        return found + [0] * (length - len(found))

    def _counted(self, texts: list[str]) -> npt.NDArray[Any]:
        vocabulary = self._vocabulary
        if sum(map(len, texts)) <= _AT_ONCE:
            counts = self._count(texts)
        else:
            counts = np.stack([self._count_in_parts(text, at) for at, text in enumerate(texts)])
        if vocabulary.encoding == "multi_hot":
            return np.minimum(counts, 1)
        return counts * self._weights if vocabulary.encoding == "tf_idf" else counts

    def _count(self, texts: list[str]) -> npt.NDArray[np.float32]:
        assert self._words is not None
        words = self._words
        indices = [
            [self._look_up(word, instance) for word in words_of(text, words)]
            for instance, text in enumerate(texts)
        ]
        rows = np.repeat(np.arange(len(texts)), [len(each) for each in indices])
        flat = np.fromiter(chain.from_iterable(indices), np.int64, len(rows))
        return count(flat, rows, len(texts), self._vocabulary.width)

    def _count_in_parts(self, text: str, instance: int) -> npt.NDArray[np.float32]:
        """The same of one text of any length, whose words would take too much memory at once."""
        assert self._words is not None
        words, width = iter(words_of(text, self._words)), self._vocabulary.width
        total = np.zeros(width)
        while some := Counter(islice(words, _AT_ONCE)):
            indices = np.array([self._look_up(word, instance) for word in some], np.int64)
            times = np.array(list(some.values()), np.int64)
            total += count(indices, np.zeros_like(indices), 1, width, times)[0]
        return total.astype(np.float32)

    def _look_up(self, key: Key, instance: int) -> int:
        try:
            return self._indices(key)
        except KeyError:
            value = key.decode(errors="replace") if isinstance(key, bytes) else key
            shown = repr(shortened(value)) if isinstance(value, str) else str(value)
            raise UnknownValue(instance, value, shown) from None


def _index_of(vocabulary: Vocabulary) -> Callable[[Key], int]:
    """What gives the index of a value; it raises `KeyError` where no index stands for it."""
    keys: Sequence[Key] = [key.encode() for key in vocabulary.strings] or vocabulary.integers
    known = {key: vocabulary.first + index for index, key in enumerate(keys)}
    if vocabulary.masked is not None:
        is_text = bool(vocabulary.strings)
        mask = vocabulary.masked.encode() if is_text else int(vocabulary.masked)
        known[mask] = 0 if vocabulary.encoding == "int" else MISSING
    if vocabulary.unknown is None:
        return known.__getitem__
    unknown, unknowns = vocabulary.unknown, vocabulary.unknowns
    get = known.get
    if unknowns == 1:
        return lambda key: get(key, unknown)
    share = _share(vocabulary)

    def index(key: Key) -> int:
        found = get(key)
        return unknown + share(key) % unknowns if found is None else found

    return index


def _share(vocabulary: Vocabulary) -> Callable[[Key], int]:
    """What says by which of their indices an unknown value goes, once it is divided by them."""
    if vocabulary.share == "remainder":
        return int
    from tflite_serving.preprocess.hashing import fingerprint  # which few vocabularies need

    of = fingerprint(vocabulary.salt)
    return lambda key: of(key if isinstance(key, bytes) else b"%d" % key)


def _keys(values: npt.NDArray[Any]) -> list[Key]:
    flat: list[Any] = values.ravel().tolist()
    return [value.encode() for value in flat] if values.dtype.kind == "O" else flat
