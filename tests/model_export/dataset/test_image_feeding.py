"""Pictures of a data source become what the model is fed."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.dataset.image_feeding import one_size, tensors
from model_export.dataset.image_reading import PictureFile
from model_export.dataset.object_arrays import as_objects
from model_export.errors import UsageError
from tests.support.examples.image_files import encoded, smooth
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.tensors import InputSpec, Preprocess


def spec(image: Image, *size: int | None) -> InputSpec:
    return InputSpec("photo", "float32", (None, *size, 3), Preprocess("image", image))


def file(height: int, width: int, path: str = "a.png") -> PictureFile:
    made = PictureFile(encoded(smooth(height, width), "PNG"))
    made.path = path
    return made


def test_files_and_arrays_become_the_same_tensors() -> None:
    pixels = smooth(6, 5)
    fed = spec(Image(mode="rgb", scale=1 / 255), 6, 5)
    expected = pixels[np.newaxis] / np.float32(255)
    np.testing.assert_allclose(tensors(pixels[np.newaxis], fed, "data"), expected, rtol=1e-6)
    np.testing.assert_allclose(tensors(as_objects([file(6, 5)]), fed, "data"), expected, rtol=1e-6)


def test_pictures_of_different_sizes_are_resized_or_stay_apart() -> None:
    files = as_objects([file(6, 5), file(7, 9)])
    resized = tensors(
        files, spec(Image(mode="rgb", resize=Resize(height=4, width=4)), None, None), ""
    )
    assert resized.shape == (2, 4, 4, 3)
    found = tensors(files, spec(Image(mode="rgb"), None, None), "data")
    assert [each.shape for each in found] == [(6, 5, 3), (7, 9, 3)]
    with pytest.raises(UsageError, match=r"^data: expected pictures of one size"):
        one_size(found, "data")
    assert one_size(resized, "data") is resized


def test_a_damaged_file_is_named_by_its_path_and_place() -> None:
    damaged = PictureFile(b"no picture")
    damaged.path = "{b}.png"
    files = as_objects([file(6, 5), damaged])
    with pytest.raises(UsageError, match=r"^train: x\[1\] \(\{b\}\.png\): expected a JPEG, PNG"):
        tensors(files, spec(Image(mode="rgb"), 6, 5), "train: x")


def test_a_picture_of_another_size_is_refused_with_the_key_that_resizes_it() -> None:
    with pytest.raises(UsageError, match=r"inputs\.photo\.resize says how, such as \{by ="):
        tensors(as_objects([file(7, 5)]), spec(Image(mode="rgb"), 6, 5), "data")
