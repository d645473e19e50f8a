"""Resizes images as `keras.layers.Resizing` and `keras.layers.CenterCrop` do, without Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.image import Resize
from tflite_serving.inputs.image_weights import Weights, weights_of

Array = npt.NDArray[Any]
# Of additions and multiplications, in one matrix product. OpenBLAS gives larger ones to threads of
# its own, which takes longer than the product wherever others want the processors, too.
_LARGEST_PRODUCT = 2**18
# How many times as large what the usual order of the axes makes may be as what the other one makes.
# The usual one is quicker: rows lie in memory one after the other.
_LARGER = 4
# Those that leave a picture as it is that has the right size already.
_EXACT = ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5")


def resized(pixels: Array, resize: Resize) -> Array:
    """Resizes an image.

    Args:
        pixels: Pixel values, [height, width, channels], of any numeric dtype.
        resize: Resize with `by` "keras".

    Returns:
        Pixel values, [height, width, channels], float32; in the dtype of `pixels` where no
        arithmetic was needed.
    """
    height, width = resize.height, resize.width
    if resize.fit == "center":
        if pixels.shape[0] >= height and pixels.shape[1] >= width:
            return _middle(pixels, height, width)
        pixels = _cropped(pixels, resize)
    elif resize.fit == "crop":
        pixels = _cropped(pixels, resize)
    elif resize.fit == "pad":
        pixels = _padded(pixels, resize)
    if pixels.shape[:2] == (height, width) and resize.method in _EXACT:
        return pixels
    down = weights_of(resize.method, pixels.shape[0], height, antialias=resize.antialias)
    across = weights_of(resize.method, pixels.shape[1], width, antialias=resize.antialias)
    taps = down.weights.shape[1], across.weights.shape[1]
    if taps == (1, 1):
        rows, columns = down.indices[:, 0], across.indices[:, 0]
        if _across_first(pixels, down, across):
            return pixels[:, columns][rows]
        return pixels[rows][:, columns]
    if taps == (2, 2):
        return _between(pixels, down, across)
    return _weighted(pixels, down, across)


def padded_size(height: int, width: int, resize: Resize) -> tuple[int, int]:
    """Height and width of an image with the borders of fit "pad"."""
    tall, wide = _ratio_box(height, width, resize, max)
    above, left = (tall - height) // 2, (wide - width) // 2
    return height + 2 * above, width + 2 * left


def _between(pixels: Array, down: Weights, across: Weights) -> Array:
    """Of four pixels each: looking them up is a fraction of a matrix product's work."""
    height, _, channels = pixels.shape
    columns = across.indices[:, :, np.newaxis] * channels + np.arange(channels)
    left, right = columns[:, 0].ravel(), columns[:, 1].ravel()
    part = np.repeat(across.weights[:, 1], channels)
    flat = pixels.reshape(height, -1)
    if _across_first(pixels, down, across):
        flat = flat.take(np.concatenate([left, right]), axis=1)
        left = np.arange(len(left))
        right = left + len(left)

    def row(index: Array) -> npt.NDArray[np.float32]:
        rows = flat[index]
        start = rows.take(left, axis=1).astype(np.float32)
        end: npt.NDArray[np.float32] = rows.take(right, axis=1).astype(np.float32)
        end -= start
        end *= part
        end += start
        return end

    top, bottom = row(down.indices[:, 0]), row(down.indices[:, 1])
    bottom -= top
    bottom *= down.weights[:, 1:]
    bottom += top
    return bottom.reshape(len(down.indices), -1, channels)


def _weighted(pixels: Array, down: Weights, across: Weights) -> Array:
    if _across_first(pixels, down, across):
        return np.ascontiguousarray(_turned(_weighted_down_first(_turned(pixels), across, down)))
    return _weighted_down_first(pixels, down, across)


def _weighted_down_first(pixels: Array, down: Weights, across: Weights) -> Array:
    height, width, channels = pixels.shape
    new_height, new_width = len(down.indices), len(across.indices)
    rows = _product(down, pixels.reshape(height, width * channels))
    turned = _turned(rows.reshape(new_height, width, channels))
    columns = _product(across, turned.reshape(width, new_height * channels))
    return np.ascontiguousarray(_turned(columns.reshape(new_width, new_height, channels)))


def _across_first(pixels: Array, down: Weights, across: Weights) -> bool:
    """Whether the rows are resized before the columns: of a long row, all would be made anew."""
    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    return len(down.indices) * width > _LARGER * height * len(across.indices)


def _turned(pixels: Array) -> Array:
    return pixels.swapaxes(0, 1)


def _product(weights: Weights, values: Array) -> Array:
    """[pixels, …] to [new pixels, …]."""
    count = values.shape[1]
    found = np.empty((len(weights.indices), count), np.float32)
    done = 0
    for low, matrix in weights.blocks:
        new, old = matrix.shape
        step = max(1, _LARGEST_PRODUCT // matrix.size)
        whole = count // step * step
        # Not all at once: a large picture would take four times its memory.
        rows = values[low : low + old].astype(np.float32, copy=False)
        to = found[done : done + new]
        np.matmul(matrix, _pieces(rows[:, :whole], step), out=_pieces(to[:, :whole], step))
        np.matmul(matrix, rows[:, whole:], out=to[:, whole:])
        done += new
    return found


def _pieces(values: Array, step: int) -> Array:
    """[rows, columns] as [pieces, rows, step]: a view."""
    return values.reshape(len(values), -1, step).swapaxes(0, 1)


def _cropped(pixels: Array, resize: Resize) -> Array:
    """The largest part of the middle that has the right ratio."""
    tall, wide, _ = pixels.shape
    return _middle(pixels, *_ratio_box(tall, wide, resize, min))


def _padded(pixels: Array, resize: Resize) -> Array:
    """With borders on both sides, equally wide, so that the ratio is the right one."""
    height, width, channels = pixels.shape
    size = padded_size(height, width, resize)
    if size == (height, width):
        return pixels
    # Bytes stay bytes: the borders may be many times the picture.
    is_whole = pixels.dtype == np.uint8 and resize.fill in range(256)
    found = np.full((*size, channels), resize.fill, np.uint8 if is_whole else np.float32)
    above, left = (size[0] - height) // 2, (size[1] - width) // 2
    found[above : above + height, left : left + width] = pixels
    return found


def _ratio_box(tall: int, wide: int, resize: Resize, choose: Any) -> tuple[int, int]:
    """Sizes of the box of the right ratio; in float32, as Keras computes them."""
    right_height = int(np.float32(wide * resize.height) / np.float32(resize.width))
    right_width = int(np.float32(tall * resize.width) / np.float32(resize.height))
    return max(choose(tall, right_height), 1), max(choose(wide, right_width), 1)


def _middle(pixels: Array, height: int, width: int) -> Array:
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]
