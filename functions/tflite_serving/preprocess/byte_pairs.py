"""Byte-pair encoding (BPE) tokenizer."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

from tflite_serving.errors import TooLongWord
from tflite_serving.preprocess.tokenizer_file import encode_all, load
from tflite_serving.preprocess.tokenizer_protocol import some_apart

_LONG = 16
"""Characters for each token that is kept: a longer text is read only as far as need be."""
_CHARACTERS = 8
"""For each token, at first sight."""
_FAR = 32
"""For each token, at last."""
_FARTHEST = 2**12
"""Characters that are read of any text. Joining the bytes of a word of as many takes Keras ten
seconds, and four times as long for twice as many."""
_OPEN = 8
"""Words at the end of a part of a text that may be others in the whole of it: spaces and what is
before them, which the pattern splits into a few."""


class BytePairs:
    """Byte-pair encoding of texts.

    Args:
        path: Path of the tokenizer file of the `tokenizers` library.
        most: Largest number of tokens of a text.

    Raises:
        ContractError: The file is damaged.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._tokenizer = load(path)
        self._most = most
        self._farthest = max(_FARTHEST, _FAR * most)
        special = self._tokenizer.get_added_tokens_decoder().values()
        # At the end there may also be the beginning of a special word.
        self._open = _OPEN + max((len(word.content) for word in special), default=0)

    def encode(self, texts: list[str]) -> list[list[int]]:
        """See `tokenizer_protocol.Encode`."""
        # Where TensorFlow Text stops reading.
        texts = [text.partition("\0")[0] for text in texts]
        is_long = [len(text) > _LONG * self._most for text in texts]
        return some_apart(texts, is_long, self._all_of, self._first_of)

    def settled(self, part: str) -> list[int]:
        """Tokens at the beginning of a text that do not depend on what follows.

        Args:
            part: Beginning of the text.
        """
        found = self._tokenizer.encode(part, add_special_tokens=False)
        words = found.word_ids  # of each token, rising
        ids: list[int] = found.ids
        return ids[: bisect_left(words, words[-1] + 1 - self._open)] if words else []

    def _all_of(self, texts: list[str]) -> list[list[int]]:
        return encode_all(self._tokenizer, texts)

    def _first_of(self, index: int, text: str) -> list[int]:
        size = _CHARACTERS * self._most
        while size < len(text):
            found = self.settled(text[:size])
            if len(found) >= self._most:
                return found[: self._most]
            if size == self._farthest:
                raise TooLongWord(index, size)
            size = min(4 * size, self._farthest)
        return self._all_of([text])[0][: self._most]
