"""What clients send for a picture becomes a tensor, or a complaint that names the place."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PillowImage

from tests.support.examples.image_files import b64, encoded, made, smooth, turned
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.tensors import InputSpec, Preprocess, Shape
from tflite_serving.errors import RequestError
from tflite_serving.inputs.image import PictureReader
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.telemetry import Timings

Array = npt.NDArray[Any]

MOST = 10_000

EIGHT = Resize(height=8, width=8)

BY_PIL = Resize(height=8, width=8, by="pil")


def reader(image: Image, size: Shape = (None, None), dtype: Any = "float32") -> PictureReader:
    shape = (None, *size, image.channels)
    return PictureReader(InputSpec("photo", dtype, shape, Preprocess("image", image)), MOST)


def read(values: Any, image: Image, size: Shape = (None, None), dtype: Any = "float32") -> Array:
    if isinstance(values, np.ndarray):
        raw: Any = Numbers(values, "body[{}]")
    else:
        raw = RawInput(values, "instances[{}]", True)  # noqa: FBT003
    return reader(image, size, dtype).read(raw, Timings())


def refusal(values: Any, image: Image, size: Shape = (None, None)) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(values, image, size)
    return caught.value


def test_bytes_base64_and_numbers_are_the_same_picture() -> None:
    pixels = smooth(20, 30)
    sent = [encoded(pixels), b64(encoded(pixels)), pixels.tolist()]
    for image in (Image(mode="rgb", resize=EIGHT), Image(mode="rgb", resize=BY_PIL)):
        found = read(sent, image)
        assert found.shape == (3, 8, 8, 3)
        assert found.dtype == np.float32
        assert np.array_equal(found[0], found[1])
        assert np.array_equal(found[0], found[2])
        assert np.array_equal(read(pixels[np.newaxis], image), found[:1])


def test_pictures_without_a_resize_are_left_as_they_are() -> None:
    pixels = [smooth(20, 30, seed) for seed in range(2)]
    found = read([b64(encoded(each)) for each in pixels], Image(mode="rgb"))
    assert np.array_equal(found, np.stack(pixels))


def test_the_model_is_fed_what_it_was_trained_on() -> None:
    pixels = smooth(8, 8)
    scaled = Image(mode="rgb", scale=1 / 127.5, offset=-1.0)
    found = read([encoded(pixels)], scaled, (8, 8))
    layer = keras.layers.Rescaling(1 / 127.5, -1.0)
    assert np.array_equal(found, np.asarray(layer(pixels[np.newaxis].astype(np.float32))))
    assert np.array_equal(read([pixels.tolist()], scaled, (8, 8)), found)


def test_a_model_of_whole_numbers_gets_rounded_ones() -> None:
    pixels = smooth(20, 30)
    layer = keras.layers.Resizing(8, 8, interpolation="bicubic")
    expected = np.asarray(layer(pixels[np.newaxis]))
    assert expected.dtype == np.uint8
    resize = Resize(height=8, width=8, method="bicubic")
    found = read([encoded(pixels)], Image(mode="rgb", resize=resize), dtype="uint8")
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_a_gray_picture_of_16_bits_keeps_them_as_in_keras() -> None:
    picture, _ = made("I;16", 8, 8)
    found = read([encoded(picture)], Image(mode="gray"), (8, 8))
    assert np.array_equal(found[0, ..., 0], np.asarray(picture))


def test_a_turned_picture_has_the_size_that_it_has_upright() -> None:
    data = turned(PillowImage.fromarray(smooth(8, 12)), 6)
    assert read([data], Image(mode="rgb"), (12, 8)).shape == (1, 12, 8, 3)
    assert refusal([data], Image(mode="rgb"), (8, 12)).message == (
        "instances[0]: expected a picture of 12 by 8 pixels, got 8 by 12; "
        "the model was exported without a resize"
    )


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (
            "aGVsbG8=",
            "wrong_dtype",
            (
                'instances[1]: expected a picture, {"b64": "…"} or numbers of shape [8, 8, 3], got '
                '"aGVsbG8="; give base64 as {"b64": "…"}'
            ),
        ),
        (None, "wrong_dtype", "numbers of shape [8, 8, 3], got null"),
        ({"b64": 5}, "wrong_dtype", "numbers of shape [8, 8, 3], got an object"),
        ({"b64": "", "b": 1}, "wrong_dtype", "numbers of shape [8, 8, 3], got an object"),
        ({"b64": ""}, "malformed_image", "instances[1]: expected a JPEG, PNG or WebP picture, got"),
        (
            {"b64": "data:image/png;base64,iVBORw0KGgo="},
            "malformed_image",
            (
                "instances[1].b64: expected base64 (RFC 4648), got Only base64 data is allowed; "
                "leave out all that comes before the comma"
            ),
        ),
        ({"b64": "_-8="}, "malformed_image", "use + and /, not the alphabet for URLs"),
        ({"b64": "aGVsbG8"}, "malformed_image", "expected base64 (RFC 4648), got Incorrect padd"),
        ({"b64": "é"}, "malformed_image", "instances[1].b64: expected base64 (RFC 4648), got "),
        ([[[1, 2, 3]]], "wrong_shape", "instances[1]: expected shape [8, 8, 3], got [1, 1, 3]"),
        (
            smooth(8, 8)[..., :1].tolist(),
            "wrong_shape",
            "instances[1]: expected shape [8, 8, 3], got [8, 8, 1]",
        ),
    ],
)
def test_what_is_no_picture_is_named(value: Any, code: str, message: str) -> None:
    error = refusal([b64(encoded(smooth(8, 8))), value], Image(mode="rgb"), (8, 8))
    assert (error.status, error.code) == (400, code)
    assert message in error.message


def test_a_pixel_out_of_range_is_named() -> None:
    pixels = smooth(8, 8).astype(float)
    pixels[3, 4, 1] = 255.5
    for values, place in (([pixels.tolist()], "instances[0]"), (pixels[np.newaxis], "body[0]")):
        error = refusal(values, Image(mode="rgb"), (8, 8))
        assert (error.code, error.message) == (
            "out_of_range",
            f"{place}[3][4][1]: expected the value of a pixel, 0 to 255, got 255.5",
        )


def test_pixels_that_were_divided_already_are_told_of() -> None:
    pixels = smooth(8, 8) / 255
    for values, place in (([pixels.tolist()], "instances[0]"), (pixels[np.newaxis], "body[0]")):
        error = refusal(values, Image(mode="rgb"), (8, 8))
        assert error.code == "out_of_range"
        assert error.message.startswith(f"{place}: expected the values of pixels, 0 to 255, got")
        assert "before they were divided by 255" in error.message
    dark = (smooth(8, 8) > 128).astype(float)
    assert read([dark.tolist()], Image(mode="rgb"), (8, 8)).max() == 1


def test_what_pillow_resizes_has_no_fractions() -> None:
    error = refusal([(smooth(9, 9) / 2).tolist()], Image(mode="rgb", resize=BY_PIL))
    assert error.code == "wrong_dtype"
    assert error.message.startswith("instances[0]: expected whole numbers from 0 to 255, because")


def test_pictures_of_different_sizes_need_a_resize() -> None:
    sent = [encoded(smooth(8, 8)), encoded(smooth(8, 9))]
    assert read(sent, Image(mode="rgb", resize=EIGHT)).shape == (2, 8, 8, 3)
    error = refusal(sent, Image(mode="rgb"))
    assert error.code == "wrong_shape"
    assert error.message == (
        "instances[1]: expected shape [8, 8, 3] like the instances before it, got [8, 9, 3]; "
        "send different sizes in different requests"
    )


@pytest.mark.parametrize(("resize", "fit"), [(EIGHT, 4), (None, 1)])
def test_all_pictures_together_have_a_limit(resize: Resize | None, fit: int) -> None:
    """With a resize each is forgotten in its turn; without, all of them are kept."""
    sent: list[Any] = [encoded(smooth(100, 100)), smooth(100, 100).tolist()] * 3
    image = Image(mode="rgb", resize=resize)
    assert len(read(sent[:fit], image)) == fit
    error = refusal(sent[: fit + 1], image)
    assert (error.status, error.code) == (413, "image_too_large")
    assert error.message == (
        f"instances[{fit}]: expected pictures of at most {fit * MOST:,} pixels in one request, got "
        "more; send them in several"
    )


def test_the_time_is_told_apart() -> None:
    timings = Timings()
    timings.start()
    raw = RawInput([encoded(smooth(100, 100))] * 2, "instances[{}]", True)  # noqa: FBT003
    reader(Image(mode="rgb", resize=EIGHT)).read(raw, timings)
    stages = timings.stages
    assert set(stages) == {"preprocess", "decode", "resize"}
    assert stages["decode"] > 0
    assert stages["resize"] > 0


def test_only_pictures_of_one_size_take_a_known_time() -> None:
    assert reader(Image(mode="gray"), (28, 28)).most_ms < 1
    assert reader(Image(mode="rgb"), (224, 224)).most_ms > 2
    assert reader(Image(mode="rgb", resize=EIGHT)).most_ms == float("inf")
