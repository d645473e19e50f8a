"""Converts KerasHub's tokenizers to tokenizer files and specifications."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras_hub
from keras_hub.src.tokenizers import byte_pair_tokenizer, word_piece_tokenizer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from model_export.errors import ConversionError
from model_export.tf.preprocessing import characters
from tflite_serving.contract.tokens import SENTENCE_PIECE_FILE, TOKENIZER_FILE, WordRules

_MOST_CHARACTERS = 100
"""Of a word: TensorFlow Text counts bytes, which of ASCII are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A tokenizer, by the members of `contract.tokens.Tokens` that it decides.

    Attributes:
        file: name of its file in the artifact.
        data: content of that file.
        words, unknown, prefix, offset, zero: see there.
    """

    file: str
    data: bytes
    words: WordRules | None = None
    unknown: str = ""
    prefix: str = ""
    offset: int = 0
    zero: int | None = None


def encoding_of(tokenizer: Any, where: str) -> Encoding:
    """What a tokenizer of KerasHub does, as its models were trained with it.

    KerasHub has two implementations of each. `fit` and `predict` use the one that is made of
    TensorFlow's operators; where they differ, that one counts.

    Args:
        tokenizer: of KerasHub, with its vocabulary.
        where: the model came from, for complaints.

    Raises:
        ConversionError: the function cannot do it.
    """
    for cls, encode in _ENCODINGS.items():
        if isinstance(tokenizer, cls):
            return encode(tokenizer, where)
    raise ConversionError(
        f"{where}: {type(tokenizer).__name__}: the function knows WordPiece, byte pairs and "
        "SentencePiece; save the model without its preprocessor, and send it token ids"
    )


def _word_piece(tokenizer: Any, where: str) -> Encoding:
    _expect(tokenizer, where, split=True, split_on_cjk=(True, False))
    words = list(tokenizer.vocabulary)
    if len(set(words)) < len(words):
        twice = next(word for word in words if words.count(word) > 1)
        raise ConversionError(f"{where}: vocabulary: expected each word once, got {twice!r} twice")
    special = tokenizer._special_tokens_for_splitting() or ()  # noqa: SLF001
    kept = word_piece_tokenizer.PUNCTUATION_REGEX
    if tokenizer.split_on_cjk:
        kept += "|" + word_piece_tokenizer.CJK_REGEX
    different, ignored = characters.folds() if tokenizer.lowercase else ({}, "")
    strip = bool(tokenizer.strip_accents)
    made = Tokenizer(
        models.WordPiece(
            {word: index for index, word in enumerate(words)},
            unk_token=tokenizer.oov_token,
            max_input_chars_per_word=_MOST_CHARACTERS,
            continuing_subword_prefix=tokenizer.suffix_indicator,
        )
    )
    if tokenizer.lowercase:
        made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return Encoding(
        file=TOKENIZER_FILE,
        data=made.to_str().encode(),
        words=WordRules(
            unicode=unicodedata.unidata_version,
            dropped=characters.characters_like(word_piece_tokenizer.WHITESPACE_REGEX),
            kept=characters.characters_like(kept),
            marks=characters.characters_like(r"\p{Mn}") if strip else "",
            decompositions=characters.decompositions() if strip else {},
            lower=bool(tokenizer.lowercase),
            ignored=ignored,
            folds=different,
            special=tuple(sorted(special)),
        ),
        unknown=tokenizer.oov_token,
    )


def _byte_pair(tokenizer: Any, where: str) -> Encoding:
    vocabulary = dict(tokenizer.vocabulary)
    missing = sorted(set(pre_tokenizers.ByteLevel.alphabet()) - set(vocabulary))
    if missing:
        raise ConversionError(
            f"{where}: vocabulary: expected a token for each of the 256 bytes, got none for "
            f"{len(missing)} of them, such as {missing[0]!r}: Keras gives these the id -1"
        )
    merges = [merge for merge in tokenizer.merges if "#version:" not in merge.lstrip()]
    pairs = [tuple(merge.split(" ")) for merge in merges]
    made = Tokenizer(models.BPE(vocabulary, pairs))
    special = sorted(tokenizer.unsplittable_tokens or ())
    if special:
        made.add_special_tokens(special)
    spaces = byte_pair_tokenizer.SPECIAL_WHITESPACES
    for name, character in _MARKS.items():
        spaces = spaces.replace(name, character)
    made.normalizer = normalizers.Replace(Regex(f" (?=[^ \\t\\n\\f\\r{spaces}])"), f"{_MARK} ")
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_first_split(spaces)), "isolated"),
            pre_tokenizers.Split(Regex(f"[ \\t\\r\\f\\x0b{_MARK}{spaces}]\\z"), "isolated"),
            pre_tokenizers.Split(Regex(f"\\A{_MARK}\\z"), "removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return Encoding(
        file=TOKENIZER_FILE,
        data=made.to_str().encode(),
        prefix=" " if tokenizer.add_prefix_space else "",
    )


_MARK = "६"
"""What KerasHub puts in front of spaces, where other implementations look ahead."""

_MARKS = {r"\x{a0}": "\xa0", r"\x{2009}": "\u2009", r"\x{202f}": "\u202f", r"\x{3000}": "\u3000"}


def _first_split(spaces: str) -> str:
    """KerasHub's SPLIT_PATTERN_1, with TensorFlow's own notion of letters and numbers."""
    letters, numbers = (
        _for_tokenizers(characters.characters_like(kind)) for kind in (r"\p{L}", r"\p{N}")
    )
    white = f" \\t\\n\\f\\r{spaces}"
    # Where spaces do not match from the first of them on, they do not from a later one either; to
    # try each would take minutes for a megabyte of them.
    spaces_in_a_row = f"(?<![{white}])[{white}]+[\\n\\r\\t\\f{_MARK}{spaces}]"
    return (
        f"'s|'t|'re|'ve|'m|'ll|'d|{spaces_in_a_row}| ?[{letters}]+"
        f"| ?[{numbers}]+| ?[^{white}{letters}{numbers}]+"
    )


def _for_tokenizers(python: str) -> str:
    """A set of characters as the library's regular expressions write it."""
    return re.sub(r"\\U([0-9a-f]{8})", r"\\x{\1}", python)


def _sentence_piece(tokenizer: Any, where: str) -> Encoding:
    _expect(tokenizer, where, add_bos=False, add_eos=False)
    shifted = isinstance(tokenizer, keras_hub.models.XLMRobertaTokenizer)
    return Encoding(
        file=SENTENCE_PIECE_FILE,
        data=bytes(tokenizer.proto),
        offset=1 if shifted else 0,
        zero=tokenizer.unk_token_id if shifted else None,
    )


def _expect(tokenizer: Any, where: str, **settings: object) -> None:
    """Raises `ConversionError` unless a tokenizer's settings are those that the function knows."""
    for name, expected in settings.items():
        value = getattr(tokenizer, name)
        if value != expected and not (isinstance(expected, tuple) and value in expected):
            raise ConversionError(
                f"{where}: {type(tokenizer).__name__}: {name}: expected {expected}, got {value}; "
                "the function does nothing else"
            )


_ENCODINGS: Mapping[type, Callable[[Any, str], Encoding]] = {
    keras_hub.tokenizers.WordPieceTokenizer: _word_piece,
    keras_hub.tokenizers.BytePairTokenizer: _byte_pair,
    keras_hub.tokenizers.SentencePieceTokenizer: _sentence_piece,
}
"""By the class that a model's own tokenizer is derived from."""
