"""The zip that is deployed, byte for byte the same each time: functions/, and baked models."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_export.errors import UsageError

_SUFFIXES = (".py", ".txt")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a bundle may be.

    Attributes:
        zip_bytes: of the zip itself.
        unpacked_bytes: of all its files together.
    """

    zip_bytes: int
    unpacked_bytes: int

    def check_unpacked(self, size: int) -> None:
        """Raises `UsageError` when files of `size` bytes together are too many."""
        _check(size, self.unpacked_bytes, "unpacked")


PLATFORM = Limits(zip_bytes=100 * 2**20, unpacked_bytes=500 * 2**20)
"""What Cloud Functions take in the 1st generation; for the 2nd, no limit is documented.

Source: https://cloud.google.com/functions/quotas
"""

ANY_SIZE = Limits(zip_bytes=sys.maxsize, unpacked_bytes=sys.maxsize)
"""For who knows that the platform takes more."""


def bundle(
    source: Path,
    output: Path,
    baked: Mapping[str, bytes] | None = None,
    limits: Limits = PLATFORM,
) -> Path:
    """Writes the bundle.

    Times, owners, permissions and the order of files do not enter: identical sources give
    identical bytes, on any machine.

    Args:
        source: the folder functions/.
        output: the folder for the zip.
        baked: more files, by their path in the zip; see `model_export.bundle.baked_models`.
        limits: beyond which nothing is written.

    Returns:
        ``output/function-<first 12 hex of its sha256>.zip``.

    Raises:
        UsageError: `source` holds no main.py, or the bundle is larger than the limits.
    """
    if not (source / "main.py").is_file():
        raise UsageError(f"{source}: expected the function's source, got no main.py")
    files = {**_sources(source), **(baked or {})}
    limits.check_unpacked(sum(map(len, files.values())))
    data = _zip(files)
    _check(len(data), limits.zip_bytes, "zipped")
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"function-{hashlib.sha256(data).hexdigest()[:12]}.zip"
    _write_whole(path, data)
    return path


def _check(size: int, most: int, what: str) -> None:
    if size > most:
        raise UsageError(
            f"the bundle: expected at most {most:,} bytes {what}, which is what Cloud Functions "
            f"guarantee to take, got {size:,}: bake fewer or smaller models, serve them from a "
            "bucket, or give --any-size where larger bundles are taken"
        )


def _sources(source: Path) -> dict[str, bytes]:
    paths = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    kept = [path for path in paths if path.suffix in _SUFFIXES and not _is_hidden(path)]
    return {path.as_posix(): (source / path).read_bytes() for path in kept}


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when zipped elsewhere
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], compresslevel=9)
    return buffer.getvalue()


def _write_whole(path: Path, data: bytes) -> None:
    """A zip that is named after its digest is never there by half, whatever stops this."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
