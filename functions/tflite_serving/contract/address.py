"""Parses the address of a registry: a ``gs://`` or ``file://`` URI, or a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tflite_serving.contract.codec import ContractError

_EXPECTED = "expected gs://bucket[/prefix], file:///folder or a path"
_BUCKET_SCHEMES = ("gs",)
# gs: and file: also without the slashes: whoever forgets them does not mean a path.
_SCHEME = re.compile(r"((?:gs|file)(?=:)|[a-z][a-z0-9+.-]*(?=://)):(//)?", re.IGNORECASE)
# Source: https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class RegistryUri:
    """Address of a registry: a folder, or a bucket with a prefix.

    Attributes:
        scheme: ``file``, or the scheme of a service with buckets.
        folder: Path of the folder; of ``file`` alone.
        bucket, prefix: Name of the bucket, and the beginning of its objects' names; "" without one.
    """

    scheme: str = "file"
    folder: Path = Path()
    bucket: str = ""
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> RegistryUri:
        """Parses ``gs://bucket[/prefix]``, ``file:///folder`` or a plain path.

        Raises:
            ContractError: The text is none of these.
        """
        scheme = _SCHEME.match(text)
        if scheme is None:
            return cls(folder=_folder(text, text))
        name = scheme[1].lower()
        place, slash, path = text[scheme.end() :].partition("/")
        if name in _BUCKET_SCHEMES:
            bucket = _bucket(text, place if scheme[2] else "")
            return cls(name, bucket=bucket, prefix=path.strip("/"))
        if name != "file":
            raise ContractError(text, f"{_EXPECTED}, got the scheme {scheme[1]!r}")
        if place not in ("", "localhost") or not slash:
            raise ContractError(text, "expected file:///folder")
        if "?" in path or "#" in path:
            raise ContractError(text, "expected '?' as %3F and '#' as %23 in a file:// URI")
        return cls(folder=_folder(text, "/" + unquote(path)))


def _bucket(text: str, name: str) -> str:
    if not name:
        raise ContractError(text, "expected gs://bucket[/prefix], got no bucket")
    if not _BUCKET.fullmatch(name):
        raise ContractError(
            text,
            f"expected a bucket's name (lower-case letters, digits, '-', '_', '.'), got {name!r}",
        )
    return name


def _folder(text: str, path: str) -> Path:
    if not path:
        raise ContractError(repr(text), f"{_EXPECTED}, got nothing")
    if "\0" in path:
        raise ContractError(repr(text), "expected a path, got a null character in it")
    return Path(path).absolute()
