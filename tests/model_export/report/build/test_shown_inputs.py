"""What test examples look like in the report."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from model_export.dataset.image_reading import read_pictures
from model_export.dataset.object_arrays import as_objects
from model_export.dataset.splits import Split
from model_export.report.build.shown_inputs import InputsShown
from tests.support.examples.image_files import encoded, smooth, turned
from tflite_serving.contract.image import Image
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, Preprocess

PHOTO = InputSpec("photo", "uint8", (None, None, None, 3), Preprocess("image", Image(mode="rgb")))
ROW = InputSpec(
    "row",
    "float32",
    (None, 2),
    Preprocess("record", record=Record((Column("age", units="years"), Column("height")))),
)
TEXT = InputSpec("text", "string", (None,), Preprocess("text"))
COUNT = InputSpec("count", "int64", (None,), Preprocess("record", record=Record()))


def shown(
    inputs: dict[InputSpec, npt.NDArray[Any]], missing: dict[str, npt.NDArray[Any]] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    arrays = {spec.name: array for spec, array in inputs.items()}
    count = len(next(iter(arrays.values())))
    split = Split(arrays, np.zeros(count, np.int64), missing=missing or {})
    return InputsShown(split, tuple(inputs)).of(0)


def tensor(name: str, array: npt.NDArray[Any]) -> dict[InputSpec, npt.NDArray[Any]]:
    return {InputSpec(name, "float32", (None, *array.shape[1:])): array}


def opened(uri: str) -> PillowImage.Image:
    head, _, data = uri.partition(",")
    picture = PillowImage.open(io.BytesIO(base64.b64decode(data)))
    assert head == f"data:image/{(picture.format or '').lower()};base64"
    return picture


def test_a_record_is_shown_by_the_names_and_units_of_its_values() -> None:
    row = np.array([[41.5, 1.0]], np.float32)
    missing = {"row": np.array([[False, True]])}
    pictures, values = shown({ROW: row, COUNT: np.array([12_345_678])}, missing)
    assert pictures == {}
    assert values == {"age": "41.5 years", "height": "missing", "count": "12345678"}


def test_of_many_values_the_first_are_shown_and_the_others_counted() -> None:
    many = {
        InputSpec(f"x{index}", "float32", (None,), Preprocess("record")): np.array([0.5])
        for index in range(30)
    }
    _, values = shown(many)
    assert list(values) == [*(f"x{index}" for index in range(12)), "…"]
    assert values["…"] == "18 more"
    assert shown(tensor("x", np.zeros((1, 90))))[1]["x"].endswith(", 0, … (90 values)")


def test_a_text_is_shown_as_it_is_or_its_beginning() -> None:
    assert shown({TEXT: np.array(["two\nlines"], object)})[1] == {"text": "two\nlines"}
    assert shown({TEXT: np.array(["word " * 900], object)})[1]["text"].endswith("word …")


def test_a_file_is_shown_upright_and_small() -> None:
    sideways = turned(PillowImage.fromarray(smooth(300, 500)), 6)
    picture = opened(shown({PHOTO: as_objects([sideways])})[0]["photo"])
    assert (picture.format, picture.mode) == ("JPEG", "RGB")
    assert picture.size == (115, 192)


def test_a_file_of_the_data_source_is_called_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(encoded(smooth(9, 9)))
    files = read_pictures(np.array(["cat.png"]), PHOTO, tmp_path, "train: photo")
    pictures, values = shown({PHOTO: files})
    assert opened(pictures["photo"]).size == (9, 9)
    assert values == {"photo": "cat.png"}


def test_a_file_is_shown_as_the_model_sees_it() -> None:
    gray = InputSpec(
        "photo", "uint8", (None, None, None, 1), Preprocess("image", Image(mode="gray"))
    )
    for mode in ("RGBA", "CMYK", "I;16"):
        file = encoded(smooth(20, 20), "PNG")
        if mode != "RGBA":
            made = PillowImage.fromarray(smooth(20, 20)).convert("CMYK" if mode == "CMYK" else "L")
            buffer = io.BytesIO()
            made.save(buffer, "JPEG" if mode == "CMYK" else "PNG")
            file = buffer.getvalue()
        assert opened(shown({gray: as_objects([file])})[0]["photo"]).mode == "L"


def test_arrays_that_look_like_pictures_are_shown_by_the_brightness_of_all() -> None:
    pixels = np.zeros((2, 8, 8, 1), np.float32)
    pixels[0], pixels[1] = 0.2, 1.0
    picture = opened(shown(tensor("pixels", pixels))[0]["pixels"])
    assert picture.format == "PNG"
    assert np.unique(np.asarray(picture)).tolist() == [51]
    assert not shown(tensor("series", np.zeros((2, 8, 8, 7), np.float32)))[0]
