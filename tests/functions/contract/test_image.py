"""What a manifest may say of pictures."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.tensors import InputSpec, Preprocess


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"height": 0}, "height: expected 1 to 16384 pixels, got 0"),
        ({"width": 16385}, "width: expected 1 to 16384 pixels, got 16385"),
        ({"method": "box"}, "method: expected one of nearest, bilinear, bicubic, area, "),
        ({"by": "pil", "method": "area"}, "method: expected one of nearest, bilinear, bicubic, l"),
        ({"by": "pil", "antialias": True}, "by: expected 'keras' for antialias and for every fit"),
        ({"by": "pil", "fit": "pad"}, "by: expected 'keras' for antialias and for every fit"),
        ({"fit": "center", "method": "area"}, "method: expected 'bilinear' without antialias"),
        ({"fill": 3.0}, "fill: expected 0 unless fit is 'pad', got 3.0"),
        ({"fill": math.inf, "fit": "pad"}, "fill: expected a finite number, got inf"),
    ],
)
def test_a_resize_that_nothing_does_is_named(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ContractError) as caught:
        Resize(**{"height": 8, "width": 9, **changes})
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_what_pixels_become_is_finite(value: float) -> None:
    with pytest.raises(ContractError, match=f"^scale: expected a finite number, got {value}$"):
        Image(mode="rgb", scale=value)
    with pytest.raises(ContractError, match=f"^offset: expected a finite number, got {value}$"):
        Image(mode="rgb", offset=value)


def test_a_scale_of_zero_is_no_scale() -> None:
    with pytest.raises(ContractError) as caught:
        Image(mode="rgb", scale=0.0)
    assert str(caught.value) == "scale: expected another number than 0, got 0.0"


@pytest.mark.parametrize(
    ("dtype", "shape", "image", "expected"),
    [
        (
            "float32",
            (None, 8, 8, 1),
            Image(mode="rgb"),
            (
                "shape: expected [null, height, width, 3] for pictures of mode 'rgb', "
                "got [null, 8, 8, 1]"
            ),
        ),
        (
            "float32",
            (None, 8, None, 3),
            Image(mode="rgb", resize=Resize(height=8, width=8)),
            "shape: expected open sizes beside a resize, got [null, 8, null, 3]",
        ),
        (
            "int32",
            (None, 8, 8, 3),
            Image(mode="rgb"),
            "dtype: expected float32, or uint8 without scale and offset, got int32",
        ),
        (
            "uint8",
            (None, 8, 8, 3),
            Image(mode="rgb", scale=0.5),
            "dtype: expected float32, or uint8 without scale and offset, got uint8",
        ),
    ],
)
def test_an_input_that_takes_no_such_pictures_is_named(
    dtype: Any, shape: Any, image: Image, expected: str
) -> None:
    with pytest.raises(ContractError) as caught:
        InputSpec("photo", dtype, shape, Preprocess("image", image))
    assert str(caught.value) == expected


def test_only_pictures_are_told_how_they_become_tensors() -> None:
    for kind, image in (("image", None), ("tensor", Image(mode="gray"))):
        with pytest.raises(ContractError) as caught:
            Preprocess(kind, image)  # type: ignore[arg-type]  # a str
        assert str(caught.value) == "image: expected one for the kind 'image' alone"
