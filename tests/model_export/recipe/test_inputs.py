"""What a recipe says of an input."""

from __future__ import annotations

from typing import Any

import pytest

from model_export.recipe.inputs import InputSection, ResizeSection
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import Resize


@pytest.mark.parametrize(
    ("said", "expected"),
    [(None, 1.0), (2, 2.0), ("1/255", 1 / 255), ("1/127.5", 1 / 127.5), ("0.5", 0.5)],
)
def test_a_scale_is_a_number_or_a_fraction(said: float | str | None, expected: float) -> None:
    assert InputSection(scale=said).scale_factor == expected
    if said is not None:
        assert InputSection(offset=said).offset_value == expected


@pytest.mark.parametrize(
    "said", ["", "a", "1/0", "1/a", float("inf"), float("nan"), "1e999", "1/2/3", "1/"]
)
def test_what_is_no_number_is_refused(said: Any) -> None:
    for key in ("scale", "offset"):
        with pytest.raises(ContractError, match=f"^{key}: expected a number, or a fraction"):
            InputSection(**{key: said})


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ContractError, match=r"^scale: expected another number than 0"):
        InputSection(scale="0/3")


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "image"},
        {"scale": 1},
        {"offset": -1},
        {"exif_orientation": False},
        {"resize": ResizeSection()},
    ],
)
def test_keys_of_pictures_make_an_input_one_of_pictures(keys: dict[str, Any]) -> None:
    assert InputSection(**keys).is_of_pictures
    if "kind" not in keys:
        with pytest.raises(ContractError, match=r"^kind: expected 'image' beside keys of pictures"):
            InputSection(kind="tensor", **keys)


def test_other_keys_do_not() -> None:
    assert not InputSection(units="cm", missing="mean", columns=("a",), offset="0/1").is_of_pictures


def test_a_resize_is_one_to_a_size() -> None:
    said = ResizeSection(by="pil", method="nearest", fit="crop")
    assert said.to(2, 3) == Resize(height=2, width=3, by="pil", method="nearest", fit="crop")
    with pytest.raises(ContractError):
        ResizeSection(by="pil", method="area")
