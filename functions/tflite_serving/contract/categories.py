"""Specifications of categorical preprocessing: hashing, crossing, binning, encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tflite_serving.contract.codec import ContractError

RowEncoding = Literal["int", "one_hot", "multi_hot", "count"]
"""What is put out: indices, or for each instance a row of numbers with a place for every index."""

Salt = tuple[int, ...]
"""The two keys of SipHash-2-4, each of 64 bits, without a sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingSpec:
    """Values become bins, by a hash of their text: ``keras.layers.Hashing``.

    Attributes:
        bins: how many there are.
        masked: the value that counts as missing; its bin is 0, which no other has then.
        salt: None hashes with FarmHash's Fingerprint64.
        encoding: of the bins.
    """

    bins: int
    masked: str | int | float | None = None
    salt: Salt | None = None
    encoding: RowEncoding = "int"

    def __post_init__(self) -> None:
        check_size("bins", self.bins)
        if self.masked is not None and self.bins == 1:
            raise ContractError("masked", "expected none where there is one bin")
        check_salt(self.salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedCrossing:
    """Values that occur together become one bin: ``keras.layers.HashedCrossing``.

    Attributes:
        bins: how many there are.
        encoding: of the bins; one of each instance.
    """

    bins: int
    encoding: Literal["int", "one_hot"] = "int"

    def __post_init__(self) -> None:
        check_size("bins", self.bins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discretization:
    """Numbers become the bins that they lie in: ``keras.layers.Discretization``.

    Attributes:
        edges: float32, from small to large; what is as large as an edge lies above it.
        encoding: of the bins.
    """

    edges: tuple[float, ...]
    encoding: RowEncoding = "int"

    def __post_init__(self) -> None:
        if not self.edges or list(self.edges) != sorted(self.edges):
            raise ContractError("edges", f"expected some in order, got {list(self.edges)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryEncoding:
    """Indices become rows of numbers: ``keras.layers.CategoryEncoding``.

    Attributes:
        width: of a row; indices beyond it have no place.
        encoding: of the indices.
    """

    width: int
    encoding: Literal["one_hot", "multi_hot", "count"]

    def __post_init__(self) -> None:
        check_size("width", self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """The values of several inputs, one after the other: ``keras.layers.Concatenate``."""


def check_size(name: str, size: int) -> None:
    """Raises `ContractError` unless there is room for something."""
    if size < 1:
        raise ContractError(name, f"expected 1 or more, got {size}")


def check_salt(salt: Salt | None) -> None:
    """Raises `ContractError` unless it is two keys of 64 bits, or none."""
    if salt is not None and (len(salt) != 2 or not all(0 <= key < 2**64 for key in salt)):
        raise ContractError("salt", f"expected two keys of 64 bits, got {list(salt)}")
