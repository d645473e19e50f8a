"""WordPiece tokenizer."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tokens import WordRules
from tflite_serving.preprocess.tokenizer_file import encode_all, load
from tflite_serving.preprocess.tokenizer_protocol import some_apart
from tflite_serving.preprocess.unicode_words import OddWords

_LONG = 16
"""Characters for each token that is kept: a longer text is split only as far as need be."""


class WordPieces:
    """WordPiece encoding of texts.

    Args:
        rules: Word rules of the tokenizer, for texts beyond plain ASCII.
        unknown: Word that replaces unknown words.
        path: Path of the tokenizer file of the `tokenizers` library.
        most: Largest number of tokens of a text.

    Raises:
        ContractError: The file is damaged, or Python's Unicode too old for the rules.
    """

    def __init__(self, rules: WordRules, unknown: str, path: Path, most: int) -> None:
        from tokenizers import Tokenizer  # which only the models that need it pay for

        if _version(unicodedata.unidata_version) < _version(rules.unicode):
            raise ContractError(
                "words.unicode",
                f"expected Python to know Unicode {rules.unicode}, as the one that exported the "
                f"model did, got {unicodedata.unidata_version}; use a newer Python, or export with "
                "this one",
            )
        self._tokenizer = load(path)
        self._pieces = Tokenizer(self._tokenizer.model)  # of words that are split already
        self._odd = OddWords(rules, unknown)
        self._most = most

    def encode(self, texts: list[str]) -> list[list[int]]:
        """See `tokenizer_protocol.Encode`."""
        is_odd = [len(text) > _LONG * self._most or not self._odd.is_plain(text) for text in texts]
        return some_apart(texts, is_odd, self._all_of, self._first_of)

    def _all_of(self, texts: list[str]) -> list[list[int]]:
        return encode_all(self._tokenizer, texts)

    def _first_of(self, _: int, text: str) -> list[int]:
        words = self._odd.of(text, self._most)
        ids: list[int] = self._pieces.encode(words, is_pretokenized=True).ids
        return ids[: self._most]


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
