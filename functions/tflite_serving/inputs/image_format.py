"""Detects the file format of image bytes by their signature."""

from __future__ import annotations

import re

from tflite_serving.errors import RequestError, UnsupportedMediaType

# What clients call formats by their first bytes; the first three are decoded, and nothing else is.
_DECODED = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
_OTHERS = {
    "GIF": re.compile(rb"GIF8"),
    "BMP": re.compile(rb"BM.{4}\0{4}", re.DOTALL),
    "TIFF": re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    "SVG": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!DOCTYPE svg|!--)", re.IGNORECASE),
    "HEIC, AVIF or a film": re.compile(rb".{4}ftyp", re.DOTALL),
    "JPEG XL": re.compile(rb"\xff\x0a|\0{3}\x0cJXL "),
    "JPEG 2000": re.compile(rb"\0{3}\x0cjP  |\xff\x4f\xff\x51"),
    "an icon": re.compile(rb"\0\0[\1\2]\0"),
    "PDF": re.compile(rb"%PDF"),
    "Photoshop": re.compile(rb"8BPS"),
}
_FORMATS = {**_DECODED, **_OTHERS}

_BASE64 = re.compile(rb"data:image/|/9j/|iVBORw|UklGR")
"""How texts begin that are a picture in base64."""
_START = 20


def format_of(data: bytes) -> str | None:
    """Format of an image file by its first bytes; None if it is no known one."""
    return next((kind for kind, start in _FORMATS.items() if start.match(data)), None)


def read_format(data: bytes, place: str) -> str:
    """Format of an image file that can be decoded: JPEG, PNG or WEBP.

    Args:
        data: Content of the file.
        place: Place of the image in the request, for messages.

    Raises:
        RequestError: The file is of another format, or no image.
    """
    kind = format_of(data)
    if kind in _DECODED:
        return kind
    if kind is not None:
        raise UnsupportedMediaType(
            "unsupported_image", f"{place}: expected a JPEG, PNG or WebP picture, got {kind}"
        )
    raise RequestError(
        "malformed_image", f"{place}: expected a JPEG, PNG or WebP picture, got {_told(data)}"
    )


def _told(data: bytes) -> str:
    if not data:
        return "nothing"
    start = data[:_START].decode(errors="replace").strip().partition("\n")[0]
    if not start.isascii() or not start.isprintable():
        return f"bytes that begin with {data[:8].hex(' ')}"
    advice = ""
    if _BASE64.match(data):
        advice = '; send the bytes themselves, or {"instances": [{"b64": "…"}]} as application/json'
    return f"a text that begins with {start!r}{advice}"
