"""The questions and the document of the benchmark of raw inputs."""

from __future__ import annotations

import io
import json

from PIL import Image

from benchmarks.compression.document import replace_between
from benchmarks.raw_inputs import pictures
from benchmarks.raw_inputs.__main__ import _PARTS
from benchmarks.raw_inputs.hostile import MODELS, questions
from tests.support.places import ROOT

DOCUMENT = ROOT / "docs" / "10-raw-inputs.md"
RECORD = {"age": 41.5, "job": "cook"}


def test_there_are_thirty_hostile_inputs_and_more_of_every_kind() -> None:
    asked = questions(RECORD)
    assert len({question.what for question in asked}) == len(asked) >= 30
    assert {question.model for question in asked} == set(MODELS)
    assert {question.status for question in asked} == {200, 400, 413, 415}


def test_spoiled_records_differ_from_the_right_one_in_one_thing() -> None:
    by_name = {question.what: question for question in questions(RECORD)}
    (spoiled,) = json.loads(by_name["NaN as a string"].body)["instances"]
    assert spoiled == RECORD | {"age": "NaN"}
    assert b"1e999" in by_name["1e999"].body
    assert by_name["a header with a column twice"].body.startswith(b"age,job,age\n")


def test_pictures_are_what_they_are_called() -> None:
    Image.MAX_IMAGE_PIXELS, before = None, Image.MAX_IMAGE_PIXELS
    try:
        assert Image.open(io.BytesIO(pictures.bomb(20_000))).size == (20_000, 20_000)
        assert Image.open(io.BytesIO(pictures.png_header(2**31 - 1))).width == 2**31 - 1
    finally:
        Image.MAX_IMAGE_PIXELS = before
    assert Image.open(io.BytesIO(pictures.turned(30, 10))).getexif()[0x0112] == 6
    assert Image.open(io.BytesIO(pictures.jpeg(8, 8, "CMYK"))).mode == "CMYK"


def test_the_document_has_a_place_for_every_part() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in _PARTS:
        assert "measured" in replace_between(text, name, "measured")
