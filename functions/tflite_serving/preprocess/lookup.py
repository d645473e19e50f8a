"""What values become: indices, or rows of numbers, as Keras's lookup layers make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import preprocessing
from tflite_serving.contract.preprocessing import Vocabulary
from tflite_serving.errors import UnknownValue
from tflite_serving.preprocess.words import words_of

Key = bytes | int
MISSING = -1
"""Index of a value that counts as missing, where it is in no row."""


class Lookup:
    """Words or values become what a vocabulary has for them.

    Args:
        lookup: what the layer does.
    """

    def __init__(self, lookup: preprocessing.Lookup) -> None:
        self._words = lookup.words
        self._table = _Table(lookup.vocabulary)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Looks a batch up.

        Args:
            values: one array, [batch, …] int64, or strings as objects.

        Returns:
            see `contract.preprocessing.Vocabulary.encoding`: [batch, values] int64, or rows of
            float32.

        Raises:
            UnknownValue: a value is not in a vocabulary that allows no others.
        """
        (array,) = values
        batch = len(array)
        if self._words is None:
            rows = [
                self._table.indices(row, index)
                for index, row in enumerate(_keys(array.reshape(batch, -1)))
            ]
        else:
            texts = array.reshape(batch).tolist()
            rows = [self._of_text(text, index) for index, text in enumerate(texts)]
        return (self._table.encode(rows),)

    def _of_text(self, text: str, index: int) -> list[int]:
        assert self._words is not None
        length = self._words.length
        found = self._table.indices(words_of(text, self._words)[:length], index)
        return found if length is None else found + [0] * (length - len(found))


def _keys(values: npt.NDArray[Any]) -> list[list[Key]]:
    if values.dtype.kind == "O":
        return [[value.encode() for value in row] for row in values.tolist()]
    rows: list[list[Key]] = values.tolist()
    return rows


class _Table:
    """A vocabulary, ready to look values up."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        keys: Sequence[Key] = [key.encode() for key in vocabulary.strings] or vocabulary.integers
        self._known = {key: vocabulary.first + index for index, key in enumerate(keys)}
        self._unknown = vocabulary.unknown
        if vocabulary.masked is not None:
            is_text = bool(vocabulary.strings)
            mask = vocabulary.masked.encode() if is_text else int(vocabulary.masked)
            self._known[mask] = 0 if vocabulary.encoding == "int" else MISSING
        self._vocabulary = vocabulary
        self._weights = np.array(vocabulary.weights, np.float32)

    def indices(self, values: Sequence[Key], instance: int) -> list[int]:
        """The index of each value of one instance.

        Raises:
            UnknownValue: one is not known, and no index stands for these.
        """
        known, unknown = self._known, self._unknown
        if unknown is not None:
            return [known.get(value, unknown) for value in values]
        try:
            return [known[value] for value in values]
        except KeyError as error:
            value = error.args[0]
            known_as = value.decode() if isinstance(value, bytes) else value
            raise UnknownValue(instance, known_as) from None

    def encode(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[Any]:
        """Indices as the model takes them.

        Args:
            rows: the indices of each instance; as many of each, unless they are counted.

        Returns:
            [instances, values] int64 for "int", [instances, values, width] float32 for "one_hot",
            else [instances, width] float32.
        """
        vocabulary = self._vocabulary
        if vocabulary.encoding == "int":
            return np.array(rows, np.int64)
        if vocabulary.encoding == "one_hot":
            indices = np.array(rows, np.int64)
            is_there = np.equal(indices[..., np.newaxis], np.arange(vocabulary.width))
            return np.asarray(is_there, np.float32)
        # One place more than there are, for what is missing.
        places = vocabulary.width + 1
        counts = np.stack(
            [np.bincount(np.array(row, np.int64) + 1, minlength=places) for row in rows]
        )
        counts = counts[:, 1:].astype(np.float32)
        if vocabulary.encoding == "multi_hot":
            return np.minimum(counts, 1)
        return counts * self._weights if vocabulary.encoding == "tf_idf" else counts
