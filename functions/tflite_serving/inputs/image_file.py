"""Decodes JPEG, PNG and WebP files with Pillow, as `keras.utils.load_img` does."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING

from PIL import Image as PillowImage

from tflite_serving.contract.image import Image, Mode, Resize
from tflite_serving.errors import PayloadTooLarge, RequestError
from tflite_serving.inputs.image_format import read_format

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_MODES: dict[Mode, str] = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}
_GRAY = ("L", "I;16", "I")  # 16 bits stay 16 bits, as in load_img
_ORIENTATION = 0x0112
_TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
# A progressive JPEG goes over all of its pixels with every scan, and a scan takes a dozen bytes to
# ask for. Encoders write ten.
_MOST_SCANS = 100
_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_END = 0xD9

# Sizes are checked before anything is decoded.
PillowImage.MAX_IMAGE_PIXELS = None
# What is odd about a client's file is no line for the function's log.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_picture(data: bytes, place: str, most_pixels: int) -> Picture:
    """Reads the header of an image file; the pixels are decoded later, by `decoded`.

    Args:
        data: Content of the file.
        place: Place of the image in the request, for messages.
        most_pixels: Largest number of pixels.

    Raises:
        RequestError: The file is no image, of another format, or too large.
    """
    kind = read_format(data, place)
    _check_scans(data, kind, place)
    if kind == "WEBP":
        # Pillow would import all of its formats to find it.
        from PIL import WebPImagePlugin  # noqa: F401

        # The decoder takes memory for all pixels as soon as it is opened.
        width, height = _webp_size(data)
        check_size(height, width, place, most_pixels)
    try:
        picture = PillowImage.open(io.BytesIO(data), formats=(kind,))
    except Exception as error:
        raise _malformed(place, kind, error) from None
    check_size(picture.height, picture.width, place, most_pixels)
    return picture


def decoded(picture: Picture, image: Image, place: str) -> Picture:
    """Decodes an image, applies its orientation, and converts it, as `keras.utils.load_img` does.

    Args:
        picture: Opened image; see `open_picture`. Of an animation, the first frame is used.
        image: Specification of the model's image input.
        place: Place of the image in the request, for messages.

    Raises:
        RequestError: The file is damaged.
    """
    try:
        picture.load()
        converted = _converted(picture, image.mode)
        turn = _TURNS.get(_orientation(picture)) if image.exif_orientation else None
        upright = converted if turn is None else converted.transpose(turn)
        if upright is not picture:
            picture.close()  # whoever still holds it need not hold its pixels
        return upright
    except Exception as error:
        # A damaged file fails in the decoder, in zlib, struct or Pillow, each with its own
        # exception.
        raise _malformed(place, picture.format or "picture", error) from None


def resized_by_pillow(picture: Picture, resize: Resize) -> Picture:
    """Resizes an image as `keras.utils.load_img` does with a `target_size`.

    Args:
        picture: Decoded and converted image.
        resize: Resize with `by` "pil".
    """
    size = (resize.width, resize.height)
    if picture.size == size:
        return picture
    method = PillowImage.Resampling[resize.method.upper()]
    if resize.fit != "crop":
        return picture.resize(size, method)
    wide, tall = picture.size
    height = min(tall, wide * resize.height // resize.width)
    width = min(wide, tall * resize.width // resize.height)
    left, top = (wide - width) // 2, (tall - height) // 2
    try:
        return picture.resize(size, method, box=(left, top, left + width, top + height))
    except ValueError:
        # A row or column is so thin that nothing of it has the right ratio, and Keras fails.
        right, bottom = left + max(width, 1), top + max(height, 1)
        return picture.resize(size, method, box=(left, top, right, bottom))


def check_size(height: int, width: int, place: str, most_pixels: int) -> None:
    """Raises `PayloadTooLarge` for an image of more pixels than may be decoded."""
    if height * width > most_pixels:
        raise PayloadTooLarge(
            "image_too_large",
            f"{place}: expected at most {most_pixels:,} pixels, got {width} by {height}; "
            "send a smaller picture",
        )


def _check_scans(data: bytes, kind: str, place: str) -> None:
    # Counting is quick, and counts what looks like a scan in metadata, too; so look twice.
    if kind == "JPEG" and data.count(_SCAN) > _MOST_SCANS and _scans(data) > _MOST_SCANS:
        raise RequestError(
            "malformed_image", f"{place}: expected a JPEG of at most {_MOST_SCANS} scans, got more"
        )


def _scans(data: bytes) -> int:
    scans, at = 0, 2
    while scans <= _MOST_SCANS and (marker := _MARKER.search(data, at)):
        if data[marker.start() + 1] == _END:
            break
        scans += marker[0] == _SCAN
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return scans


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height as the head of a WebP file has them; 0 if it has no such head.

    Source: https://developers.google.com/speed/webp/docs/riff_container
    """

    def number(start: int, end: int) -> int:
        return int.from_bytes(data[start:end], "little")

    match data[12:16]:
        case b"VP8X":
            return number(24, 27) + 1, number(27, 30) + 1
        case b"VP8 ":
            return number(26, 28) & 0x3FFF, number(28, 30) & 0x3FFF
        case b"VP8L":
            bits = number(21, 25)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


def _converted(picture: Picture, mode: Mode) -> Picture:
    wanted = _MODES[mode]
    if picture.mode == wanted or (mode == "gray" and picture.mode in _GRAY):
        return picture
    return picture.convert(wanted)


def _orientation(picture: Picture) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        # A picture is a picture, whatever its metadata; these fail in as many ways as the pixels.
        return 1


def _malformed(place: str, kind: str, error: Exception) -> RequestError:
    told = str(error).partition("\n")[0][:200] or type(error).__name__
    if "BytesIO" in told:
        told = "one with a broken head"
    return RequestError("malformed_image", f"{place}: expected a whole {kind} picture, got {told}")
