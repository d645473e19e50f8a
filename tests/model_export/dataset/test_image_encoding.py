"""Pictures as clients send them, as golden examples hold them, and as people look at them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from model_export.dataset.image_encoding import as_golden, as_json, thumbnail, thumbnail_of_file
from tests.support.examples.image_files import encoded, smooth
from tflite_serving.contract.image import Image


def opened(data: bytes) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(data))


def of_uri(uri: str) -> PillowImage.Image:
    return opened(base64.b64decode(uri.partition(",")[2]))


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_sent_as_png_that_has_all_of_them(channels: int) -> None:
    pixels = np.stack([smooth(5, 7, seed)[..., :channels] for seed in (1, 2)])
    for sent, golden, each in zip(as_json(pixels), as_golden(pixels), pixels, strict=True):
        for text in (sent["b64"], golden):
            picture = opened(base64.b64decode(text))
            assert picture.format == "PNG"
            assert np.array_equal(np.asarray(picture).reshape(each.shape), each)


def test_a_file_is_sent_as_it_is() -> None:
    file = encoded(smooth(5, 7), "JPEG")
    files = np.empty(1, dtype=object)
    files[0] = file
    (sent,) = as_json(files)
    assert base64.b64decode(sent["b64"]) == file
    assert as_json(as_golden(files)) == [sent]


def test_fractions_stay_numbers() -> None:
    fractions = np.full((2, 3, 3, 1), 0.5, np.float32)
    assert as_golden(fractions) is fractions
    assert np.array_equal(as_json(fractions), fractions)


def test_small_pictures_keep_each_pixel_and_large_ones_are_made_smaller() -> None:
    small = smooth(96, 20)
    uri = thumbnail(small)
    assert uri.startswith("data:image/png;base64,")
    assert np.array_equal(np.asarray(of_uri(uri)), small)
    uri = thumbnail(smooth(100, 400))
    assert uri.startswith("data:image/jpeg;base64,")
    assert of_uri(uri).size == (192, 48)


def test_a_file_is_shown_as_the_model_sees_it() -> None:
    uri = thumbnail_of_file(encoded(smooth(9, 8), "PNG"), Image(mode="gray"))
    assert (of_uri(uri).mode, of_uri(uri).size) == ("L", (8, 9))
