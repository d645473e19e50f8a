"""Specification of a tokenizer, and of the layout of its token sequences.

Most of it is in a file of the artifact that the tokenizer's own library reads. What is here is what
KerasHub does around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tflite_serving.contract.codec import ContractError

TOKENIZER_FILE = "tokenizer.json"
SENTENCE_PIECE_FILE = "tokenizer.model"

TensorRole = Literal["token_ids", "padding_mask", "segment_ids"]
"""What a tensor says of each token: which one, whether it is one, and of which text: always 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRules:
    r"""Word rules of WordPiece tokenizers, for texts beyond plain ASCII.

    KerasHub leaves it to libraries that know a version of Unicode of their own. So sets of
    characters are listed as ranges between the brackets of a regular expression, ascending,
    each end of which is like ``\U0001ccd6``; of the forms of characters, only those that differ
    from Python's.

    Attributes:
        unicode: Unicode version of the Python that exported the rules; the function's must not be
            older. What the rules do not list, Python's own tables have.
        dropped: Characters that separate words.
        kept: Characters that are words of their own.
        marks: Marks that are removed after decomposition; "" for none.
        decompositions: Decompositions of characters, applied before marks are removed.
        lower: Whether words are folded, so that case and form do not matter.
        ignored: Characters that folding removes.
        folds: Folded forms of characters.
        special: Words that are neither split nor folded.
    """

    unicode: str
    dropped: str
    kept: str
    marks: str = ""
    decompositions: Mapping[str, str]
    lower: bool
    ignored: str
    folds: Mapping[str, str]
    special: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensSpec:
    """Specification of token sequences: a start, the tokens, an end, and padding.

    Attributes:
        file: Path of the tokenizer file in the artifact, in the format of `tokenizers` or
            `sentencepiece`.
        words: Word rules; None where the tokenizer file has all rules.
        unknown: Token of the file for unknown words, with `words`.
        prefix: Text that is put before every text.
        offset: Number that is added to the ids of `sentencepiece`.
        zero: Id that replaces id 0 of `sentencepiece`; None for no replacement.
        start, end: Ids of the tokens at the start and end of every sequence.
        padding: Id of the padding token.
        roles: Roles of the step's outputs, in their order.
        buckets: Lengths to which sequences are padded, each to the smallest that holds it. Longer
            ones are truncated to the largest.
    """

    file: str
    words: WordRules | None = None
    unknown: str = ""
    prefix: str = ""
    offset: int = 0
    zero: int | None = None
    start: int
    end: int
    padding: int
    roles: tuple[TensorRole, ...]
    buckets: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = list(self.buckets)
        if not sizes or sizes != sorted(set(sizes)) or sizes[0] < 3:
            raise ContractError("buckets", f"expected lengths from 3 on, rising, got {sizes}")
        if "token_ids" not in self.roles or len(set(self.roles)) < len(self.roles):
            raise ContractError(
                "roles", f"expected token_ids among others, each once, got {list(self.roles)}"
            )

    @property
    def length(self) -> int:
        """Most tokens of a sequence, with its start and end."""
        return self.buckets[-1]
