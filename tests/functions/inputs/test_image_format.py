"""The format of a picture is told from its first bytes, and others are refused by name."""

from __future__ import annotations

import pytest
from PIL import Image as PillowImage

from tests.support.examples.image_files import (
    encoded,
    smooth,
)
from tflite_serving.contract.image import Image
from tflite_serving.errors import RequestError
from tflite_serving.inputs.image_file import decoded, open_picture

MOST = 10_000


def refusal(data: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        decoded(open_picture(data, "body", MOST), Image(mode="rgb"), "body")
    return caught.value


def others() -> dict[str, bytes]:
    picture = PillowImage.fromarray(smooth(8, 8))
    return {
        **{kind: encoded(picture, kind) for kind in ("GIF", "BMP", "TIFF")},
        "an icon": encoded(picture, "ICO"),
        "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "HEIC, AVIF or a film": b"\0\0\0\x18ftypheic" + bytes(16),
        "JPEG XL": b"\xff\x0a" + bytes(16),
        "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
        "PDF": b"%PDF-1.7",
        "Photoshop": b"8BPS\0\1",
    }


@pytest.mark.parametrize("kind", others())
def test_another_format_is_refused_by_its_name(kind: str) -> None:
    error = refusal(others()[kind])
    assert (error.status, error.code) == (415, "unsupported_image")
    assert error.message == f"body: expected a JPEG, PNG or WebP picture, got {kind}"


SEND_BYTES = '; send the bytes themselves, or {"instances": [{"b64": "…"}]} as application/json'


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"", "nothing"),
        (b"hello, world", "a text that begins with 'hello, world'"),
        (b"\n<!DOCTYPE html>\n<title>404", "a text that begins with '<!DOCTYPE html>'"),
        (b'{"b64": "/9j/"}', 'a text that begins with \'{"b64": "/9j/"}\''),
        (b"\0" * 20, "bytes that begin with 00 00 00 00 00 00 00 00"),
        ("é".encode(), "bytes that begin with c3 a9"),
        (b"/9j/4AAQSkZJRg==", f"a text that begins with '/9j/4AAQSkZJRg=='{SEND_BYTES}"),
        (
            b"data:image/png;base64,iVB",
            f"a text that begins with 'data:image/png;base6'{SEND_BYTES}",
        ),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, got: str) -> None:
    error = refusal(data)
    assert (error.status, error.code) == (400, "malformed_image")
    assert error.message == f"body: expected a JPEG, PNG or WebP picture, got {got}"
