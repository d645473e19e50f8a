"""Interface of the tokenizers, and encoding of batches with exceptional texts."""

from __future__ import annotations

from collections.abc import Callable

Encode = Callable[[list[str]], list[list[int]]]
"""Texts to the ids of their tokens, without what is put around them.

Of a long text these are the first ones, as many as are wanted, and the same as of all of it. It
raises `errors.TooLongWord` where they cannot be found without reading far on.
"""


def some_apart(
    texts: list[str], is_odd: list[bool], together: Encode, alone: Callable[[int, str], list[int]]
) -> list[list[int]]:
    """Encodes texts, of which the exceptional ones need another function.

    Args:
        texts: Texts of a batch.
        is_odd: Whether each text is an exceptional one.
        together: Function that encodes all ordinary texts at once.
        alone: Function that encodes one exceptional text, given its index in the batch.
    """
    if not any(is_odd):
        return together(texts)
    others = [text for text, odd in zip(texts, is_odd, strict=True) if not odd]
    found = iter(together(others) if others else ())
    return [
        alone(index, text) if odd else next(found)
        for index, (text, odd) in enumerate(zip(texts, is_odd, strict=True))
    ]
