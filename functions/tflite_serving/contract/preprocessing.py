"""The preprocessing document: layers that were cut off the model, as steps to compute.

They travel in the artifact as ``preprocessing.json``, with their vocabularies. The function
computes them as Keras would have, from the same inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tflite_serving.contract.categories import (
    CategoryEncoding,
    Concatenation,
    Discretization,
    HashedCrossing,
    HashingSpec,
    Salt,
    check_salt,
)
from tflite_serving.contract.codec import ContractError, decode, parse_json, to_text
from tflite_serving.contract.tokens import TokensSpec

PREPROCESSING_FILE = "preprocessing.json"

Encoding = Literal["int", "one_hot", "multi_hot", "count", "tf_idf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Vocabulary of a lookup layer: strings or integers, and their encoding.

    Attributes:
        strings, integers: Known values, in their order; one of the two is empty.
        first: Index of the first known value.
        unknown: Index of unknown values, the first one if they share several; None where they are
            an error.
        unknowns: Number of indices that unknown values share.
        share: Choice among these: by a "hash" of its text, or the "remainder" of a number.
        salt: Salt of the hash; see `contract.categories.HashingSpec`.
        masked: Value that counts as missing, as text; None for no such value. Its index is 0, and a
            vector has no place for it.
        encoding: Encoding of the indices: "int", or one that gives a vector of `width` numbers for
            each instance.
        width: Width of such a vector.
        weights: Weight of each place of a vector, for "tf_idf".
    """

    strings: tuple[str, ...] = ()
    integers: tuple[int, ...] = ()
    first: int
    unknown: int | None
    unknowns: int = 1
    share: Literal["hash", "remainder"] = "hash"
    salt: Salt | None = None
    masked: str | None = None
    encoding: Encoding = "int"
    width: int = 0
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        keys: tuple[object, ...] = self.strings or self.integers
        if self.strings and self.integers:
            raise ContractError("integers", "expected none beside strings")
        if len(set(keys)) < len(keys):
            raise ContractError("strings", "expected each once")
        if self.unknowns < 1 or (self.unknowns > 1 and self.unknown is None):
            raise ContractError("unknowns", f"expected 1, or more beside unknown: {self.unknowns}")
        if self.share == "remainder" and self.strings:
            raise ContractError("share", "expected 'hash': strings have no remainder")
        check_salt(self.salt)
        if self.encoding != "int" and self.width < self.first + len(keys):
            raise ContractError("width", f"expected {self.first + len(keys)}, got {self.width}")
        if (self.encoding == "tf_idf") != bool(self.weights):
            raise ContractError("weights", "expected some for tf_idf alone")
        if self.weights and len(self.weights) != self.width:
            raise ContractError(
                "weights", f"expected {self.width} of them, got {len(self.weights)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Specification of how texts are split into words.

    Attributes:
        lower: Whether ASCII letters are converted to lower case.
        strip: Whether ASCII punctuation is removed.
        split: Separation: "whitespace", "character", or "none": the text is one word.
        ngrams: Sizes of the n-grams that are looked up, such as 1 and 2: first all single words,
            then all pairs.
        length: Number of words that are kept; fewer are padded with zeros. None where the words are
            only counted.
    """

    lower: bool
    strip: bool
    split: Literal["whitespace", "character", "none"]
    ngrams: tuple[int, ...] = (1,)
    length: int | None

    def __post_init__(self) -> None:
        if not self.ngrams or min(self.ngrams) < 1:
            raise ContractError("ngrams", f"expected some, 1 or more, got {list(self.ngrams)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSpec:
    """Specification of a lookup layer: words or values to indices, or vectors.

    Attributes:
        words: Splitting of texts into words; None where values are looked up as they are.
        vocabulary: Vocabulary in which words or values are looked up.
    """

    words: Words | None = None
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        if self.words is None:
            return
        if self.vocabulary.integers:
            raise ContractError("vocabulary.integers", "expected none: words are strings")
        if (self.vocabulary.encoding == "int") != (self.words.length is not None):
            raise ContractError("words.length", "expected one for indices, and else none")


Operation = (
    LookupSpec
    | HashingSpec
    | HashedCrossing
    | Discretization
    | CategoryEncoding
    | Concatenation
    | TokensSpec
)
"""What a step may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One layer that was cut off; exactly one of the operations is set.

    Attributes:
        layer: Name of the layer in the Keras model.
        inputs: Names of its inputs, in the layer's order: inputs that clients send, or outputs of
            earlier steps.
        outputs: Names of its outputs: tensors of the model, or inputs of later steps.
        lookup: Specification of a lookup layer.
        hashing, hashed_crossing, discretization, category_encoding, concatenation: See
            `contract.categories`.
        tokens: See `contract.tokens`.
    """

    layer: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    lookup: LookupSpec | None = None
    hashing: HashingSpec | None = None
    hashed_crossing: HashedCrossing | None = None
    discretization: Discretization | None = None
    category_encoding: CategoryEncoding | None = None
    concatenation: Concatenation | None = None
    tokens: TokensSpec | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs"):
            if not getattr(self, name):
                raise ContractError(name, "expected at least one, got none")
        given = [name for name in OPERATIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ContractError(
                "lookup", f"expected one of {', '.join(OPERATIONS)}, got {given or 'none'}"
            )
        if self.tokens is not None and len(self.tokens.roles) != len(self.outputs):
            raise ContractError(
                "outputs",
                f"expected one for each of tokens.roles, got {list(self.outputs)} for "
                f"{list(self.tokens.roles)}",
            )

    @property
    def operation(self) -> Operation:
        """The operation that is set."""
        (found,) = (value for name in OPERATIONS if (value := getattr(self, name)) is not None)
        assert isinstance(found, Operation)
        return found


OPERATIONS = (
    "lookup",
    "hashing",
    "hashed_crossing",
    "discretization",
    "category_encoding",
    "concatenation",
    "tokens",
)
"""The members of `Step` that hold an operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The preprocessing document, ``preprocessing.json``.

    Attributes:
        steps: Steps, in the order of their computation.
        kept: Names of inputs that the model takes although a step takes them, too.
    """

    steps: tuple[Step, ...]
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(step.tokens is not None for step in self.steps) > 1:
            raise ContractError("steps", "expected one that makes tokens at most")

    def tensors(self, inputs: Iterable[str]) -> list[str]:
        """Names of the model's tensors, computed from `inputs`.

        Raises:
            ContractError: A step takes an unknown value, or has an output that exists already; or a
                kept input is unknown.
        """
        there = list(inputs)
        taken: set[str] = set()
        for index, step in enumerate(self.steps):
            for name in step.inputs:
                if name not in there:
                    raise ContractError(f"steps[{index}].inputs", f"no step puts out {name!r}")
            for name in step.outputs:
                if name in there:
                    raise ContractError(f"steps[{index}].outputs", f"{name!r} is there already")
                there.append(name)
            taken.update(step.inputs)
        for name in self.kept:
            if name not in there:
                raise ContractError("kept", f"no step puts out {name!r}")
        return [name for name in there if name not in taken or name in self.kept]

    @property
    def sequence(self) -> Step | None:
        """The step that tokenizes; None if there is none."""
        return next((step for step in self.steps if step.tokens is not None), None)

    def origins(self, name: str) -> list[str]:
        """Names of the clients' inputs from which the value `name` is computed."""
        for step in self.steps:
            if name in step.outputs:
                return [origin for each in step.inputs for origin in self.origins(each)]
        return [name]


def read_preprocessing(data: bytes) -> Preprocessing:
    """Parses and validates the document.

    Raises:
        ContractError: A field is invalid; with the field.
    """
    return decode(Preprocessing, parse_json(data, "preprocessing"), "preprocessing")


def write_preprocessing(preprocessing: Preprocessing) -> bytes:
    """Serializes the document as JSON, which `read_preprocessing` reads."""
    return to_text(preprocessing).encode()
