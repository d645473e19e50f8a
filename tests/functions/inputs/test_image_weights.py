"""Weights of a resize are kept for few sizes, and are the same for every thread."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tflite_serving.contract.image import METHODS, Method, Resize
from tflite_serving.inputs.image_resize import resized
from tflite_serving.inputs.image_weights import kept_weights, weights_of

Array = npt.NDArray[Any]


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_a_client_that_sends_many_sizes_does_not_fill_the_memory() -> None:
    for size in range(1, 200):
        resized(picture(size, 3), Resize(height=8, width=8, antialias=True))
    assert kept_weights.cache_info().currsize <= 16


def test_several_threads_share_the_weights() -> None:
    pixels, resize = picture(200, 300), Resize(height=24, width=24, antialias=True)
    expected = resized(pixels, resize)
    found: list[Array] = []
    threads = [
        threading.Thread(target=lambda: found.append(resized(pixels, resize))) for _ in range(8)
    ]
    kept_weights.cache_clear()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(each, expected) for each in found)
    assert len(found) == 8


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS["keras"])
@pytest.mark.parametrize(("size", "new_size"), [(7, 3), (3, 7), (60, 24)])
def test_the_weights_of_each_pixel_are_those_of_its_blocks_and_sum_to_one(
    method: Method, size: int, new_size: int, *, antialias: bool
) -> None:
    found = weights_of(method, size, new_size, antialias=antialias)
    rows = np.zeros((new_size, size), np.float32)
    np.add.at(rows, (np.arange(new_size)[:, np.newaxis], found.indices), found.weights)
    start = 0
    for first, block in found.blocks:
        count, width = block.shape
        np.testing.assert_allclose(rows[start : start + count, first : first + width], block)
        start += count
    assert start == new_size
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-5)
