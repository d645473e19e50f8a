"""WordPieces are KerasHub's own, one by one, whatever the text and however long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from model_export.tf.preprocessing.hub_tasks import split_task
from model_export.tf.task_source import TaskSource
from tests.support.examples.texts import LONG_TEXTS
from tests.support.models.tokenizer_pairs import (
    LONG,
    MEGABYTES,
    ODD,
    TEXTS,
    HubPair,
    LengthPair,
    examples,
)
from tests.support.models.transformers import classifier
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tokens import TokensSpec
from tflite_serving.preprocess.tokens import Tokens

HubPairs = Callable[[str], HubPair]
LengthPairs = Callable[[str], LengthPair]
KINDS = ("bert", "bert_cased", "bert_without_accents")


@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_have_the_same_tokens(kind: str, hub_pair: HubPairs) -> None:
    hub_pair(kind).check(list(ODD))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_tokens_of_long_texts_are_the_same(kind: str, hub_pair: HubPairs) -> None:
    hub_pair(kind).check(list(LONG))


@pytest.mark.parametrize("kind", KINDS)
@examples(25)
@given(texts=TEXTS)
def test_any_text_has_the_same_tokens(kind: str, hub_pair: HubPairs, texts: list[str]) -> None:
    hub_pair(kind).check_any(texts)


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


def test_an_older_python_is_refused_where_its_unicode_is_too_old(tmp_path: Path) -> None:
    parts = split_task(TaskSource(classifier("bert"), "bert"), "bert")
    (name, data), *_ = parts.assets.items()
    (tmp_path / name).write_bytes(data)
    tokens = parts.preprocessing.steps[0].tokens
    assert isinstance(tokens, TokensSpec)
    assert tokens.words is not None
    newer = replace(tokens, words=replace(tokens.words, unicode="99.0.0"))
    with pytest.raises(ContractError, match=r"expected Python to know Unicode 99\.0\.0"):
        Tokens(newer, {name: tmp_path / name})
