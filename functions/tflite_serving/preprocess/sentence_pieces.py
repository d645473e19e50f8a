"""SentencePiece tokenizer (unigram or BPE)."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tokens import TokensSpec
from tflite_serving.errors import TooLongWord
from tflite_serving.preprocess.tokenizer_protocol import some_apart

_LONG = 128
"""Characters for each token that is kept: a longer text is read only as far as need be."""
_CHARACTERS = 8
"""For each token, at first sight."""
_FARTHEST = 2**16
"""Characters without a space that are read of a longer text."""
_AHEAD = 64
"""Characters that may change what becomes of the one before them: no rule of normalization is as
long."""
_SPACE = "▁"
_LAST_SPACE = re.compile(r".*\s(?=\S)", re.DOTALL)


class SentencePieces:
    """SentencePiece encoding of texts.

    The pieces of a text up to a place where one ends are those of the text up to there, alone:
    whether the likeliest are wanted or those of the best rank. So of a long text, places are looked
    for of which one must be such: the one in front of a space, or so many in a row that no piece is
    longer.

    Args:
        operation: Specification of the tokenizer, with the mapping of the file's own ids.
        path: Path of the model file of the `sentencepiece` library.
        most: Largest number of tokens of a text.

    Raises:
        ContractError: The file is damaged.
    """

    def __init__(self, operation: TokensSpec, path: Path, most: int) -> None:
        from sentencepiece import SentencePieceProcessor  # which only its models pay for

        try:
            self._processor = SentencePieceProcessor(model_file=str(path))
        except (OSError, RuntimeError) as error:
            raise ContractError(operation.file, f"sentencepiece cannot read it: {error}") from None
        self._offset, self._zero = operation.offset, operation.zero
        self._most = most

    def encode(self, texts: list[str]) -> list[list[int]]:
        """See `tokenizer_protocol.Encode`."""
        is_long = [len(text) > _LONG * self._most for text in texts]
        found = some_apart(texts, is_long, self._processor.encode, self._first_of)
        offset, zero = self._offset, self._zero
        if offset == 0 and zero is None:
            return found
        return [[_moved(token, offset, zero) for token in tokens] for tokens in found]

    def settled(self, text: str, size: int) -> list[int]:
        """First tokens of a long text, with the file's own ids; none if more of it must be read.

        Args:
            text: Text, longer than `size`.
            size: Number of characters to read.
        """
        found: list[int] = []
        for end in self._ends(text, size):
            tokens = self._processor.encode(text[:end])[: self._most]
            if len(tokens) < self._most or (found and tokens != found):
                return []
            found = tokens
        return found

    def _first_of(self, index: int, text: str) -> list[int]:
        size = _CHARACTERS * self._most
        while size < len(text):
            found = self.settled(text, size)
            if found:
                return found
            if size >= _FARTHEST and not re.search(r"\s", text[size - _FARTHEST : size]):
                raise TooLongWord(index, _FARTHEST)
            size = _FARTHEST if size < _FARTHEST < 4 * size else 4 * size
        tokens: list[int] = self._processor.encode(text)
        return tokens[: self._most]

    def _ends(self, text: str, size: int) -> list[int]:
        """Places of which a piece ends at one at least; none if none are known."""
        normal = self._processor.normalize
        space = _LAST_SPACE.match(text, size // 2, size)
        if space:
            end = space.end() - 1
            is_apart = normal(text[: end + _AHEAD]).startswith(normal(text[:end]) + _SPACE)
            return [end] if self._words_are_apart and is_apart else []
        ends = [size - back for back in range(self._longest)]
        whole = normal(text[:size])
        # An empty one is of spaces alone, which would be looked at again and again.
        known = (
            bool(whole)
            and normal(text[: size + _AHEAD]).startswith(whole)
            and all(
                normal(text[:end]) == whole[: len(whole) - back] for back, end in enumerate(ends)
            )
        )
        return ends if known else []

    @cached_property
    def _pieces(self) -> list[str]:
        pieces: list[str] = self._processor.id_to_piece(list(range(len(self._processor))))
        return pieces

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._pieces))

    @cached_property
    def _words_are_apart(self) -> bool:
        return not any(_SPACE in piece[1:] or " " in piece for piece in self._pieces)


def _moved(token: int, offset: int, zero: int | None) -> int:
    return zero if token == 0 and zero is not None else token + offset
