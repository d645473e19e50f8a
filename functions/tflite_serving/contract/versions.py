"""Names of models and aliases, ids of versions, digests of their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from tflite_serving.contract.codec import ContractError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def content_digest(sha256_by_path: Mapping[str, str]) -> str:
    """Digest of an artifact's content, independent of time and place of the export.

    Args:
        sha256_by_path: SHA-256 of every file of the artifact but the manifest, by path.

    Returns:
        SHA-256, in hex, of the lines ``<sha256>  <path>`` sorted by path: what ``sha256sum FILE… |
        sha256sum`` prints for files named in that order.
    """
    lines = (f"{sha256}  {path}\n" for path, sha256 in sorted(sha256_by_path.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def version_id(created_at: datetime, digest: str) -> str:
    """``YYYYMMDDTHHMMSSZ-<first 8 hex of the content digest>``, which sorts by age.

    Args:
        created_at: Time of the export, in any time zone.
        digest: Content digest of the artifact.
    """
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:8]}"


def rfc3339(moment: datetime) -> str:
    """A time, formatted as in manifests and aliases, in whole seconds."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def is_version(text: str) -> bool:
    """Whether the text has the form of a version id (an alias never has)."""
    return _VERSION.fullmatch(text) is not None


def check_version(version: str, path: str) -> None:
    """Raises `ContractError` unless `version` has the form of a version id."""
    if not is_version(version):
        raise ContractError(
            path, f"expected a version such as 20260131T235959Z-0123abcd, got {version!r}"
        )


def check_name(name: str, path: str) -> None:
    """Raises `ContractError` unless `name` may name a model or an alias."""
    if is_version(name):
        raise ContractError(path, f"expected a name, got {name!r}, which has a version's form")
    if not _NAME.fullmatch(name):
        raise ContractError(
            path,
            "expected 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit, "
            f"got {name!r}",
        )


def check_sha256(digest: str, path: str) -> None:
    """Raises `ContractError` unless `digest` is a sha256 in lower-case hex."""
    if not _SHA256.fullmatch(digest):
        raise ContractError(path, f"expected 64 hex digits, got {digest!r}")


def check_timestamp(timestamp: str, path: str) -> None:
    """Raises `ContractError` unless `timestamp` is an RFC 3339 date and time."""
    try:
        if not _TIMESTAMP.fullmatch(timestamp):
            raise ValueError
        datetime.fromisoformat(timestamp)
    except ValueError:
        raise ContractError(
            path, f"expected an RFC 3339 time such as 2026-01-31T23:59:59Z, got {timestamp!r}"
        ) from None


def check_file_path(file_path: str, path: str) -> None:
    """Raises `ContractError` unless `file_path` stays inside the artifact's folder.

    A manifest comes from storage, and its paths are joined to a local folder.
    """
    parts = PurePosixPath(file_path).parts
    if (
        not parts
        or file_path.startswith("/")
        or ".." in parts
        or str(PurePosixPath(file_path)) != file_path
        or not file_path.isprintable()
        or any(character in file_path for character in "\\:")
    ):
        raise ContractError(
            path, f"expected a plain relative path inside the artifact, got {file_path!r}"
        )
