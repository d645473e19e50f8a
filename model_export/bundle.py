"""The zip that is deployed: functions/ and nothing else, byte for byte the same each time."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from model_export.errors import UsageError

_SUFFIXES = (".py", ".txt")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def bundle(source: Path, output: Path) -> Path:
    """Writes the bundle.

    Times, owners, permissions and the order of files do not enter: identical sources give
    identical bytes, on any machine.

    Args:
        source: the folder functions/.
        output: the folder for the zip.

    Returns:
        ``output/function-<first 12 hex of its sha256>.zip``.

    Raises:
        UsageError: `source` holds no main.py.
    """
    if not (source / "main.py").is_file():
        raise UsageError(f"{source}: expected the function's source, got no main.py")
    data = _zip(source)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"function-{hashlib.sha256(data).hexdigest()[:12]}.zip"
    path.write_bytes(data)
    return path


def _zip(source: Path) -> bytes:
    buffer = io.BytesIO()
    names = sorted(
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and path.suffix in _SUFFIXES and not _is_hidden(path.relative_to(source))
    )
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when zipped elsewhere
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (source / name).read_bytes(), compresslevel=9)
    return buffer.getvalue()


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
