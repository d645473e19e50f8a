"""Texts become words as KerasHub's WordPiece tokenizers split them, whatever is in them.

Of plain ASCII the `tokenizers` library makes the same words itself, and much faster.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property

from tflite_serving.contract.tokens import WordRules

_MOST_BYTES = 100
"""Of a word: longer ones are unknown to TensorFlow Text."""

_BEYOND_PLAIN = re.compile(r"[\0-\x08\x0e-\x1f\x7f]")


class OddWords:
    """Splits texts by rules that know all of Unicode.

    Args:
        rules: of the tokenizer.
        unknown: the word that stands for all that are unknown.
    """

    def __init__(self, rules: WordRules, unknown: str) -> None:
        self._rules = rules
        self._unknown = unknown
        self._special = frozenset(rules.special)

    def is_plain(self, text: str) -> bool:
        """Whether the `tokenizers` library would find the same words."""
        if not text.isascii() or (not text.isprintable() and _BEYOND_PLAIN.search(text)):
            return False
        return not any(word in text for word in self._special)

    def of(self, text: str) -> list[str]:
        """The words of a text, in its order, none of them empty."""
        text = text.partition("\0")[0]  # where TensorFlow Text stops reading
        if self._rules.marks:
            text = unicodedata.normalize("NFD", text.translate(self._decompositions))
            text = self._marks.sub("", text)
        words = [self._folded(word) for word in self._places.split(text) if word]
        return [
            word if len(word.encode()) <= _MOST_BYTES else self._unknown for word in words if word
        ]

    def _folded(self, word: str) -> str:
        if not self._rules.lower or word in self._special:
            return word
        return unicodedata.normalize("NFC", word.translate(self._folds))

    # They take a moment to compile, and most texts need none of them.

    @cached_property
    def _places(self) -> re.Pattern[str]:
        special = "".join(re.escape(word) + "|" for word in self._rules.special)
        return re.compile(f"({special}[{self._rules.kept}])|[{self._rules.dropped}]")

    @cached_property
    def _marks(self) -> re.Pattern[str]:
        return re.compile(f"[{self._rules.marks}]")

    @cached_property
    def _decompositions(self) -> dict[int, str]:
        return {ord(character): form for character, form in self._rules.decompositions.items()}

    @cached_property
    def _folds(self) -> _Folds:
        return _Folds(self._rules)


class _Folds(dict[int, str]):
    """What folding makes of each character, worked out when it is first met."""

    def __init__(self, rules: WordRules) -> None:
        super().__init__({ord(character): form for character, form in rules.folds.items()})
        self._ignored = re.compile(f"[{rules.ignored}]")

    def __missing__(self, code: int) -> str:
        character = chr(code)
        form = "" if self._ignored.match(character) else fold(character)
        self[code] = form
        return form


def fold(character: str) -> str:
    """NFKC_Casefold of a character, but for those that it takes out.

    Unicode defines it by character, with NFC of the whole; Python's own functions, one after the
    other over a whole text, give something else where marks follow each other.
    """
    folded = unicodedata.normalize("NFKC", character).casefold()
    return unicodedata.normalize("NFKC", folded)
