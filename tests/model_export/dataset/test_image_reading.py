"""The pictures that a data source gives, as arrays or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.dataset.image_reading import check_brightness, read_pictures
from model_export.dataset.object_arrays import as_objects
from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection
from tests.support.examples.image_files import encoded, smooth
from tflite_serving.contract.image import Image
from tflite_serving.contract.tensors import InputSpec, Preprocess

PIXELS = np.stack([smooth(4, 5, seed) for seed in (1, 2)])


def read(values: Any, image: Image = Image(mode="rgb"), folder: Path = Path()) -> Any:  # noqa: B008  # they are frozen
    fed = InputSpec("photo", "float32", (None, None, None, 3), Preprocess("image", image))
    return read_pictures(values, fed, folder, "data: train: photo")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_pixels_of_any_dtype_are_whole_numbers(dtype: Any) -> None:
    found = read(PIXELS.astype(dtype))
    assert found.dtype == np.uint8
    assert np.array_equal(found, PIXELS)


def test_what_the_model_is_fed_is_scaled_back_to_what_clients_send() -> None:
    image = Image(mode="rgb", scale=1 / 127.5, offset=-1)
    found = read((PIXELS / 127.5 - 1).astype(np.float32), image)
    assert np.array_equal(found, PIXELS)


def test_fractions_of_pixels_stay_so() -> None:
    found = read(PIXELS / 2)
    assert found.dtype == np.float32
    assert np.array_equal(found, PIXELS / 2)


def test_paths_are_read_as_files_and_remembered(tmp_path: Path) -> None:
    data = encoded(PIXELS[0], "PNG")
    (tmp_path / "a.png").write_bytes(data)
    for paths in (np.array(["a.png"]), as_objects(["a.png"])):
        (file,) = read(paths, folder=tmp_path)
        assert (bytes(file), file.path) == (data, "a.png")
    with pytest.raises(UsageError, match=r"b\.png: cannot be read: No such file"):
        read(np.array(["b.png"]), folder=tmp_path)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (
            PIXELS[..., :2],
            r"expected pictures of \[null, null, 3\] or paths of files, got \[4, 5, 2\]",
        ),
        (PIXELS > 9, "or paths of files, got .* bool"),
        (PIXELS / 255, 'got 0.* to 0.*; if the model takes 0 to 1, set .*scale = "1/255"'),
        (PIXELS / 127.5 - 1, 'if the model takes -1 to 1, set .*scale = "1/127.5"'),
        (PIXELS * 2.0, "say what the model is fed with inputs.photo.scale"),
        (np.where(PIXELS > 9, np.nan, PIXELS), "expected pixels from 0 to 255.*got nan"),
        (as_objects([PIXELS[0] / 2, smooth(7, 7)]), r"photo\[0\]: expected whole pixels"),
    ],
)
def test_what_is_no_picture_is_refused_with_advice(values: Any, complaint: str) -> None:
    def read_and_check() -> None:
        check_brightness(read(values), InputSection(), "photo", "data: train: photo")

    with pytest.raises(UsageError, match=complaint):
        read_and_check()


def test_dark_pictures_are_doubted_unless_the_recipe_says_their_scale() -> None:
    dark = np.ones((2, 4, 5, 3), np.uint8)
    with pytest.raises(UsageError, match=r"just so dark, set inputs\.photo\.scale = 1$"):
        check_brightness(dark, InputSection(), "photo", "data")
    check_brightness(dark, InputSection(scale=1), "photo", "data")
    check_brightness(PIXELS, InputSection(), "photo", "data")
