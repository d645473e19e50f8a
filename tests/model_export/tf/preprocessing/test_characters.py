"""What TensorFlow takes characters for."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf

from model_export.tf.preprocessing.characters import characters_like, decompositions, folds
from tflite_serving.preprocess.unicode_words import fold


@pytest.mark.parametrize("pattern", [r"[[:digit:]]", r"\p{Nd}", r"[a-c\x{1F600}-\x{1F602}]"])
def test_the_characters_of_a_pattern_are_those_that_tensorflow_matches(pattern: str) -> None:
    like = re.compile(f"[{characters_like(pattern)}]")
    for character in ("0", "9", "a", "c", "d", "٣", "६", "😀", "😂", "😃", "\U0010ffff"):
        matches = bool(tf.strings.regex_full_match(character, pattern).numpy())
        assert bool(like.fullmatch(character)) == matches, character


def test_a_pattern_that_matches_nothing_is_an_empty_set() -> None:
    assert characters_like(r"ab") == ""


def test_folding_is_told_only_where_python_folds_otherwise() -> None:
    import tensorflow_text

    different, ignored = folds()
    taken_out = re.compile(f"[{ignored}]")
    for character in ("A", "ß", "İ", "ﬁ", "\u00ad", "\u200b", "語", *list(different)[:5]):
        theirs = tensorflow_text.case_fold_utf8(character).numpy().decode()
        ours = "" if taken_out.match(character) else different.get(character, fold(character))
        assert ours == theirs, character


def test_decompositions_are_told_only_where_pythons_are_others() -> None:
    import tensorflow_text

    assert "é" not in decompositions()
    for character, form in list(decompositions().items())[:5]:
        assert tensorflow_text.normalize_utf8(character, "NFD").numpy().decode() == form
