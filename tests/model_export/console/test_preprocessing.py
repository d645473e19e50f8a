"""What the function does before the model sees an input, in words."""

from __future__ import annotations

from typing import get_args

import pytest

from model_export.console.preprocessing import image_in_words, operation_in_words
from tflite_serving.contract.categories import (
    CategoryEncoding,
    Concatenation,
    Discretization,
    HashedCrossing,
    HashingSpec,
)
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.preprocessing import (
    LookupSpec,
    Operation,
    Vocabulary,
    Words,
)
from tflite_serving.contract.tokens import TokensSpec

WORDS = LookupSpec(
    words=Words(lower=True, strip=True, split="whitespace", length=200),
    vocabulary=Vocabulary(strings=("good", "bad"), first=2, unknown=1, masked=""),
)

OPERATIONS: list[tuple[Operation, str]] = [
    (
        WORDS,
        (
            "lower-case, ASCII punctuation out, split at white space; 2 known words (good, bad), "
            "all others count as one unknown; 200 are kept, fewer are filled up with 0"
        ),
    ),
    (
        LookupSpec(
            words=Words(lower=False, strip=False, split="character", ngrams=(1, 2), length=None),
            vocabulary=Vocabulary(
                strings=tuple(map(str, range(1234))),
                first=1,
                unknown=0,
                encoding="count",
                width=1235,
            ),
        ),
        (
            "split into characters, 1 and 2 in a row looked up; 1,234 known words, all others "
            "count as one unknown, as one row that counts each"
        ),
    ),
    (
        LookupSpec(
            vocabulary=Vocabulary(
                integers=(1, 2), first=0, unknown=None, masked="-1", encoding="one_hot", width=2
            )
        ),
        (
            "2 known numbers (1, 2), others are refused, '-1' is missing, "
            "as a row with a 1 at its place"
        ),
    ),
    (
        LookupSpec(vocabulary=Vocabulary(strings=("a",), first=3, unknown=0, unknowns=3)),
        "1 known strings (a), all others share 3 unknowns, by a hash",
    ),
    (
        HashingSpec(bins=1000, masked="", encoding="multi_hot"),
        "hashed into 1,000 bins; '' is missing: bin 0, as one row with a 1 at the place of each",
    ),
    (HashedCrossing(bins=50), "hashed together into 50 bins"),
    (Discretization(edges=(18.0, 65.0)), "put into 3 bins, between 18, 65"),
    (
        CategoryEncoding(width=4, encoding="one_hot"),
        "indices below 4, as a row with a 1 at its place",
    ),
    (Concatenation(), "put one after the other"),
    (
        TokensSpec(
            file="tokenizer.json",
            start=2,
            end=3,
            padding=0,
            roles=("token_ids", "padding_mask"),
            buckets=(8, 32),
        ),
        (
            "tokens of tokenizer.json between a start and an end, filled up to 8, 32; "
            "beyond 32 they are cut off"
        ),
    ),
]

PICTURE = Image(mode="rgb", resize=Resize(height=96, width=128), scale=1 / 127.5, offset=-1.0)


@pytest.mark.parametrize(("operation", "words"), OPERATIONS)
def test_what_a_step_does_is_said(operation: Operation, words: str) -> None:
    assert operation_in_words(operation) == words


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (
            PICTURE,
            (
                "decoded, turned as its EXIF data say, made RGB, resized to 128×96, whatever its "
                "shape (bilinear, as Keras does it), each value ÷ 127.5 - 1"
            ),
        ),
        (
            Image(
                mode="gray", exif_orientation=False, resize=Resize(height=9, width=9, fit="crop")
            ),
            (
                "decoded, made gray, resized to 9×9, what is too long cut off "
                "(bilinear, as Keras does it)"
            ),
        ),
        (
            Image(mode="rgba", resize=Resize(height=9, width=9, fit="center")),
            "decoded, turned as its EXIF data say, made RGBA, 9×9 pixels cut from the middle",
        ),
    ],
)
def test_what_becomes_of_a_picture_is_said(image: Image, words: str) -> None:
    assert image_in_words(image) == words


def test_every_kind_of_step_has_words() -> None:
    assert {type(operation) for operation, _ in OPERATIONS} == set(get_args(Operation))
