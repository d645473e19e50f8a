"""Pictures are decoded as Keras decodes them; what is no picture is refused with a reason."""

from __future__ import annotations

import io
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from tests.support.examples.image_files import (
    FILES,
    encoded,
    file_of,
    made,
    png_of_size,
    smooth,
    turned,
    webp_of_size,
    with_scans,
)
from tflite_serving.contract.image import METHODS, Image, Mode, Resize
from tflite_serving.errors import RequestError
from tflite_serving.inputs.image_file import decoded, open_picture, resized_by_pillow

Array = npt.NDArray[Any]

COLOR_MODES: dict[Mode, str] = {"gray": "grayscale", "rgb": "rgb", "rgba": "rgba"}

MOST = 10_000


def pixels(data: bytes, image: Image) -> Array:
    picture = decoded(open_picture(data, "body", MOST), image, "body")
    if image.resize is not None:
        picture = resized_by_pillow(picture, image.resize)
    return np.asarray(keras.utils.img_to_array(picture))


def by_keras(data: bytes, mode: Mode, **options: Any) -> Array:
    found = keras.utils.load_img(io.BytesIO(data), color_mode=COLOR_MODES[mode], **options)
    return np.asarray(keras.utils.img_to_array(found))


def refusal(data: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        decoded(open_picture(data, "body", MOST), Image(mode="rgb"), "body")
    return caught.value


# Pillow warns of it; in the function, nobody hears.
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("mode", COLOR_MODES)
@pytest.mark.parametrize("name", FILES)
def test_every_mode_is_converted_as_load_img_converts_it(name: str, mode: Mode) -> None:
    data = file_of(name)
    found = pixels(data, Image(mode=mode))
    assert np.array_equal(found, by_keras(data, mode))
    assert found.max() > 100


@pytest.mark.parametrize("method", METHODS["pil"])
@settings(max_examples=100)
@given(
    size=st.tuples(*[st.integers(1, 60)] * 4),
    crop=st.booleans(),
    mode=st.sampled_from(["gray", "rgb", "rgba"]),
)
def test_every_method_is_that_of_load_img(
    method: Any,
    size: tuple[int, int, int, int],
    crop: bool,  # noqa: FBT001  # hypothesis gives it by name
    mode: Mode,
) -> None:
    height, width, new_height, new_width = size
    data = file_of("RGB as PNG", height, width)
    target = {"target_size": (new_height, new_width), "interpolation": method}
    try:
        expected = by_keras(data, mode, keep_aspect_ratio=crop, **target)
    except ValueError:  # the cropped picture has no pixel left
        expected = None
    fit: Any = "crop" if crop else "stretch"
    resize = Resize(height=new_height, width=new_width, by="pil", method=method, fit=fit)
    found = pixels(data, Image(mode=mode, resize=resize))
    assert found.shape[:2] == (new_height, new_width)
    assert expected is None or np.array_equal(found, expected)


def test_keras_leaves_a_picture_as_the_sensor_lay() -> None:
    """What `exif_orientation` is about: Keras does not look at it."""
    picture = PillowImage.fromarray(smooth(20, 30))
    data = turned(picture, 6, "PNG")
    assert np.array_equal(by_keras(data, "rgb"), np.asarray(picture))
    as_keras = Image(mode="rgb", exif_orientation=False)
    assert np.array_equal(pixels(data, as_keras), np.asarray(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_the_way_it_was_taken(kind: str, orientation: int) -> None:
    from PIL import ImageOps

    data = turned(PillowImage.fromarray(smooth(20, 30)), orientation, kind)
    upright = ImageOps.exif_transpose(PillowImage.open(io.BytesIO(data)))
    expected = np.asarray(upright.convert("RGB"))
    assert expected.shape[:2] == ((20, 30) if orientation < 5 else (30, 20))
    assert np.array_equal(pixels(data, Image(mode="rgb")), expected)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0rubbish"]
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_metadata_do_not_spoil_a_picture(exif: bytes) -> None:
    data = encoded(smooth(20, 30), "JPEG", exif=exif)
    assert pixels(data, Image(mode="rgb")).shape == (20, 30, 3)


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [PillowImage.fromarray(smooth(20, 30, seed)) for seed in range(3)]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert np.array_equal(pixels(data, Image(mode="rgb")), np.asarray(frames[0]))


def test_a_picture_from_a_phone_that_holds_a_second_one_is_read() -> None:
    """MPO: a JPEG, and behind it the same for the other eye, or what makes it brighter."""
    one, other = (PillowImage.fromarray(smooth(20, 30, seed)) for seed in (1, 2))
    buffer = io.BytesIO()
    one.save(buffer, "MPO", save_all=True, append_images=[other])
    found = pixels(buffer.getvalue(), Image(mode="rgb"))
    assert np.array_equal(found, by_keras(encoded(one, "JPEG"), "rgb"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_half_a_picture_is_refused(kind: str) -> None:
    data = encoded(smooth(60, 60), kind)
    error = refusal(data[: len(data) // 2])
    assert (error.status, error.code) == (400, "malformed_image")
    assert error.message.startswith(f"body: expected a whole {kind} picture, got ")


@pytest.mark.parametrize(
    "data",
    [
        png_of_size(101, 100),
        png_of_size(2**31 - 1, 2**31 - 1),
        webp_of_size(2**24, 2**24),
        encoded(np.zeros((200, 200), np.uint8), "JPEG"),
        encoded(np.zeros((200, 200, 3), np.uint8), "WEBP", lossless=True),
        encoded(np.zeros((200, 200, 3), np.uint8), "WEBP"),
    ],
    ids=["PNG", "the largest PNG", "the largest WebP", "JPEG", "VP8L", "VP8"],
)
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(data: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        open_picture(data, "body", MOST)
    assert (caught.value.status, caught.value.code) == (413, "image_too_large")
    assert "body: expected at most 10,000 pixels, got " in caught.value.message


def test_a_picture_may_have_just_as_many_pixels() -> None:
    for kind, options in (("PNG", {}), ("JPEG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})):
        assert open_picture(encoded(smooth(100, 100), kind, **options), "body", MOST)


def test_a_picture_that_would_be_gone_over_again_and_again_is_refused() -> None:
    assert pixels(with_scans(100), Image(mode="gray")).shape == (64, 64, 1)
    error = refusal(with_scans(101))
    assert (error.status, error.code) == (400, "malformed_image")
    assert error.message == "body: expected a JPEG of at most 100 scans, got more"


def test_what_looks_like_scans_in_metadata_is_none() -> None:
    exif = b"Exif\0\0" + b"\xff\xda" * 500
    data = encoded(smooth(20, 30), "JPEG", exif=exif)
    assert pixels(data, Image(mode="rgb")).shape == (20, 30, 3)


def test_a_picture_of_each_mode_is_what_its_name_says() -> None:
    for name, (mode, kind) in FILES.items():
        picture = PillowImage.open(io.BytesIO(file_of(name)))
        assert (picture.mode, picture.format) == (mode.partition("+")[0], kind)
        assert made(mode)[0].size == picture.size
