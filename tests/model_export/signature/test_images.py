"""Inputs that are pictures, told from the model or the recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection, ResizeSection
from model_export.signature.images import Front, fed_spec, picture_spec
from model_export.signature.source_model import TensorInfo
from tflite_serving.contract.image import Image, Resize

INFO = TensorInfo("photo", "float32", (None, 8, 9, 3))
UNSAID = InputSection()
TO_8_BY_9 = Resize(height=8, width=9)
RESIZES = Front(("resize",), TO_8_BY_9, scale=1 / 255)


def test_floats_are_pictures_only_if_the_recipe_says_so() -> None:
    assert picture_spec(INFO, UNSAID, None) is None
    found = picture_spec(INFO, InputSection(kind="image"), None)
    assert found is not None
    assert (found.dtype, found.shape) == ("float32", INFO.shape)
    assert found.preprocess.image == Image(mode="rgb")


@pytest.mark.parametrize(
    ("info", "front"),
    [
        (replace(INFO, dtype="uint8"), None),
        (INFO, Front(takes_bytes=True)),
        (INFO, RESIZES),
    ],
)
def test_what_the_model_does_first_says_it_for_certain_unless_the_recipe_denies_it(
    info: TensorInfo, front: Front | None
) -> None:
    assert picture_spec(info, UNSAID, front) is not None
    assert picture_spec(info, InputSection(kind="tensor"), front) is None


def test_a_layer_that_resizes_lets_clients_send_any_size_and_its_scale_is_kept() -> None:
    found = picture_spec(INFO, UNSAID, RESIZES)
    assert found is not None
    assert found.shape == (None, None, None, 3)
    assert found.preprocess.image == Image(mode="rgb", resize=TO_8_BY_9, scale=1 / 255)
    fed = fed_spec(found, INFO, RESIZES)
    assert fed.shape == INFO.shape
    assert fed.preprocess.image == Image(mode="rgb")
    assert fed_spec(found, INFO, None) is found


def test_a_resize_of_the_recipe_is_to_the_models_size() -> None:
    found = picture_spec(INFO, InputSection(resize=ResizeSection(by="pil")), None)
    assert found is not None
    assert found.preprocess.image is not None
    assert found.preprocess.image.resize == Resize(height=8, width=9, by="pil")


@pytest.mark.parametrize(
    ("info", "section", "front", "complaint"),
    [
        (
            TensorInfo("photo", "float32", (None, 8, 9, 2)),
            InputSection(kind="image"),
            None,
            r"photo\.kind: expected an input of \[batch, height, width, channels\]",
        ),
        (
            replace(INFO, dtype="int64"),
            InputSection(kind="image"),
            None,
            r"photo\.kind: .* got \[None, 8, 9, 3\] int64",
        ),
        (
            replace(INFO, shape=(None, None, None, 3)),
            InputSection(resize=ResizeSection()),
            None,
            r"photo\.resize: expected a model of one size, got \[null, null, null, 3\]",
        ),
        (
            INFO,
            InputSection(resize=ResizeSection()),
            RESIZES,
            r"photo\.resize: expected none: the model resizes pictures itself",
        ),
        (
            INFO,
            InputSection(scale="1/255"),
            Front(takes_bytes=True),
            r"photo\.scale: expected none: .* next to nothing of 1/255",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(
    info: TensorInfo, section: InputSection, front: Front | None, complaint: str
) -> None:
    with pytest.raises(UsageError, match=rf"^recipe\.inputs\.{complaint}"):
        picture_spec(info, section, front)
