"""Texts become words by rules that know all of Unicode, as KerasHub's do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.texts import LONG_TEXTS, PARTS
from tests.support.models.tokenizer_pairs import (
    MEGABYTE,
    HubPair,
    LengthPair,
    examples,
)

HubPairs = Callable[[str], HubPair]
LengthPairs = Callable[[str], LengthPair]
KINDS = ("bert", "bert_cased", "bert_without_accents")


@pytest.mark.parametrize("kind", ["bert", "bert_without_accents"])
def test_every_character_of_unicode_has_the_same_tokens(kind: str, hub_pair: HubPairs) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    # Many in one text, which is much faster, each a word of its own and one within a word.
    parts = [f"{character} w{character}s" for character in characters if character != "\0"]
    hub_pair(kind).check([" ".join(parts[at : at + 8]) for at in range(0, len(parts), 8)][::13])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    ["a" * MEGABYTE, "😀" * (MEGABYTE // 4), "e" + "\u0301\u0316" * (MEGABYTE // 4)],
    ids=["letters", "signs", "marks that change places"],
)
def test_a_word_of_a_megabyte_is_one_that_nobody_knows(
    kind: str, text: str, length_pair: LengthPairs
) -> None:
    pair = length_pair(kind)
    is_bare = kind == "bert_without_accents" and "\u0301" in text
    expected = "e ." if is_bare else "\U00100000 ."
    assert pair.first(text + " .") == pair.first(expected)


@pytest.mark.parametrize("kind", ["bert", "bert_without_accents"])
def test_a_word_may_begin_with_any_number_of_characters_that_folding_takes_out(
    kind: str, length_pair: LengthPairs
) -> None:
    pair = length_pair(kind)
    assert pair.first("\u200b" * 5_000 + "Waits") == pair.first("waits")


@pytest.mark.parametrize("kind", KINDS)
@examples(150)
@given(parts=st.lists(PARTS, min_size=1, max_size=30), more=LONG_TEXTS, place=st.integers(0, 10**6))
def test_what_is_settled_stays_whatever_follows(
    kind: str, length_pair: LengthPairs, parts: list[str], more: str, place: int
) -> None:
    length_pair(kind).check_settled_at(parts, more, place)
