"""What resizes pictures at a model's front is cut off, and the function does it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_export.dataset.image_feeding import one_size, tensors
from model_export.dataset.image_reading import read_pictures
from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection, ResizeSection
from model_export.signature.images import Front, fed_spec, picture_spec
from model_export.tf.preprocessing.images import split_pictures
from model_export.tf.source import KerasSource
from tests.support.examples.image_files import encoded, smooth
from tflite_serving.contract.image import Image, Resize

Array = npt.NDArray[Any]
ANY = (None, None, 3)
layers = keras.layers


def model(
    front: Sequence[Any], shape: tuple[int | None, ...] = ANY, dtype: str = "float32"
) -> KerasSource:
    """A model whose output tells every pixel that comes out of its front."""
    entry = keras.Input(shape, name="photo", dtype=dtype)
    x = entry
    for layer in front:
        x = layer(x)
    seen = layers.Flatten(name="seen")(layers.Rescaling(1.0, name="same")(x))
    return KerasSource(keras.Model(entry, seen), "model.keras")


def front_of(source: KerasSource) -> Front | None:
    return split_pictures(source, "model.keras").fronts.get("photo")


FRONTS: dict[str, tuple[list[Any], str, InputSection]] = {
    "a resize": ([layers.Resizing(7, 9)], "float32", InputSection()),
    "one of whole numbers": (
        [layers.Resizing(7, 9, interpolation="bicubic")],
        "uint8",
        InputSection(),
    ),
    "the middle": ([layers.CenterCrop(7, 9)], "float32", InputSection()),
    "the middle of whole numbers": ([layers.CenterCrop(30, 90)], "uint8", InputSection()),
    "a scale in front of it": (
        [layers.Rescaling(1 / 127.5, -1), layers.Resizing(7, 9, antialias=True)],
        "float32",
        InputSection(),
    ),
    "a scale in front of whole numbers": (
        [layers.Rescaling(1 / 255), layers.Resizing(7, 9)],
        "uint8",
        InputSection(),
    ),
    "borders of what is scaled": (
        [
            layers.Rescaling(1 / 127.5, -1),
            layers.Resizing(7, 9, pad_to_aspect_ratio=True, fill_value=0.25),
        ],
        "float32",
        InputSection(),
    ),
    "borders of what was scaled before": (
        [layers.Resizing(7, 9, pad_to_aspect_ratio=True, fill_value=0.25)],
        "float32",
        InputSection(scale="1/127.5", offset=-1.0),
    ),
    "within a model of its own": (
        [
            keras.Sequential(
                [
                    layers.RandomFlip(),
                    layers.RandomRotation(0.1),
                    layers.Resizing(7, 9, crop_to_aspect_ratio=True),
                    layers.Rescaling(1 / 255),
                ]
            )
        ],
        "float32",
        InputSection(),
    ),
    "within several models, and models of these": (
        [
            keras.Sequential([layers.RandomZoom(0.1)]),
            keras.Sequential([keras.Sequential([layers.Rescaling(1 / 127.5, -1)])]),
            keras.Sequential([layers.Resizing(7, 9, pad_to_aspect_ratio=True, fill_value=0.25)]),
        ],
        "float32",
        InputSection(),
    ),
    "the middle, within a model": (
        [keras.Sequential([layers.CenterCrop(7, 9)])],
        "uint8",
        InputSection(),
    ),
    "whole numbers that a model makes floats of": (
        [keras.Sequential([layers.Resizing(7, 9, interpolation="bicubic")])],
        "uint8",
        InputSection(),
    ),
    "whole numbers that a model takes": (
        [
            keras.Sequential(
                [
                    keras.Input(ANY, dtype="uint8"),
                    layers.RandomContrast(0.1),
                    layers.Resizing(7, 9, interpolation="bicubic"),
                ]
            )
        ],
        "uint8",
        InputSection(),
    ),
    "whole numbers that a random layer makes floats of": (
        [layers.RandomFlip(), layers.Resizing(7, 9, interpolation="bicubic")],
        "uint8",
        InputSection(),
    ),
    "a resize before another": (
        [layers.Resizing(20, 30), layers.CenterCrop(7, 9), layers.Rescaling(1 / 255)],
        "float32",
        InputSection(),
    ),
}


@pytest.mark.parametrize("name", FRONTS)
def test_the_function_does_what_was_cut_off(name: str) -> None:
    front, dtype, section = FRONTS[name]
    whole = model(front, dtype=dtype)
    parts = split_pictures(whole, "model.keras")
    spec = picture_spec(whole.inputs[0], section, parts.fronts["photo"])
    assert spec is not None
    fed = fed_spec(spec, whole.inputs[0], parts.fronts["photo"])
    pictures = np.empty(3, dtype=object)
    pictures[:] = [smooth(12, 20), smooth(50, 31, 1), smooth(8, 90, 2)]
    expected = whole.predict({"photo": tensors(pictures, fed, "x")})["seen"]
    found = parts.core.predict({"photo": tensors(pictures, spec, "x")})["seen"]
    assert parts.core.inputs[0].name == "photo"
    span = np.abs(expected).max()
    assert np.abs(found - expected).max() <= 1e-5 * span


@pytest.mark.parametrize(
    ("front", "shape"),
    [
        ([layers.Resizing(7, 9)], (20, 30, 3)),
        ([layers.Conv2D(3, 3), layers.Resizing(7, 9)], ANY),
        ([layers.Resizing(7, 9, data_format="channels_first")], (3, None, None)),
        ([layers.Rescaling([1.0, 0.5, 0.2]), layers.Resizing(7, 9)], ANY),
    ],
    ids=["of one size", "behind another layer", "channels first", "by color"],
)
def test_what_is_no_front_of_pictures_of_any_size_stays(
    front: list[Any], shape: tuple[int | None, ...]
) -> None:
    whole = model(front, shape)
    assert split_pictures(whole, "model.keras").core is whole


def test_an_input_that_is_to_stay_a_tensor_is_left_alone() -> None:
    whole = model([layers.Resizing(7, 9)])
    parts = split_pictures(whole, "model.keras", ["photo"])
    assert parts.core is whole
    assert parts.fronts == {}


def test_each_input_has_a_front_of_its_own() -> None:
    photo = keras.Input(ANY, name="photo")
    age = keras.Input((2,), name="age")
    mask = keras.Input((None, None, 1), name="mask")
    parts = [layers.Flatten()(layers.Resizing(4, 4)(x)) for x in (photo, mask)]
    answer = layers.Dense(2, name="answer")(layers.Concatenate()([*parts, age]))
    whole = KerasSource(keras.Model([photo, age, mask], answer), "model.keras")
    split = split_pictures(whole, "model.keras")
    assert set(split.fronts) == {"photo", "mask"}
    assert [(info.name, info.shape) for info in split.core.inputs] == [
        ("photo", (None, 4, 4, 3)),
        ("age", (None, 2)),
        ("mask", (None, 4, 4, 1)),
    ]


def test_a_scale_of_bytes_tells_of_pictures() -> None:
    for layer, expected in (
        (layers.Rescaling(1 / 255), True),
        (layers.Rescaling(1 / 127.5, -1), True),
        (keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)]), True),
        (layers.Rescaling(1 / 16), False),
        (layers.Normalization(mean=0, variance=1), False),
    ):
        whole = model([layer], (8, 8, 3))
        spec = picture_spec(whole.inputs[0], InputSection(), front_of(whole))
        assert (spec is not None) is expected
        if spec is not None:
            assert spec.preprocess.image == Image(mode="rgb")
            assert spec.shape == (None, 8, 8, 3)


def test_whole_numbers_of_one_byte_tell_of_pictures() -> None:
    whole = model([], (8, 8, 4), "uint8")
    spec = picture_spec(whole.inputs[0], InputSection(), None)
    assert spec is not None
    assert (spec.dtype, spec.preprocess.image) == ("uint8", Image(mode="rgba"))
    assert picture_spec(whole.inputs[0], InputSection(kind="tensor"), None) is None


@pytest.mark.parametrize(
    ("section", "shape", "problem"),
    [
        (
            InputSection(kind="image"),
            (8, 8, 2),
            (
                "recipe.inputs.photo.kind: expected an input of [batch, height, width, channels] "
                "with 1, 3 or 4 channels, float32 or uint8, for pictures, got [None, 8, 8, 2] "
                "float32"
            ),
        ),
        (
            InputSection(resize=ResizeSection()),
            ANY,
            "recipe.inputs.photo.resize: expected a model of one size, got [null, null, null, 3]",
        ),
    ],
    ids=["channels", "size"],
)
def test_what_cannot_be_a_picture_is_named(
    section: InputSection, shape: tuple[int | None, ...], problem: str
) -> None:
    whole = model([], shape)
    with pytest.raises(UsageError) as caught:
        picture_spec(whole.inputs[0], section, None)
    assert str(caught.value) == problem


def test_only_one_of_recipe_and_model_resizes() -> None:
    whole = model([layers.Resizing(7, 9)])
    with pytest.raises(UsageError) as caught:
        picture_spec(whole.inputs[0], InputSection(resize=ResizeSection()), front_of(whole))
    assert "recipe.inputs.photo.resize: expected none: the model resizes" in str(caught.value)


def test_a_scale_beside_a_layer_that_scales_is_refused() -> None:
    whole = model([layers.Rescaling(1 / 255)], (8, 8, 3))
    for scale in ("1/255", 1 / 127.5):
        with pytest.raises(
            UsageError, match=r"^recipe\.inputs\.photo\.scale: expected none: the model"
        ):
            picture_spec(whole.inputs[0], InputSection(scale=scale), front_of(whole))
    # What is said of dark pictures is no contradiction.
    assert picture_spec(whole.inputs[0], InputSection(scale=1), front_of(whole)) is not None


def examples(values: Any, section: InputSection, folder: Path = Path()) -> Array:
    whole = model([], (8, 8, 3))
    spec = picture_spec(whole.inputs[0], section, None)
    assert spec is not None
    return read_pictures(np.asarray(values), spec, folder, "data: train: photo")


def test_floats_become_the_pixels_that_they_were() -> None:
    pixels = np.stack([smooth(8, 8, seed) for seed in range(4)])
    section = InputSection(scale="1/127.5", offset=-1)
    for values in (pixels, (pixels / 127.5 - 1).astype(np.float32), pixels / 127.5 - 1):
        found = examples(values, section)
        assert found.dtype == np.uint8
        assert np.array_equal(found, pixels)
    between = examples(pixels / 255 * 0.99, InputSection(scale="1/255"))
    assert between.dtype == np.float32
    assert np.allclose(between, pixels * 0.99, atol=1e-3)
    # One that is no whole number makes all of them such.
    mixed = np.concatenate([pixels[[0] * 600], pixels[[0]] * np.float32(0.99)])
    found = examples(mixed, InputSection(kind="image"))
    assert found.dtype == np.float32
    assert np.allclose(found, mixed, atol=1e-3)
    with_integers = examples(pixels.astype(np.int64), InputSection(kind="image"))
    assert with_integers.dtype == np.uint8


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            np.full((2, 8, 8, 3), np.nan),
            "expected pixels from 0 to 255, as clients send them, got nan",
        ),
        (
            np.full((2, 8, 8, 3), 300),
            "expected pixels from 0 to 255, as clients send them, got 300",
        ),
        (
            np.full((2, 8, 8, 3), -1.0),
            'inputs.photo.scale = "1/127.5" and inputs.photo.offset = -1',
        ),
        (np.zeros((2, 8, 8, 1)), "expected pictures of [8, 8, 3] or paths of files, got [8, 8, 1]"),
        (np.array(["no.png"]), "no.png: cannot be read: No such file or directory"),
    ],
)
def test_examples_that_are_no_such_pictures_are_named(values: Array, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        examples(values, InputSection(kind="image"))
    assert str(caught.value).startswith("data: train: photo: ")
    assert problem in str(caught.value)


def test_files_are_called_by_their_paths(tmp_path: Path) -> None:
    whole = encoded(smooth(8, 8), "JPEG")
    files = {"whole.jpg": whole, "half {}.jpg": whole[: len(whole) // 2]}
    files |= {"large.png": encoded(smooth(16, 8))}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    section = InputSection(kind="image")
    spec = picture_spec(model([], (8, 8, 3)).inputs[0], section, None)
    assert spec is not None

    assert examples([b"whole.jpg"], section, tmp_path)[0].path == "whole.jpg"

    def told(*names: str) -> str:
        pictures = examples(names, section, tmp_path)
        with pytest.raises(UsageError) as caught:
            tensors(pictures, spec, "train: photo")
        return str(caught.value)

    damaged = told("whole.jpg", "half {}.jpg")
    assert damaged.startswith("train: photo[1] (half {}.jpg): expected a whole JPEG picture, got ")
    large = told("large.png")
    assert "train: photo[0] (large.png): expected a picture of 8 by 8 pixels, got 8 by 16" in large
    assert "inputs.photo.resize says how" in large


def test_a_resize_of_the_recipe_is_one_to_the_models_size() -> None:
    whole = model([], (6, 5, 3))
    section = InputSection(resize=ResizeSection(by="pil", method="lanczos", fit="crop"))
    spec = picture_spec(whole.inputs[0], section, None)
    assert spec is not None
    assert spec.shape == (None, None, None, 3)
    assert spec.preprocess.image == Image(
        mode="rgb", resize=Resize(height=6, width=5, by="pil", method="lanczos", fit="crop")
    )


def test_pictures_of_several_sizes_need_a_layer_that_was_cut_off() -> None:
    whole = model([layers.ReLU(), layers.Resizing(7, 9)])
    assert split_pictures(whole, "model.keras").core is whole
    spec = picture_spec(whole.inputs[0], InputSection(kind="image"), front_of(whole))
    assert spec is not None
    pictures = np.empty(2, dtype=object)
    pictures[:] = [smooth(12, 20), smooth(50, 31, 1)]
    with pytest.raises(UsageError) as caught:
        one_size(tensors(pictures, spec, "data: train: photo"), "data: train: photo")
    assert str(caught.value).startswith(
        "data: train: photo: expected pictures of one size, because"
    )
    same = tensors(pictures[[0, 0]], spec, "data: train: photo")
    assert one_size(same, "data: train: photo").shape == (2, 12, 20, 3)
