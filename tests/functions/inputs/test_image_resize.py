"""Pictures are resized as Keras's own layers resize them."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.examples.strategies import resizes
from tflite_serving.contract.image import METHODS, Fit, Method, Resize
from tflite_serving.inputs.image_resize import resized

Array = npt.NDArray[Any]

KERAS: tuple[Method, ...] = ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5")

CLOSE = 0.005  # of 255; what is looked up, not computed, is equal

sides = st.integers(1, 60)


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def by_keras(pixels: Array, resize: Resize) -> Array:
    layer = keras.layers.Resizing(
        resize.height,
        resize.width,
        interpolation=resize.method,
        antialias=resize.antialias,
        crop_to_aspect_ratio=resize.fit == "crop",
        pad_to_aspect_ratio=resize.fit == "pad",
        fill_value=resize.fill,
    )
    return np.asarray(layer(pixels[np.newaxis].astype(np.float32)).numpy()[0])


@pytest.mark.parametrize("method", KERAS)
@settings(max_examples=60)
@given(
    height=sides,
    width=sides,
    new_height=sides,
    new_width=sides,
    antialias=st.booleans(),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
)
def test_every_method_is_that_of_the_resizing_layer(
    method: Method,
    height: int,
    width: int,
    new_height: int,
    new_width: int,
    antialias: bool,  # noqa: FBT001  # hypothesis gives it by name
    fit: Fit,
) -> None:
    pixels = picture(height, width, 1 + width % 4)
    fill = 9.0 if fit == "pad" else 0.0
    resize = Resize(
        height=new_height,
        width=new_width,
        method=method,
        antialias=antialias,
        fit=fit,
        fill=fill,
    )
    found, expected = resized(pixels, resize), by_keras(pixels, resize)
    assert found.shape == expected.shape
    exact = method == "nearest" or (method == "bilinear" and not antialias)
    assert np.abs(found - expected).max() <= (0 if exact else CLOSE)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS["keras"])
def test_a_photo_is_resized_as_tensorflow_does_it(method: Method, *, antialias: bool) -> None:
    pixels = picture(768, 1024)
    resize = Resize(height=224, width=224, method=method, antialias=antialias)
    expected = tf.image.resize(pixels, (224, 224), method, antialias=antialias)
    assert np.abs(resized(pixels, resize) - np.asarray(expected)).max() <= CLOSE


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS["keras"])
@pytest.mark.parametrize(("height", "width"), [(1, 900), (7, 900), (900, 7), (900, 1)])
def test_a_long_thin_picture_is_resized_as_tensorflow_does_it(
    method: Method, height: int, width: int, *, antialias: bool
) -> None:
    pixels = picture(height, width)
    resize = Resize(height=24, width=32, method=method, antialias=antialias)
    expected = np.asarray(tf.image.resize(pixels, (24, 32), method, antialias=antialias))
    exact = method == "nearest" or (method == "bilinear" and not antialias)
    assert np.abs(resized(pixels, resize) - expected).max() <= (0 if exact else CLOSE)


@pytest.mark.parametrize("fill", [0.0, 255.0, 127.5, 300.0, -1.0])
def test_borders_of_any_value_are_those_of_the_resizing_layer(fill: float) -> None:
    pixels = picture(20, 90)
    resize = Resize(height=30, width=30, fit="pad", fill=fill)
    assert np.array_equal(resized(pixels, resize), by_keras(pixels, resize))


@settings(max_examples=30)
@given(height=sides, width=sides, new_height=sides, new_width=sides)
@example(height=9, width=60, new_height=10, new_width=10)
def test_the_middle_is_that_of_the_center_crop_layer(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    pixels = picture(height, width)
    layer = keras.layers.CenterCrop(new_height, new_width)
    expected = np.asarray(layer(pixels[np.newaxis].astype(np.float32)))[0]
    found = resized(pixels, Resize(height=new_height, width=new_width, fit="center"))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= CLOSE


@settings(max_examples=30)
@given(resize=resizes.filter(lambda resize: resize.by == "keras"), height=sides, width=sides)
def test_a_picture_of_one_color_stays_so(resize: Resize, height: int, width: int) -> None:
    found = resized(np.full((height, width, 1), 100, np.uint8), resize)
    assert found.shape == (resize.height, resize.width, 1)
    assert np.abs(found - 100.0).max() <= CLOSE


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    pixels = picture(8, 9)
    assert resized(pixels, Resize(height=8, width=9, method="lanczos3", antialias=True)) is pixels


def test_a_photo_is_resized_in_milliseconds() -> None:
    pixels = picture(768, 1024)
    best = {}
    for antialias in (False, True):
        resize = Resize(height=224, width=224, antialias=antialias)
        resized(pixels, resize)
        times = []
        for _ in range(10):
            began = time.perf_counter()
            resized(pixels, resize)
            times.append(time.perf_counter() - began)
        best[antialias] = min(times)
    # Half a millisecond and three, on one quiet processor.
    assert best[False] < 0.02
    assert best[True] < 0.06
