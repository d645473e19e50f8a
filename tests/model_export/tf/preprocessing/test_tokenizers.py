"""Tokens are KerasHub's own, one by one, whatever the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_export.errors import ConversionError
from model_export.tf.preprocessing.hub_tasks import split_task
from model_export.tf.preprocessing.tokenizers import encoding_of
from model_export.tf.task_source import TaskSource
from tests.support.examples.texts import PARTS
from tests.support.models.transformers import KINDS as CLASSIFIERS
from tests.support.models.transformers import LINES, classifier, tokenizer, written
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tokens import TokensSpec as Operation
from tflite_serving.preprocess.pipeline import Pipeline
from tflite_serving.preprocess.tokens import Tokens

# The texts that made someone write a rule for them, and what users type to see what happens.
ODD = (
    *("", " ", "  lead and trail  ", "a  b   c\t\td\n\ne\r\n", "\x0b\x0c\x1f\x7f\x85\xa0"),
    *("cut\0here", "\0", "[CLS] hello [SEP][MASK]", "<s>hi</s> <pad>x<mask>", "## ##ing #"),
    *("e\u0301 e\u034f\u0301 \u0301x", "α\u0345\u0301 ᾳ\u0301", "<\u0338 =\u0338", "a\u0327\u0301"),
    *("İstanbul ı ẞ straße ΣΊΣΥΦΟΣ ﬁ ﷺ", "½ ² ① … ㍿ ＡＢＣ＃", "𝐇𝐞𝐥𝐥𝐨 \U0001ccd6 \U000105c9"),
    *("日本語テキスト中文\uf900\U0002f800", "각 \u1100\u1161\u11a8 각", "\u302e\u302f\U0001d165"),
    *("zero\u200bwidth\u200d\ufeff \u2060", "\u202eright\u202c שלום مرحبا", "👩‍👩‍👧 👍🏽 🇩🇪"),
    *("a" * 99, "a" * 100, "a" * 101, "é" * 50, "é" * 51, "x" * 300, "don't I'LL we've '"),
    *("١٢٣ ६ ६५ x६", " \xa0\u2009\u202f\u3000", "nb\xa0sp \u2028\u2029", "\ud7ff\ue000\U0010ffff"),
)
TEXTS = st.lists(st.lists(PARTS, max_size=6).map("".join), min_size=1, max_size=30)


class Pair:
    """KerasHub's tokenizer, and ours that was made of it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.source = TaskSource(classifier(kind), kind)
        self.source.preprocessor.sequence_length = 64
        parts = split_task(self.source, kind)
        files = written(parts.assets, folder)
        self.pipeline = Pipeline(
            parts.preprocessing, {i.name: i.shape for i in self.source.core.inputs}, files
        )

    def check(self, texts: list[str]) -> None:
        expected = self.source.tokens(texts)
        found = self.pipeline.run({"text": np.array([*texts, ""], dtype=object)[:-1]}).arrays
        assert list(found) == list(expected)
        for name, values in expected.items():
            for text, ours, theirs in zip(texts, found[name], values, strict=True):
                assert ours.tolist() == theirs.tolist(), (name, text)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    return cache(lambda kind: Pair(kind, tmp_path_factory.mktemp(kind)))


KINDS = ("bert", "bert_cased", "bert_without_accents", "roberta", "albert", "xlm_roberta")


@pytest.mark.parametrize("kind", [*KINDS, "deberta"])
def test_odd_texts_have_the_same_tokens(kind: str, pair: Callable[[str], Pair]) -> None:
    pair(kind).check(list(ODD))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_the_first_tokens_of_long_texts_are_the_same(
    kind: str, pair: Callable[[str], Pair]
) -> None:
    whole = " ".join(LINES)
    pair(kind).check(
        [whole * 60, whole.replace(" ", "") * 60, "x " * 5_000, " \n" * 20 + whole * 20]
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=TEXTS)
def test_any_text_has_the_same_tokens(
    kind: str, pair: Callable[[str], Pair], texts: list[str]
) -> None:
    # KerasHub's own joker for special tokens in byte pairs, which users may not type.
    pair(kind).check([text.replace("Ĵ", "J") for text in texts])


@pytest.mark.parametrize("kind", ["bert", "bert_without_accents"])
def test_every_character_of_unicode_has_the_same_tokens(
    kind: str, pair: Callable[[str], Pair]
) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    # Many in one text, which is much faster, each a word of its own and one within a word.
    parts = [f"{character} w{character}s" for character in characters if character != "\0"]
    pair(kind).check([" ".join(parts[at : at + 8]) for at in range(0, len(parts), 8)][::13])


def test_what_keras_hub_cannot_do_right_is_refused() -> None:
    words = tokenizer("bert")
    words.split = False
    with pytest.raises(ConversionError, match="split: expected True, got False"):
        encoding_of(words, "a.keras")
    pairs = tokenizer("roberta")
    del pairs.vocabulary["a"]
    with pytest.raises(ConversionError, match="256 bytes, got none for 1 of them, such as 'a'"):
        encoding_of(pairs, "a.keras")
    pieces = tokenizer("albert")
    pieces.add_bos = True
    with pytest.raises(ConversionError, match="add_bos: expected False, got True"):
        encoding_of(pieces, "a.keras")
    with pytest.raises(ConversionError, match="Layer: the function knows WordPiece"):
        encoding_of(tf.keras.layers.Layer(), "a.keras")


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    for kind in ("bert", "roberta", "albert"):
        parts = split_task(TaskSource(classifier(kind), kind), kind)
        tokens = parts.preprocessing.steps[0].tokens
        assert tokens is not None
        path = tmp_path / tokens.file
        path.write_bytes(b"{}")
        with pytest.raises(ContractError, match="cannot read it"):
            Tokens(tokens, {tokens.file: path})
        with pytest.raises(ContractError, match="expected a file of the artifact"):
            Tokens(tokens, {})


def test_an_older_python_is_refused_where_its_unicode_is_too_old(tmp_path: Path) -> None:
    parts = split_task(TaskSource(classifier("bert"), "bert"), "bert")
    (name, data), *_ = parts.assets.items()
    (tmp_path / name).write_bytes(data)
    tokens = parts.preprocessing.steps[0].tokens
    assert isinstance(tokens, Operation)
    assert tokens.words is not None
    newer = replace(tokens, words=replace(tokens.words, unicode="99.0.0"))
    with pytest.raises(ContractError, match=r"expected Python to know Unicode 99\.0\.0"):
        Tokens(newer, {name: tmp_path / name})
