"""Of a long text no more is read than need be, and its first tokens are those of all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_export.tf.preprocessing.hub_tasks import split_task
from model_export.tf.task_source import TaskSource
from tests.support.examples.texts import LONG_TEXTS as TEXTS
from tests.support.examples.texts import PARTS
from tests.support.models.transformers import KINDS, LINES, classifier, written
from tflite_serving.contract.tokens import TOKENIZER_FILE
from tflite_serving.errors import TooLongWord
from tflite_serving.preprocess.byte_pairs import BytePairs
from tflite_serving.preprocess.sentence_pieces import SentencePieces
from tflite_serving.preprocess.tokens import Tokens
from tflite_serving.preprocess.unicode_words import OddWords

LENGTH = 12
WHOLE = 2**15
"""Tokens: more than the texts here have, so that all of them is read."""
MEGABYTE = 2**20


class Pair:
    """A tokenizer that cuts sequences soon, and one that hardly does."""

    def __init__(self, kind: str, folder: Path) -> None:
        parts = split_task(TaskSource(classifier(kind), kind), kind)
        (step,) = parts.preprocessing.steps
        assert step.tokens is not None
        files = written(parts.assets, folder)
        self._place = step.tokens.roles.index("token_ids")
        self._operation, self._file = step.tokens, files[step.tokens.file]
        self._short, self._whole = (
            Tokens(replace(step.tokens, buckets=(length,)), files) for length in (LENGTH, WHOLE)
        )

    def check_settled(self, text: str, size: int) -> None:
        """That what is told of the beginning of a text is right."""
        found: list[Any] = []
        whole: list[Any]
        operation, file = self._operation, self._file
        if operation.words is not None:
            words = OddWords(operation.words, operation.unknown)
            found, whole = words.settled(text[:size], WHOLE), words.of(text, WHOLE)
        elif operation.file == TOKENIZER_FILE:
            pairs = BytePairs(file, WHOLE)
            found, (whole,) = pairs.settled(text[:size]), pairs.encode([text])
        else:
            bare = replace(operation, offset=0, zero=None)
            whole, part = SentencePieces(bare, file, WHOLE).encode([text, text[:size]])
            for most in range(max(1, len(part) - 8), len(part) + 1):
                found = SentencePieces(bare, file, most).settled(text, size)
                assert found == whole[: len(found)]
        assert found == whole[: len(found)]

    def first(self, text: str) -> tuple[list[int], int]:
        """The first ids, without the start and the end, and the count, with them."""
        return self._ids(self._short, text)

    def check(self, text: str) -> None:
        ids, count = self._ids(self._whole, text)
        assert self.first(text) == (ids[: LENGTH - 2], min(count, LENGTH + 1))

    def _ids(self, tokens: Tokens, text: str) -> tuple[list[int], int]:
        made = tokens.run([np.array([text, ""], object)[:1]])
        ids = made.arrays[self._place][0].tolist()
        count = made.counts[0]
        return ids[1 : min(count, len(ids)) - 1], count


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    return cache(lambda kind: Pair(kind, tmp_path_factory.mktemp(kind)))


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(parts=st.lists(PARTS, min_size=1, max_size=30), more=TEXTS, place=st.integers(0, 10**6))
def test_what_is_settled_stays_whatever_follows(
    kind: str, pair: Callable[[str], Pair], parts: list[str], more: str, place: int
) -> None:
    text = "".join(parts).replace("\0", "")
    pair(kind).check_settled(text + more, place % (len(text) + 1))


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=TEXTS)
def test_the_first_tokens_are_those_of_all_of_the_text(
    kind: str, pair: Callable[[str], Pair], text: str
) -> None:
    pair(kind).check(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        " ".join(LINES) * (MEGABYTE // 200),
        "日本語のテキスト、中文。" * (MEGABYTE // 36),
        "a," * (MEGABYTE // 2),
        "\u200b \xad\n" * (MEGABYTE // 8),
    ],
    ids=["words", "without spaces", "signs", "nothing to see"],
)
def test_a_megabyte_has_tokens_like_its_beginning(
    kind: str, text: str, pair: Callable[[str], Pair]
) -> None:
    assert pair(kind).first(text) == pair(kind).first(text[:2_000])


@pytest.mark.parametrize("kind", ["bert", "bert_cased", "bert_without_accents"])
@pytest.mark.parametrize(
    "text",
    ["a" * MEGABYTE, "😀" * (MEGABYTE // 4), "e" + "\u0301\u0316" * (MEGABYTE // 4)],
    ids=["letters", "signs", "marks that change places"],
)
def test_a_word_of_a_megabyte_is_one_that_nobody_knows(
    kind: str, text: str, pair: Callable[[str], Pair]
) -> None:
    is_bare = kind == "bert_without_accents" and "\u0301" in text
    expected = "e ." if is_bare else "\U00100000 ."
    assert pair(kind).first(text + " .") == pair(kind).first(expected)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("roberta", "a" * MEGABYTE),
        ("roberta", " " * MEGABYTE),
        ("roberta", "e" + "\u0301\u0316" * (MEGABYTE // 4)),
        ("albert", "e" + "\u0301" * (MEGABYTE // 2)),
    ],
)
def test_a_word_that_must_be_read_to_its_end_is_refused_if_it_has_none(
    kind: str, text: str, pair: Callable[[str], Pair]
) -> None:
    with pytest.raises(TooLongWord, match=r"\[0\]: expected no word, or row of spaces, of more"):
        pair(kind).first(text)


@pytest.mark.parametrize("kind", ["bert", "bert_without_accents"])
def test_a_word_may_begin_with_any_number_of_characters_that_folding_takes_out(
    kind: str, pair: Callable[[str], Pair]
) -> None:
    assert pair(kind).first("\u200b" * 5_000 + "Waits") == pair(kind).first("waits")
