"""Splits any Unicode text into words, as KerasHub's WordPiece tokenizers do.

Of plain ASCII the `tokenizers` library makes the same words itself, and much faster; but always of
all of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice

from tflite_serving.contract.tokens import WordRules
from tflite_serving.preprocess.character_sets import coarse

_MOST_BYTES = 100
"""Of a word: longer ones are unknown to TensorFlow Text."""
_MOST_FOLDED = 4 * _MOST_BYTES
"""Characters of a word: canonical composition makes one of four at most."""
_CHARACTERS = 8
"""That a word has at first sight, with its space. Where words are longer, more is looked at."""
_LONG = 4096
"""Characters of a word: the first of a longer one mostly tell already that it is unknown."""
_LAST_MARK = 0x1FFFF
"""No character beyond it changes its place among others."""

_BEYOND_PLAIN = re.compile(r"[\0-\x08\x0e-\x1f\x7f]")


class OddWords:
    """Splits texts by rules for all of Unicode.

    Args:
        rules: Word rules of the tokenizer.
        unknown: Word that replaces unknown words.
    """

    def __init__(self, rules: WordRules, unknown: str) -> None:
        self._rules = rules
        self._unknown = unknown
        self._special = frozenset(rules.special)
        # Words at the end of a part of a text that may be others in the whole of it: the last one,
        # and those that may be the beginning of a special one.
        self._open = 1 + max(map(len, rules.special), default=0)

    def is_plain(self, text: str) -> bool:
        """Whether the `tokenizers` library would find the same words."""
        if not text.isascii() or (not text.isprintable() and _BEYOND_PLAIN.search(text)):
            return False
        return not any(word in text for word in self._special)

    def of(self, text: str, most: int) -> list[str]:
        """First words of a text in their order, none of them empty.

        Args:
            text: Text of any length, of which not much more is read than these words.
            most: Largest number of words.
        """
        text = text.partition("\0")[0]  # where TensorFlow Text stops reading
        size = _CHARACTERS * most
        while size < len(text):
            words = self.settled(text[:size], most)
            if len(words) == most:
                return words
            size *= 4
        return list(islice(self._words(text), most))

    def settled(self, part: str, most: int) -> list[str]:
        """First words of a text that do not depend on what follows.

        Args:
            part: Beginning of the text.
            most: Largest number of words.
        """
        words = list(islice(self._words(part), most + self._open))
        return words[: max(0, len(words) - self._open)]

    def _words(self, text: str) -> Iterator[str]:
        if self._rules.marks:
            text = self._marks.sub("", self._decomposed(text))
        for found in self._places.split(text):
            word = self._folded(found) if found else ""
            if word:
                yield word if len(word.encode()) <= _MOST_BYTES else self._unknown

    def _decomposed(self, text: str) -> str:
        """Its canonical decomposition, without some of the marks that are taken out then.

        Python's own takes minutes for a row of many thousands of marks.
        """
        return self._may_be_rows.sub(
            lambda found: self._rows.sub(self._in_order, found[0]),
            text.translate(self._decompositions),
        )

    def _in_order(self, row: re.Match[str]) -> str:
        return "".join(sorted(self._marks.sub("", row[0]), key=unicodedata.combining))

    def _folded(self, word: str) -> str:
        if not self._rules.lower or word in self._special:
            return word
        if len(word) > _LONG and len(word[:_LONG].translate(self._folds)) > _MOST_FOLDED:
            return self._unknown
        word = word.translate(self._folds)
        return unicodedata.normalize("NFC", word) if len(word) <= _MOST_FOLDED else self._unknown

    # They take a moment to compile, and most texts need none of them.

    @cached_property
    def _places(self) -> re.Pattern[str]:
        rules = self._rules
        space, kept = f"[{rules.dropped}]", f"[{rules.kept}]"
        special = "|".join(map(re.escape, rules.special)) or "(?!)"
        first = "".join(re.escape(word[0]) for word in rules.special)
        # Spaces in a row are one place, and so are those with nothing between them but what folding
        # takes out; unless special words begin with such characters, and would be missed.
        blank = f"[{rules.dropped}{rules.ignored}]"
        if not any(re.match(blank, word) for word in rules.special):
            space += f"(?:{blank}*{space})?"
        may_be = f"[{first}{coarse(rules.kept)}{coarse(rules.dropped)}]"
        return re.compile(f"(?={may_be})(?:({special}|{kept})|{space})")

    @cached_property
    def _marks(self) -> re.Pattern[str]:
        return re.compile(f"(?=[{coarse(self._rules.marks)}])[{self._rules.marks}]")

    @cached_property
    def _ordered(self) -> str:
        """The characters that canonical decomposition puts in order where they are in a row."""
        found = (code for code in range(_LAST_MARK + 1) if unicodedata.combining(chr(code)))
        return "".join(f"\\U{code:08x}" for code in found)

    @cached_property
    def _rows(self) -> re.Pattern[str]:
        return re.compile(f"[{self._ordered}]{{2,}}")

    @cached_property
    def _may_be_rows(self) -> re.Pattern[str]:
        return re.compile(f"[{coarse(self._ordered)}]{{2,}}")

    @cached_property
    def _decompositions(self) -> _Forms:
        return _Forms(
            self._rules.decompositions, lambda character: unicodedata.normalize("NFD", character)
        )

    @cached_property
    def _folds(self) -> _Forms:
        ignored = re.compile(f"[{self._rules.ignored}]")
        return _Forms(
            self._rules.folds,
            lambda character: "" if ignored.match(character) else fold(character),
        )


class _Forms(dict[int, str | int]):
    """Translation table of characters for `str.translate`, extended on demand.

    Args:
        known: Known forms, by character.
        form: Function that computes the form of a new character.
    """

    def __init__(self, known: Mapping[str, str], form: Callable[[str], str]) -> None:
        super().__init__({ord(character): made for character, made in known.items()})
        self._form = form

    def __missing__(self, code: int) -> str | int:
        form = self._form(chr(code))
        self[code] = found = code if form == chr(code) else form
        return found


def fold(character: str) -> str:
    """NFKC_Casefold of a character, but for those that it takes out.

    Unicode defines it by character, with NFC of the whole; Python's own functions, one after the
    other over a whole text, give something else where marks follow each other.
    """
    folded = unicodedata.normalize("NFKC", character).casefold()
    return unicodedata.normalize("NFKC", folded)
