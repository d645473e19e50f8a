"""SentencePieces are KerasHub's own, one by one, whatever the text and however long."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.texts import LONG_TEXTS, PARTS
from tests.support.models.tokenizer_pairs import (
    LONG,
    MEGABYTE,
    MEGABYTES,
    ODD,
    TEXTS,
    HubPair,
    LengthPair,
    examples,
)
from tflite_serving.errors import TooLongWord

HubPairs = Callable[[str], HubPair]
LengthPairs = Callable[[str], LengthPair]
KINDS = ("albert", "xlm_roberta", "deberta")


@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_have_the_same_tokens(kind: str, hub_pair: HubPairs) -> None:
    hub_pair(kind).check(list(ODD))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_tokens_of_long_texts_are_the_same(kind: str, hub_pair: HubPairs) -> None:
    hub_pair(kind).check(list(LONG))


@pytest.mark.parametrize("kind", ["albert", "xlm_roberta"])
@examples(25)
@given(texts=TEXTS)
def test_any_text_has_the_same_tokens(kind: str, hub_pair: HubPairs, texts: list[str]) -> None:
    hub_pair(kind).check_any(texts)


@pytest.mark.parametrize("kind", KINDS)
@examples(150)
@given(parts=st.lists(PARTS, min_size=1, max_size=30), more=LONG_TEXTS, place=st.integers(0, 10**6))
def test_what_is_settled_stays_whatever_follows(
    kind: str, length_pair: LengthPairs, parts: list[str], more: str, place: int
) -> None:
    length_pair(kind).check_settled_at(parts, more, place)


@pytest.mark.parametrize("kind", KINDS)
@examples(30)
@given(text=LONG_TEXTS)
def test_the_first_tokens_are_those_of_all_of_the_text(
    kind: str, length_pair: LengthPairs, text: str
) -> None:
    length_pair(kind).check(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", MEGABYTES.values(), ids=MEGABYTES)
def test_a_megabyte_has_tokens_like_its_beginning(
    kind: str, text: str, length_pair: LengthPairs
) -> None:
    length_pair(kind).check_megabyte(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("albert", "e" + "\u0301" * (MEGABYTE // 2)),
    ],
)
def test_a_word_that_must_be_read_to_its_end_is_refused_if_it_has_none(
    kind: str, text: str, length_pair: LengthPairs
) -> None:
    with pytest.raises(TooLongWord, match=r"\[0\]: expected no word, or row of spaces, of more"):
        length_pair(kind).first(text)
