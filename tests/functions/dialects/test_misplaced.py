"""What is said of a picture, a text or a table that comes where JSON is expected."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.server.heads import head
from tflite_serving.contract.image import Image
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import InputSpec, Preprocess, TensorBinding, Tensors
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import TensorFlowServingDialect
from tflite_serving.errors import RequestError

TEXT = InputSpec("text", "string", (None,), Preprocess("text"))
AGE = InputSpec("age", "float32", (None,), Preprocess("record"))
PHOTO = InputSpec("photo", "float32", (None, 8, 8, 3), Preprocess("image", image=Image(mode="rgb")))
JPEG, PNG = b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n\0"
WEBP, GIF = b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a"


def with_inputs(manifest: Manifest, *inputs: InputSpec) -> Manifest:
    bindings = tuple(TensorBinding(i.name, i.name, "float32", i.shape) for i in inputs)
    tensors = Tensors(bindings, manifest.tensors.outputs)
    return dataclasses.replace(manifest, inputs=inputs, tensors=tensors)


def told(manifest: Manifest, body: bytes, *inputs: InputSpec) -> str:
    """The same in both dialects."""
    model = with_inputs(manifest, *(inputs or manifest.inputs))
    found = set()
    for dialect in (SimpleDialect(), TensorFlowServingDialect()):
        with pytest.raises(RequestError) as caught:
            dialect.codec(model).parse(body, head())
        assert caught.value.code == "malformed_json"
        found.add(str(caught.value))
    (message,) = found
    assert message.startswith("body: expected JSON, got ")
    return message


@pytest.mark.parametrize(
    ("body", "kind"), [(JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp")]
)
def test_a_picture_is_told_its_type_or_base64(manifest: Manifest, body: bytes, kind: str) -> None:
    message = told(manifest, body, PHOTO)
    assert f"send it to /models/iris/predict with Content-Type: {kind}" in message
    assert '{"b64": "…"}' in message


def test_beside_other_inputs_a_picture_comes_in_base64_alone(manifest: Manifest) -> None:
    message = told(manifest, PNG, PHOTO, AGE)
    assert message.endswith('; this is a PNG picture: in base64, as {"b64": "…"}')


def test_a_model_that_takes_no_pictures_says_so(manifest: Manifest) -> None:
    for inputs in ((TEXT,), (AGE,), ()):
        assert told(manifest, JPEG, *inputs).endswith("picture: the model takes none")


@pytest.mark.parametrize("body", [b"hello", b'"hello', b" 41 is a number", b"\xff\xfe", GIF])
def test_a_text_by_itself_is_told_its_type(manifest: Manifest, body: bytes) -> None:
    message = told(manifest, body, TEXT)
    assert message.endswith(
        "; a text by itself goes to /models/iris/predict with Content-Type: text/plain"
    )


def test_a_table_is_told_its_type(manifest: Manifest) -> None:
    for inputs in ((AGE,), (AGE, TEXT)):
        message = told(manifest, b"age,text\n1,a\n", *inputs)
        assert message.endswith("/models/iris/predict with Content-Type: text/csv")


def test_an_array_of_numpys_is_told_its_type(manifest: Manifest) -> None:
    assert told(manifest, b"\x93NUMPY\x01\0").endswith("with Content-Type: application/x-npy")


@pytest.mark.parametrize("body", [b'{"instances": [', b'\n{"instances": hello}', b"[1, "])
def test_what_was_meant_as_json_is_told_no_more_than_where_it_is_wrong(
    manifest: Manifest, body: bytes
) -> None:
    for inputs in ((TEXT,), (AGE,), (PHOTO,)):
        message = told(manifest, body, *inputs)
        assert "Content-Type" not in message
        assert "base64" not in message


def test_a_record_without_its_list_is_shown_it(manifest: Manifest) -> None:
    model = with_inputs(manifest, AGE, TEXT)
    with pytest.raises(RequestError) as caught:
        SimpleDialect().codec(model).parse(b'{"text": "a", "age": 1}', head("application/json"))
    assert str(caught.value) == (
        'text: no such field; put the record into a list: {"instances": [{"text": …}]}'
    )
