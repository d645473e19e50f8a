"""Tokenizes texts into padded sequences of token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import tokens as contract
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tokens import TOKENIZER_FILE
from tflite_serving.preprocess.operation import StepOutput
from tflite_serving.preprocess.tokenizer_protocol import Encode


class Tokens:
    """Tokenizer with the layout of its sequences: start, tokens, end, padding.

    Args:
        operation: Specification of the tokenizer and the layout.
        assets: Files of the artifact, by path.

    Raises:
        ContractError: The tokenizer's file is damaged, or Python's Unicode too old for it.
    """

    def __init__(self, operation: contract.TokensSpec, assets: Mapping[str, Path]) -> None:
        if operation.file not in assets:
            raise ContractError(
                "tokens.file",
                f"expected a file of the artifact, got none of the name {operation.file!r}",
            )
        self._operation = operation
        # One more than are kept, which tells whether a text was cut.
        self._most = operation.length - 1
        self._encode = _encoder(operation, assets[operation.file], self._most)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Sequences padded to the longest bucket, with their token counts, start and end included.

        Args:
            values: Texts, [batch] objects.

        Raises:
            TooLongWord: A text has a word that is too long to be split from its beginning alone.
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
        counts = [min(len(tokens), self._most) + 2 for tokens in found]
        return StepOutput(tuple(made[role] for role in operation.roles), counts)


def _encoder(operation: contract.TokensSpec, path: Path, most: int) -> Encode:
    # Each imports its library, which models with another tokenizer do not pay for.
    if operation.file != TOKENIZER_FILE:
        from tflite_serving.preprocess.sentence_pieces import SentencePieces

        return SentencePieces(operation, path, most).encode
    if operation.words is not None:
        from tflite_serving.preprocess.word_pieces import WordPieces

        return WordPieces(operation.words, operation.unknown, path, most).encode
    from tflite_serving.preprocess.byte_pairs import BytePairs

    return BytePairs(path, most).encode
