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
    r"""How texts become words before these become WordPieces, for what is not plain ASCII.

    KerasHub leaves it to libraries that know a version of Unicode of their own. So sets of
    characters are told one by one, as ranges between the brackets of a regular expression, rising,
    each end of which is like ``\U0001ccd6``; and of what becomes of a character, all that Python
    would do otherwise.

    Attributes:
        unicode: version of Unicode beyond which Python's own is what KerasHub does.
        dropped: characters between words.
        kept: characters that are words of their own.
        marks: characters that are taken out once they are on their own; "" for none.
        decompositions: of characters, before marks are taken out.
        lower: whether words are folded: what differs only in case or in form becomes the same.
        ignored: characters that folding takes out.
        folds: what folding makes of characters.
        special: words that stay whole, and as they are.
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
    """A text becomes the ids of its tokens: a start, the tokens, an end, and padding.

    Attributes:
        file: of the artifact: what the `tokenizers` library reads, or `sentencepiece`.
        words: how texts become words; None where the file says all.
        unknown: the word that the file has for all that it does not know, with `words`.
        prefix: what every text begins with.
        offset: what is added to the ids of `sentencepiece`.
        zero: what its id 0 becomes instead; None for no such.
        start, end: ids around every text.
        padding: id of what fills up.
        roles: of the step's outputs, in their order.
        buckets: lengths that sequences are filled up to, each to the smallest that holds it. The
            largest is also what longer ones are cut off at.
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
