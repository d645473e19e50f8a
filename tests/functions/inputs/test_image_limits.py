"""Limits on what pictures become, checked before any takes memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from tests.support.examples.image_files import encoded, smooth, turned
from tflite_serving.contract.image import METHODS, Image, Library, Resize
from tflite_serving.contract.tensors import InputSpec, Preprocess
from tflite_serving.errors import RequestError
from tflite_serving.inputs.image import PictureReader
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.telemetry import Timings

KERAS_LIKE = [
    Resize(height=96, width=96, method=method, antialias=antialias)
    for method in METHODS["keras"]
    for antialias in (False, True)
]


def peak(values: Any, image: Image, most: int = 2**20) -> tuple[int, str]:
    """Bytes that numpy and Python take at most for a batch; and why it is refused, if it is."""
    shape = (None, None, None, image.channels)
    spec = InputSpec("photo", "float32", shape, Preprocess("image", image))
    raw: Any = RawInput(values, "instances[{}]", True)  # noqa: FBT003
    if isinstance(values, np.ndarray):
        raw = Numbers(values, "instances[{}]")
    error: RequestError | None = None
    tracemalloc.start()
    try:
        PictureReader(spec, most).read(raw, Timings())
    except RequestError as caught:
        error = caught
    finally:
        _, taken = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    if error is None:
        return taken, ""
    assert (error.status, error.code) == (413, "image_too_large")
    return taken, error.message


@pytest.mark.parametrize("size", [(1, 12_001), (12_001, 1)])
@pytest.mark.parametrize("fill", [0.0, 0.5])
def test_the_borders_of_a_picture_count(size: tuple[int, int], fill: float) -> None:
    image = Image(mode="rgb", resize=Resize(height=96, width=96, fit="pad", fill=fill))
    flat = np.zeros((*size, 3), np.uint8)
    most = 2**20 * (1 if fill else 2)
    for sent in ([encoded(flat)], [flat.tolist()], flat[np.newaxis]):
        taken, message = peak(sent, image)
        assert taken < 4_000_000
        if not isinstance(sent, np.ndarray) and isinstance(sent[0], bytes):
            assert message == (
                f"instances[0]: expected at most {most:,} pixels with the borders that the "
                f"model's pictures have, got {size[1]} by {size[0]}, which becomes 12001 by 12001; "
                "cut off some of the longer side, or send a smaller picture"
            )
        assert "which becomes 12001 by 12001" in message


def test_a_photo_of_the_most_pixels_may_have_borders_and_keeps_its_bytes() -> None:
    image = Image(mode="rgb", resize=Resize(height=96, width=96, fit="pad"))
    taken, message = peak([encoded(np.zeros((768, 1365, 3), np.uint8))], image)
    assert not message
    assert taken < 2**20 * 3 * 4


def test_a_picture_with_borders_is_refused_as_it_lies_or_turned() -> None:
    """The size counts that it has upright."""
    image = Image(mode="rgb", resize=Resize(height=10, width=1000, fit="pad"))
    flat = PillowImage.new("RGB", (1000, 10))
    assert not peak([turned(flat, 1, "PNG")], image, 20_000)[1]
    assert "10 by 1000" in peak([turned(flat, 6, "PNG")], image, 20_000)[1]


@pytest.mark.parametrize("resize", KERAS_LIKE, ids=lambda each: f"{each.method} {each.antialias}")
def test_long_thin_pictures_take_little_more_than_others(resize: Resize) -> None:
    for height, width in ((1, 60_000), (16, 60_000), (60_000, 1), (60_000, 16)):
        picture = encoded(np.zeros((height, width, 3), np.uint8))
        taken, message = peak([picture], Image(mode="rgb", resize=resize))
        assert not message
        assert taken < 60_000_000


@pytest.mark.parametrize("by", ["keras", "pil"])
@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536)])
def test_a_side_has_a_limit_if_it_is_resized(by: Library, size: tuple[int, int]) -> None:
    flat = np.zeros((*size, 3), np.uint8)
    image = Image(mode="rgb", resize=Resize(height=8, width=8, by=by))
    for sent in ([encoded(flat)], flat[np.newaxis]):
        _, message = peak(sent, image)
        assert message == (
            f"instances[0]: expected sides of at most 65,535 pixels, got {size[1]} by {size[0]}; "
            "send a smaller picture"
        )
    assert not peak([encoded(flat)], Image(mode="rgb"))[1]


def test_what_pillow_makes_of_the_rows_counts() -> None:
    tall = encoded(np.zeros((60_000, 1, 3), np.uint8))
    stretch = Resize(height=96, width=96, by="pil", method="bicubic")
    assert peak([tall], Image(mode="rgb", resize=stretch))[1] == (
        "instances[0]: expected at most 1,048,576 pixels once the rows are resized, "
        "got 1 by 60000, which becomes 96 by 60000; send a smaller picture"
    )
    crop = replace(stretch, fit="crop")
    assert not peak([tall], Image(mode="rgb", resize=crop))[1]


def test_what_pictures_become_counts_before_any_is_decoded() -> None:
    image = Image(mode="rgb", resize=Resize(height=64, width=64), scale=1 / 255)
    for sent in ([encoded(smooth(1, 1))] * 1024, np.zeros((1024, 1, 1, 3), np.uint8)):
        taken, message = peak(sent, image)
        assert taken < 100_000
        assert message == (
            "instances[256]: expected at most 256 pictures in one request, because each becomes "
            "one of 64 by 64 pixels, got 1,024; send them in several"
        )
        taken, message = peak(sent[:256], image)
        assert not message
        # Nothing but what the model gets.
        assert taken < 1.1 * 256 * 64 * 64 * 3 * 4


def test_one_picture_may_become_as_large_as_the_model_wants() -> None:
    image = Image(mode="rgb", resize=Resize(height=64, width=64, fit="pad"))
    assert not peak([encoded(smooth(5, 10))], image, 100)[1]
    assert peak([encoded(smooth(5, 10))] * 2, image, 100)[1]
