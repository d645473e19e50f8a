"""Loads and runs a tokenizer file of the `tokenizers` library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tflite_serving.contract.codec import ContractError


def load(path: Path) -> Any:
    """Loads a `tokenizers.Tokenizer`.

    Raises:
        ContractError: The file is damaged.
    """
    from tokenizers import Tokenizer  # which only the models that need it pay for

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        # The library raises Exception itself.
        raise ContractError(path.name, f"tokenizers cannot read it: {error}") from None


def encode_all(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Token ids of texts."""
    if len(texts) == 1:  # which threads would not make faster
        return [tokenizer.encode(texts[0], add_special_tokens=False).ids]
    return [each.ids for each in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
