"""Tokenizers of KerasHub beside ours, and ours that cut soon beside those that do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from model_export.tf.preprocessing.hub_tasks import split_task
from model_export.tf.task_source import TaskSource
from tests.support.examples.texts import PARTS
from tests.support.models.transformers import LINES, classifier, written
from tflite_serving.contract.tokens import TOKENIZER_FILE
from tflite_serving.preprocess.byte_pairs import BytePairs
from tflite_serving.preprocess.pipeline import Pipeline
from tflite_serving.preprocess.sentence_pieces import SentencePieces
from tflite_serving.preprocess.tokens import Tokens
from tflite_serving.preprocess.unicode_words import OddWords

LENGTH = 12
WHOLE = 2**15
"""Tokens: more than the texts here have, so that all of them is read."""
MEGABYTE = 2**20

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
_REPEATED = " ".join(LINES)
LONG = (
    _REPEATED * 60,
    _REPEATED.replace(" ", "") * 60,
    "x " * 5_000,
    " \n" * 20 + _REPEATED * 20,
)
MEGABYTES = {
    "words": " ".join(LINES) * (MEGABYTE // 200),
    "without spaces": "日本語のテキスト、中文。" * (MEGABYTE // 36),
    "signs": "a," * (MEGABYTE // 2),
    "nothing to see": "\u200b \xad\n" * (MEGABYTE // 8),
}


def examples(count: int) -> settings:
    """Settings of a property test that asks a pair of a fixture."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=checks)


class HubPair:
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

    def check_any(self, texts: list[str]) -> None:
        # KerasHub's own joker for special tokens in byte pairs, which users may not type.
        self.check([text.replace("Ĵ", "J") for text in texts])


class LengthPair:
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

    def check_settled_at(self, parts: list[str], more: str, place: int) -> None:
        text = "".join(parts).replace("\0", "")
        self.check_settled(text + more, place % (len(text) + 1))

    def check_megabyte(self, text: str) -> None:
        assert self.first(text) == self.first(text[:2_000])
