"""Describes preprocessing steps in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from tflite_serving.contract.categories import (
    CategoryEncoding,
    Concatenation,
    Discretization,
    HashedCrossing,
    HashingSpec,
)
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.preprocessing import LookupSpec, Operation, Step, Vocabulary, Words
from tflite_serving.contract.tokens import TokensSpec

_MOST_LISTED = 10

_ENCODED = {
    "int": "",
    "one_hot": ", as a row with a 1 at its place",
    "multi_hot": ", as one row with a 1 at the place of each",
    "count": ", as one row that counts each",
    "tf_idf": ", as one row that counts each, times its TF-IDF weight",
}


def step_in_words(step: Step) -> str:
    """What one layer that was cut off does."""
    takes = ", ".join(step.inputs)
    return f"{step.layer} ({takes}): {operation_in_words(step.operation)}"


def operation_in_words(operation: Operation) -> str:  # noqa: PLR0911  # one for each
    """What an operation does."""
    match operation:
        case LookupSpec():
            words = f"{_words(operation.words)}; " if operation.words else ""
            kept = operation.words.length if operation.words else None
            length = f"; {kept:,} are kept, fewer are filled up with 0" if kept else ""
            vocabulary = _vocabulary(operation.vocabulary, of_texts=operation.words is not None)
            return f"{words}{vocabulary}{length}"
        case HashingSpec():
            missing = (
                "" if operation.masked is None else f"; {operation.masked!r} is missing: bin 0"
            )
            salted = "" if operation.salt is None else ", with a salt"
            return (
                f"hashed into {operation.bins:,} bins{salted}{missing}"
                f"{_ENCODED[operation.encoding]}"
            )
        case HashedCrossing():
            return f"hashed together into {operation.bins:,} bins{_ENCODED[operation.encoding]}"
        case Discretization():
            edges = listed([f"{edge:g}" for edge in operation.edges])
            return (
                f"put into {len(operation.edges) + 1} bins, between {edges}"
                f"{_ENCODED[operation.encoding]}"
            )
        case CategoryEncoding():
            return f"indices below {operation.width:,}{_ENCODED[operation.encoding]}"
        case Concatenation():
            return "put one after the other"
        case TokensSpec():
            lengths = ", ".join(f"{size:,}" for size in operation.buckets)
            return (
                f"tokens of {operation.file} between a start and an end, filled up to {lengths}; "
                f"beyond {operation.length:,} they are cut off"
            )
        case _:
            assert_never(operation)


def image_in_words(image: Image) -> str:
    """What becomes of a picture."""
    done = ["decoded"]
    if image.exif_orientation:
        done.append("turned as its EXIF data say")
    done.append({"gray": "made gray", "rgb": "made RGB", "rgba": "made RGBA"}[image.mode])
    if image.resize is not None:
        done.append(_resize(image.resize))
    if image.is_scaled:
        offset = (
            f" {'+' if image.offset > 0 else '-'} {abs(image.offset):g}" if image.offset else ""
        )
        # Dividing by 255 says more than multiplying by 0.00392157.
        by = f"÷ {1 / image.scale:g}" if 0 < image.scale < 1 else f"× {image.scale:g}"
        done.append(f"each value {by}{offset}")
    return ", ".join(done)


def _resize(resize: Resize) -> str:
    size = f"{resize.width}×{resize.height}"
    if resize.fit == "center":
        return f"{size} pixels cut from the middle"
    how = {
        "stretch": "whatever its shape",
        "crop": "what is too long cut off",
        "pad": f"borders of {resize.fill:g} added",
    }[resize.fit]
    smooth = ", antialiased" if resize.antialias else ""
    by = "Keras" if resize.by == "keras" else "Pillow"
    return f"resized to {size}, {how} ({resize.method}{smooth}, as {by} does it)"


def _words(words: Words) -> str:
    done = []
    if words.lower:
        done.append("lower-case")
    if words.strip:
        done.append("ASCII punctuation out")
    done.append(
        {
            "whitespace": "split at white space",
            "character": "split into characters",
            "none": "taken as one word",
        }[words.split]
    )
    if words.ngrams != (1,):
        done.append(f"{' and '.join(map(str, words.ngrams))} in a row looked up")
    return ", ".join(done)


def _vocabulary(vocabulary: Vocabulary, *, of_texts: bool) -> str:
    known = vocabulary.strings or vocabulary.integers
    what = "words" if of_texts else "strings" if vocabulary.strings else "numbers"
    if vocabulary.unknown is None:
        others = "others are refused"
    elif vocabulary.unknowns == 1:
        others = "all others count as one unknown"
    else:
        by = "a hash" if vocabulary.share == "hash" else "their remainder"
        others = f"all others share {vocabulary.unknowns} unknowns, by {by}"
    shown = f" ({listed([*map(str, known)])})" if len(known) <= _MOST_LISTED else ""
    # Of texts it is the empty word, which splitting does not make.
    is_told = vocabulary.masked is not None and not of_texts
    missing = f", {vocabulary.masked!r} is missing" if is_told else ""
    return f"{len(known):,} known {what}{shown}, {others}{missing}{_ENCODED[vocabulary.encoding]}"


def listed(names: Sequence[str]) -> str:
    """Names with commas between; of many, the first and how many more there are."""
    if len(names) <= _MOST_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[: _MOST_LISTED - 1])}, … and {len(names) - _MOST_LISTED + 1:,} more"
