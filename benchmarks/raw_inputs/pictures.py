"""Pictures to ask with, right and wrong ones."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

_ORIENTATION, _RIGHT = 0x0112, 6  # of EXIF: turn a quarter to the right to see it upright


def png(width: int, height: int) -> bytes:
    """A gray one."""
    return _saved(_noise(width, height, "L"), "PNG")


def gif(width: int, height: int) -> bytes:
    """The same as a GIF."""
    return _saved(_noise(width, height, "L"), "GIF")


def tiff(width: int, height: int) -> bytes:
    """The same as a TIFF."""
    return _saved(_noise(width, height, "L"), "TIFF")


def jpeg(width: int, height: int, mode: str = "RGB") -> bytes:
    """One of noise, which compresses badly."""
    return _saved(_noise(width, height, mode), "JPEG")


def turned(width: int, height: int) -> bytes:
    """A JPEG as a phone writes it that was held upright."""
    exif = Image.Exif()
    exif[_ORIENTATION] = _RIGHT
    buffer = io.BytesIO()
    _noise(width, height, "RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """A whole PNG of so many pixels squared, each of one bit and black."""
    rows = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    data = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    return _png_of(side, data)


def png_header(side: int) -> bytes:
    """A PNG that is said to have so many pixels squared, and has none."""
    return _png_of(side, zlib.compress(b""))


def _png_of(side: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def _noise(width: int, height: int, mode: str) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.frombytes(mode, (width, height), values.tobytes())


def _saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
