"""Pictures as files, of every mode and format."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

FILES: dict[str, tuple[str, str]] = {
    **{f"{mode} as PNG": (mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    "P with one transparent color as PNG": ("P+t", "PNG"),
    "P with many transparent colors as PNG": ("P+a", "PNG"),
    "RGB with a transparent color as PNG": ("RGB+t", "PNG"),
    **{f"{mode} as JPEG": (mode, "JPEG") for mode in ("L", "RGB", "CMYK")},
    **{f"{mode} as WebP": (mode, "WEBP") for mode in ("RGB", "RGBA")},
}
"""What clients send: mode, with what else it has, and format."""


def smooth(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """[height, width, 3]: something like a photo, that JPEG can hold."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width][..., np.newaxis] / max(height, width)
    waves = sum(
        np.sin(
            2 * np.pi * (rng.normal(size=3) * 3 * x + rng.normal(size=3) * 3 * y + rng.random(3))
        )
        for _ in range(3)
    )
    return np.asarray((waves + 3) / 6 * 255, np.uint8)


def made(mode: str, height: int = 23, width: int = 31, seed: int = 0) -> tuple[Image.Image, Any]:
    """A picture of a mode, and what saving it takes besides."""
    rng = np.random.default_rng(seed)
    color = Image.fromarray(smooth(height, width, seed))
    many = bytes(range(0, 256, 16))
    name, _, _ = mode.partition("+")
    if name == "I;16":
        return Image.fromarray(rng.integers(0, 2**16, (height, width), dtype=np.uint16)), {}
    picture = color.quantize(16) if name == "P" else color.convert(name)
    if name in ("LA", "RGBA"):
        alpha = rng.integers(0, 256, (height, width), dtype=np.uint8)
        picture.putalpha(Image.fromarray(alpha))
    transparent = {"P+t": 3, "P+a": many, "RGB+t": picture.getpixel((0, 0))}
    return picture, {"transparency": transparent[mode]} if mode in transparent else {}


def encoded(picture: Image.Image | npt.NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def file_of(name: str, height: int = 23, width: int = 31, seed: int = 0) -> bytes:
    """One of `FILES`."""
    mode, kind = FILES[name]
    picture, options = made(mode, height, width, seed)
    return encoded(picture, kind, **options)


def turned(picture: Image.Image, orientation: int, kind: str = "JPEG", **options: Any) -> bytes:
    """A picture whose EXIF data say how it is turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, kind, exif=exif, **options)


def b64(data: bytes) -> dict[str, str]:
    """A file as it stands in JSON."""
    return {"b64": base64.b64encode(data).decode()}


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says that it is so large, and has not a single row."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")[:-4]), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def webp_of_size(width: int, height: int) -> bytes:
    """A WebP whose head says that it is so large."""
    canvas = struct.pack("<I", 0) + (width - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + canvas + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def with_scans(scans: int, side: int = 64) -> bytes:
    """A progressive JPEG that is gone over as many times."""
    data = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (scans + 1 - data.count(b"\xff\xda")) + data[-2:]
