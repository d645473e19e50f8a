"""Texts become sequences of tokens, padded."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import tokens as contract
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tokens import TOKENIZER_FILE
from tflite_serving.preprocess.odd_words import OddWords
from tflite_serving.preprocess.operation import Made

Encode = Callable[[list[str]], list[list[int]]]
"""Texts to the ids of all their tokens, without what is put around them."""


class Tokens:
    """A tokenizer with its layout, ready to run.

    Args:
        operation: what to do.
        assets: the artifact's files, by path.

    Raises:
        ContractError: the tokenizer's file is damaged, or Python's Unicode too old for it.
    """

    def __init__(self, operation: contract.Tokens, assets: Mapping[str, Path]) -> None:
        if operation.file not in assets:
            raise ContractError(
                "tokens.file",
                f"expected a file of the artifact, got none of the name {operation.file!r}",
            )
        self._operation = operation
        self._encode = _encoder(operation, assets[operation.file])

    def run(self, values: Sequence[npt.NDArray[Any]]) -> Made:
        """All sequences, as long as the longest bucket, and counts with their starts and ends.

        Args:
            values: the texts, [batch] objects.
        """
        operation = self._operation
        found = self._encode([operation.prefix + text for text in values[0].reshape(-1).tolist()])
        inner = operation.length - 2
        ids = np.full((len(found), operation.length), operation.padding, np.int32)
        for row, tokens in zip(ids, found, strict=True):
            kept = tokens[:inner]
            row[: len(kept) + 2] = [operation.start, *kept, operation.end]
        made = {
            "token_ids": ids,
            # Whoever types the name of the padding is masked, as in KerasHub.
            "padding_mask": (ids != operation.padding).astype(np.int32),
            "segment_ids": np.zeros_like(ids),
        }
        counts = [len(tokens) + 2 for tokens in found]
        return Made(tuple(made[role] for role in operation.roles), counts)


def _encoder(operation: contract.Tokens, path: Path) -> Encode:
    if operation.file != TOKENIZER_FILE:
        return _sentence_piece(operation, path)
    if operation.words is not None:
        return _word_piece(operation.words, operation.unknown, path)
    return _byte_pair(path)


def _sentence_piece(operation: contract.Tokens, path: Path) -> Encode:
    # Each library is imported for the models that need it: none of the others pays for them.
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ContractError(operation.file, f"sentencepiece cannot read it: {error}") from None
    offset, zero = operation.offset, operation.zero

    def encode(texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = processor.encode(texts)
        if offset == 0 and zero is None:
            return found
        return [[_moved(token, offset, zero) for token in tokens] for tokens in found]

    return encode


def _moved(token: int, offset: int, zero: int | None) -> int:
    return zero if token == 0 and zero is not None else token + offset


def _byte_pair(path: Path) -> Encode:
    tokenizer = _load(path)

    def encode(texts: list[str]) -> list[list[int]]:
        # Where TensorFlow Text stops reading.
        return [found.ids for found in _all(tokenizer, [t.partition("\0")[0] for t in texts])]

    return encode


def _word_piece(rules: contract.WordRules, unknown: str, path: Path) -> Encode:
    from tokenizers import Tokenizer

    if _version(unicodedata.unidata_version) < _version(rules.unicode):
        raise ContractError(
            "words.unicode",
            f"expected Python to know Unicode {rules.unicode}, as the one that exported the model "
            f"did, got {unicodedata.unidata_version}; use a newer Python, or export with this one",
        )
    tokenizer = _load(path)
    pieces = Tokenizer(tokenizer.model)  # of words that are split already
    odd = OddWords(rules, unknown)

    def encode(texts: list[str]) -> list[list[int]]:
        plain = [odd.is_plain(text) for text in texts]
        if all(plain):
            return [found.ids for found in _all(tokenizer, texts)]
        easy = iter(
            _all(tokenizer, [t for t, is_plain in zip(texts, plain, strict=True) if is_plain])
        )
        return [
            (next(easy) if is_plain else pieces.encode(odd.of(text), is_pretokenized=True)).ids
            for text, is_plain in zip(texts, plain, strict=True)
        ]

    return encode


def _all(tokenizer: Any, texts: list[str]) -> list[Any]:
    if len(texts) == 1:  # which threads would not make faster
        return [tokenizer.encode(texts[0], add_special_tokens=False)]
    found: list[Any] = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return found


def _load(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        # The library raises Exception itself.
        raise ContractError(path.name, f"tokenizers cannot read it: {error}") from None


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
