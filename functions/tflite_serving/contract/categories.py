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
    """Specification of ``keras.layers.Hashing``: values are hashed into bins.

    Attributes:
        bins: Number of bins.
        masked: Value that counts as missing; its bin is 0, which no other value has then.
        salt: Key of the hash SipHash; None hashes with FarmHash's Fingerprint64.
        encoding: Encoding of the bins.
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
    """Specification of ``keras.layers.HashedCrossing``: combined values are hashed into bins.

    Attributes:
        bins: Number of bins.
        encoding: Encoding of the bins, one of which each instance has.
    """

    bins: int
    encoding: Literal["int", "one_hot"] = "int"

    def __post_init__(self) -> None:
        check_size("bins", self.bins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discretization:
    """Specification of ``keras.layers.Discretization``: numbers are assigned to bins.

    Attributes:
        edges: Boundaries of the bins, float32, ascending; a value equal to a boundary is in the bin
            above.
        encoding: Encoding of the bins.
    """

    edges: tuple[float, ...]
    encoding: RowEncoding = "int"

    def __post_init__(self) -> None:
        if not self.edges or list(self.edges) != sorted(self.edges):
            raise ContractError("edges", f"expected some in order, got {list(self.edges)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryEncoding:
    """Specification of ``keras.layers.CategoryEncoding``: indices are encoded as vectors.

    Attributes:
        width: Width of an encoded vector; indices beyond it are ignored.
        encoding: Encoding of the indices.
    """

    width: int
    encoding: Literal["one_hot", "multi_hot", "count"]

    def __post_init__(self) -> None:
        check_size("width", self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Specification of ``keras.layers.Concatenate``: values of several inputs, concatenated."""


def check_size(name: str, size: int) -> None:
    """Raises `ContractError` unless a number of bins or a width is valid."""
    if size < 1:
        raise ContractError(name, f"expected 1 or more, got {size}")


def check_salt(salt: Salt | None) -> None:
    """Raises `ContractError` unless a salt is two keys of 64 bits, or none."""
    if salt is not None and (len(salt) != 2 or not all(0 <= key < 2**64 for key in salt)):
        raise ContractError("salt", f"expected two keys of 64 bits, got {list(salt)}")
