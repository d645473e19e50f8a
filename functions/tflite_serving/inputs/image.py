"""Converts image inputs to tensors: files, as bytes or in base64, or pixel values."""

from __future__ import annotations

import binascii
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.image import Resize
from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import PayloadTooLarge, RequestError
from tflite_serving.inputs.diagnose import fits, format_value, show_shape
from tflite_serving.inputs.image_limits import oversize
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.inputs.tensor import to_tensor
from tflite_serving.telemetry import Timings

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Array = npt.NDArray[Any]
_MOST_TOGETHER = 4
_BRIGHTEST = 255
# To open a picture, and to decode one of its values, at 50 MB/s.
_OPEN_MS = 0.2
_DECODE_MS = 2e-5


class PictureReader:
    """Reader for the images of one input.

    Args:
        spec: Image input, as clients see it.
        most_pixels: Largest number of pixels of one image. All images of a request together may
            have four times as many, or as many if there is no resize: Then all of them are kept.
            Their resized images, which are kept, too, may have as many as one.
    """

    def __init__(self, spec: InputSpec, most_pixels: int) -> None:
        assert spec.preprocess.image is not None
        self._spec = spec
        self._image = spec.preprocess.image
        self._most_pixels = most_pixels
        self._most_together = most_pixels * (_MOST_TOGETHER if self._image.resize else 1)

    @property
    def most_ms(self) -> float:
        """How long one picture may take, whatever a client sends in its few bytes."""
        values = math.prod(math.inf if size is None else size for size in self._spec.shape[1:])
        return _OPEN_MS + _DECODE_MS * values

    def read(self, raw: RawInput | Numbers, timings: Timings) -> Array:
        """Reads a batch.

        Args:
            raw: Images of a batch: each a file as bytes or as ``{"b64": …}``, or pixel values, 0 to
                255, [height, width, channels].
            timings: Timings of the request; get the stages "decode" and "resize".

        Returns:
            Tensor of the model, [batch, height, width, channels], in the dtype of the spec.

        Raises:
            RequestError: An image is invalid; with the place of the first one.
        """
        timings.lap("preprocess")
        values = raw.values if isinstance(raw, Numbers) else self._all_numbers(raw)
        self._check_count(len(raw.values), raw)
        if values is not None:
            pictures = self._from_numbers(Numbers(values, raw.place), timings)
        else:
            assert isinstance(raw, RawInput)
            pictures = self._one_by_one(raw, timings)
        timings.lap("preprocess")
        return pictures

    def _all_numbers(self, raw: RawInput) -> Array | None:
        """Numbers in the model's own shape, which are read in one call."""
        is_fixed = None not in self._spec.shape[1:]
        if is_fixed and all(isinstance(value, list) for value in raw.values):
            return to_tensor(raw, self._spec)
        return None

    def _from_numbers(self, numbers: Numbers, timings: Timings) -> Array:
        """The whole batch, which has one shape."""
        values = self._checked(numbers)
        timings.lap("decode")
        resize = self._image.resize
        if resize is None:
            return self._scaled(values)
        self._check_together(values[..., 0].size, numbers.at(0))
        _, height, width, _ = values.shape
        self._check_resize(height, width, numbers.at(0), is_whole=values.dtype == np.uint8)
        shape = (len(values), resize.height, resize.width, self._image.channels)
        found = np.empty(shape, self._spec.dtype)
        for index, each in enumerate(values):
            picture = self._as_picture(each, resize, numbers.at(index))
            found[index] = self._scaled(self._resized(picture))
        timings.lap("resize")
        return found

    def _one_by_one(self, raw: RawInput, timings: Timings) -> Array:
        found: Array | None = None
        together = 0
        for index, value in enumerate(raw.values):
            place = raw.at(index)
            if isinstance(value, list):
                one = RawInput([value], _escaped(place), raw.may_hold_others)
                pixels = self._checked(Numbers(to_tensor(one, self._spec), one.place))[0]
                together += pixels[..., 0].size
                self._check_together(together, place)
                is_whole = pixels.dtype == np.uint8
                self._check_resize(pixels.shape[0], pixels.shape[1], place, is_whole=is_whole)
                picture = self._as_picture(pixels, self._image.resize, place)
            else:
                opened = self._open(value, place)
                together += opened.width * opened.height
                self._check_together(together, place)
                picture = self._decoded(opened, place)
                del opened  # a decoder may keep all the pixels, too
            timings.lap("decode")
            resized = self._scaled(self._resized(picture))
            if found is None:
                # More than may come together need no room: they are refused.
                most = max(1, self._most_together // max(1, resized[..., 0].size))
                count = len(raw.values) if self._image.resize else min(len(raw.values), most)
                found = np.empty((count, *resized.shape), resized.dtype)
            self._check_like(resized, found[0], place)
            found[index] = resized
            timings.lap("resize")
        assert found is not None
        return found

    def _open(self, value: object, place: str) -> Picture:
        # Most models take no pictures, and a cold start no time.
        from tflite_serving.inputs.image_file import open_picture

        opened = open_picture(_file(value, place, self._spec), place, self._most_pixels)
        height, width = self._spec.shape[1:3]
        # Turned upright it may fit; nobody knows before it is decoded.
        if not (
            fits((opened.height, opened.width), (height, width))
            or fits((opened.width, opened.height), (height, width))
        ):
            raise self._wrong_size(opened.height, opened.width, place)
        if self._oversize(opened.width, opened.height):
            self._check_resize(opened.height, opened.width, place)
        return opened

    def _decoded(self, opened: Picture, place: str) -> Array | Picture:
        """The pixels; as Pillow's own picture if Pillow is to resize it."""
        from tflite_serving.inputs.image_file import decoded

        picture = decoded(opened, self._image, place)
        if not fits((picture.height, picture.width), self._spec.shape[1:3]):
            raise self._wrong_size(picture.height, picture.width, place)
        self._check_resize(picture.height, picture.width, place)
        resize = self._image.resize
        return picture if resize is not None and resize.by == "pil" else _pixels(picture)

    def _as_picture(self, pixels: Array, resize: Resize | None, place: str) -> Array | Picture:
        """Numbers as they are resized: by Pillow, they must be whole."""
        if resize is None or resize.by != "pil":
            return pixels
        whole = pixels.astype(np.uint8)
        if not np.array_equal(whole, pixels):
            raise RequestError(
                "wrong_dtype",
                f"{place}: expected whole numbers from 0 to 255, because the model was fed "
                "pictures that Pillow resized, got fractions",
            )
        from PIL import Image

        return Image.fromarray(whole if whole.shape[-1] > 1 else whole[..., 0])

    def _resized(self, picture: Array | Picture) -> Array:
        """[height, width, channels] of one picture, in the dtype of the spec."""
        resize = self._image.resize
        if not isinstance(picture, np.ndarray):
            from tflite_serving.inputs.image_file import resized_by_pillow

            assert resize is not None
            pixels = _pixels(resized_by_pillow(picture, resize))
        elif resize is not None:
            from tflite_serving.inputs.image_resize import resized

            pixels = resized(picture, resize)
        else:
            pixels = picture
        if self._spec.dtype == "uint8" and pixels.dtype != np.uint8:
            # As Keras has it: to the next whole number, the even one of two, and no further.
            pixels = np.clip(np.rint(pixels), 0, _BRIGHTEST)
        return pixels.astype(self._spec.dtype, copy=False)

    def _scaled(self, pixels: Array) -> Array:
        if not self._image.is_scaled:
            return pixels
        scaled: Array = pixels * np.float32(self._image.scale) + np.float32(self._image.offset)
        return scaled

    def _checked(self, numbers: Numbers) -> Array:
        values = to_tensor(numbers, self._spec)
        if values.dtype == np.uint8 or values.size == 0:
            return values
        brightest = values.max()
        if 0.5 < brightest <= 1 and (values != np.rint(values)).any():
            # A black picture, resized, has fractions, too; none is as bright as one divided by 255.
            raise RequestError(
                "out_of_range",
                f"{numbers.at(0)}: expected the values of pixels, 0 to 255, got fractions of at "
                f"most {brightest:.6g}; send what they were before they were divided by 255",
            )
        if values.min() < 0 or brightest > _BRIGHTEST:
            wrong = (values < 0) | (values > _BRIGHTEST)
            first = tuple(int(axis[0]) for axis in np.nonzero(wrong))
            raise RequestError(
                "out_of_range",
                f"{numbers.at(*first)}: expected the value of a pixel, 0 to 255, "
                f"got {values[first]:.6g}",
            )
        return values

    def _check_together(self, pixels: int, place: str) -> None:
        if pixels > self._most_together:
            raise PayloadTooLarge(
                "image_too_large",
                f"{place}: expected pictures of at most {self._most_together:,} pixels in one "
                "request, got more; send them in several",
            )

    def _check_count(self, count: int, raw: RawInput | Numbers) -> None:
        resize = self._image.resize
        if resize is None:
            return
        most = max(1, self._most_pixels // (resize.height * resize.width))
        if count > most:
            raise PayloadTooLarge(
                "image_too_large",
                f"{raw.at(most)}: expected at most {most:,} pictures in one request, because each "
                f"becomes one of {resize.width} by {resize.height} pixels, got {count:,}; send "
                "them in several",
            )

    def _check_resize(self, height: int, width: int, place: str, *, is_whole: bool = True) -> None:
        complaint = self._oversize(height, width, is_whole=is_whole)
        if complaint:
            raise PayloadTooLarge("image_too_large", f"{place}: {complaint}")

    def _oversize(self, height: int, width: int, *, is_whole: bool = True) -> str:
        resize = self._image.resize
        if resize is None:
            return ""
        return oversize(height, width, resize, self._most_pixels, is_whole=is_whole)

    def _check_like(self, pixels: Array, first: Array, place: str) -> None:
        if pixels.shape != first.shape:
            raise RequestError(
                "wrong_shape",
                f"{place}: expected shape {show_shape(first.shape)} like the instances before "
                f"it, got {show_shape(pixels.shape)}; send different sizes in different requests",
            )

    def _wrong_size(self, height: int, width: int, place: str) -> RequestError:
        expected = " by ".join("any" if n is None else str(n) for n in self._spec.shape[2:0:-1])
        return RequestError(
            "wrong_shape",
            f"{place}: expected a picture of {expected} pixels, got {width} by {height}; "
            "the model was exported without a resize",
        )


def _file(value: object, place: str, spec: InputSpec) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        return _from_base64(value["b64"], f"{place}.b64")
    advice = ""
    if isinstance(value, str):
        advice = '; give base64 as {"b64": "…"}'
    raise RequestError(
        "wrong_dtype",
        f'{place}: expected a picture, {{"b64": "…"}} or numbers of shape '
        f"{show_shape(spec.instance_shape)}, got {format_value(value)}{advice}",
    )


def _from_base64(text: str, place: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        told, advice = str(error), ""
        if text.startswith("data:"):
            advice = "; leave out all that comes before the comma"
        elif "-" in text or "_" in text:
            advice = "; use + and /, not the alphabet for URLs"
        raise RequestError(
            "malformed_image", f"{place}: expected base64 (RFC 4648), got {told}{advice}"
        ) from None


def _pixels(picture: Picture) -> Array:
    """[height, width, channels] of Pillow's picture."""
    pixels: Array = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _escaped(place: str) -> str:
    return place.replace("{", "{{").replace("}", "}}")
