"""Damaged and hostile files are read or refused, whatever they are, and take no memory for long."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from tests.support.examples.image_files import FILES, file_of, smooth, turned
from tflite_serving.contract.image import Image, Resize
from tflite_serving.contract.tensors import InputSpec, Preprocess
from tflite_serving.errors import RequestError
from tflite_serving.inputs.image import PictureReader
from tflite_serving.inputs.raw import RawInput
from tflite_serving.telemetry import Timings

MOST = 2**16
CORPUS = [
    *(file_of(name) for name in FILES),
    *(turned(PillowImage.fromarray(smooth(20, 30)), 6, kind) for kind in ("JPEG", "PNG", "WEBP")),
]
READERS = [
    PictureReader(
        InputSpec("photo", "float32", (None, None, None, 3), Preprocess("image", image)), MOST
    )
    for image in (
        Image(mode="rgb", resize=Resize(height=8, width=8, antialias=True)),
        Image(mode="rgb", resize=Resize(height=8, width=8, by="pil", fit="crop")),
    )
]
# In the function it goes nowhere.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A picture with bytes changed, left out, repeated or put in."""
    data = bytearray(draw(st.sampled_from(CORPUS)))
    # Most of what a decoder decides, it decides by the head.
    places = st.integers(0, min(len(data), 200)) | st.integers(0, len(data))
    for _ in range(draw(st.integers(1, 4))):
        at, size = draw(places), draw(st.integers(0, 40))
        new = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff\xda", b"\x7f\xff\xff\xff"])
            | st.just(bytes(data[at : at + size]) * 20)
        )
        data[at : at + draw(st.sampled_from([0, len(new), size]))] = new
    return bytes(data)


def outcome(reader: PictureReader, data: bytes) -> Any:
    raw = RawInput([data], "instances[{}]", True)  # noqa: FBT003
    try:
        return reader.read(raw, Timings())
    except RequestError as error:
        return error


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(data=damaged(), reader=st.sampled_from(READERS))
def test_a_damaged_file_is_read_or_refused(data: bytes, reader: PictureReader) -> None:
    found = outcome(reader, data)
    if isinstance(found, RequestError):
        assert found.status in (400, 413, 415)
        assert found.code in ("malformed_image", "image_too_large", "unsupported_image")
        assert len(found.message) < 400
    else:
        assert found.shape == (1, 8, 8, 3)
        assert np.isfinite(found).all()


@settings(max_examples=100)
@given(data=st.binary(max_size=64) | st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert isinstance(outcome(READERS[0], data), RequestError)


def test_what_was_refused_is_forgotten() -> None:
    files = [data[: len(data) * part // 8] for data in CORPUS for part in range(1, 8)]
    for data in files:
        outcome(READERS[0], data)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            for data in files:
                outcome(READERS[0], data)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
