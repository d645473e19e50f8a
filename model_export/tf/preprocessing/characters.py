"""Character classes and Unicode tables of TensorFlow, found by probing every character.

Each has tables of a version of Unicode that is neither the other's nor Python's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import numpy as np
import tensorflow as tf

from tflite_serving.preprocess.unicode_words import fold

_SURROGATES = range(0xD800, 0xE000)


@cache
def characters_like(pattern: str) -> str:
    """The characters that a regular expression of TensorFlow's matches, each alone.

    Returns:
        them as regular expressions of Python's write them between brackets.
    """
    matches = np.asarray(tf.strings.regex_full_match(tf.constant(_encoded()), pattern))
    return _as_set(np.flatnonzero(matches).tolist())


@cache
def folds() -> tuple[Mapping[str, str], str]:
    """What case folding makes of characters: where Python's differs, and the ones it takes out."""
    import tensorflow_text

    found = _changed(tensorflow_text.case_fold_utf8)
    everything = enumerate(_characters())
    ignored = [place for place, character in everything if found.get(character) == ""]
    different = {
        character: form
        for character in _characters()
        if (form := found.get(character, character)) and form != fold(character)
    }
    return different, _as_set(ignored)


@cache
def decompositions() -> Mapping[str, str]:
    """What canonical decomposition makes of characters, where Python's differs."""
    import tensorflow_text

    found = _changed(lambda texts: tensorflow_text.normalize_utf8(texts, "NFD"))
    return {
        character: form
        for character in _characters()
        if (form := found.get(character, character)) != unicodedata.normalize("NFD", character)
    }


def _changed(change: Callable[[tf.Tensor], tf.Tensor]) -> dict[str, str]:
    """What is made of characters, of those that do not stay as they are."""
    made = np.asarray(change(tf.constant(_encoded())))
    return {
        character: form.decode()
        for character, encoded, form in zip(_characters(), _encoded(), made, strict=True)
        if form != encoded
    }


@cache
def _characters() -> list[str]:
    return [chr(code) for code in range(0x110000) if code not in _SURROGATES]


@cache
def _encoded() -> list[bytes]:
    return [character.encode() for character in _characters()]


def _as_set(places: list[int]) -> str:
    """Characters by their places among all, as ranges."""
    return "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"
        for first, last in _ranges([ord(_characters()[place]) for place in places])
    )


def _ranges(codes: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of codes that follow each other."""
    if not codes:
        return
    first = last = codes[0]
    for code in codes[1:]:
        if code != last + 1:
            yield first, last
            first = code
        last = code
    yield first, last


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"
