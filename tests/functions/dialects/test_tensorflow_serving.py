"""TensorFlow Serving's REST API."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples.strategies import json_values
from tests.support.server.heads import head
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, OutputSpec, Preprocess, TensorBinding
from tflite_serving.dialects.dialect import PredictionRequest
from tflite_serving.dialects.tensorflow_serving import (
    TensorFlowServingDialect,
    metadata_document,
    status_document,
)
from tflite_serving.errors import RequestError
from tflite_serving.inputs.raw import Numbers, RawInput

ROW = [1.0, 2.0, 3.0, 4.0]
DIALECT = TensorFlowServingDialect()


def parse(document: object, manifest: Manifest) -> PredictionRequest:
    return DIALECT.codec(manifest).parse(json.dumps(document).encode(), head())


def render(outputs: dict[str, Any], manifest: Manifest, *, column: bool) -> str:
    arrays = {name: np.array(values, np.float32) for name, values in outputs.items()}
    batch = len(next(iter(arrays.values())))
    request = PredictionRequest({}, batch, column)
    return DIALECT.codec(manifest).render(arrays, request, head()).content.decode()


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_any_content_type_is_accepted(content_type: str) -> None:
    DIALECT.check(head(content_type))


def test_rows_are_read(manifest: Manifest) -> None:
    for document in ({}, {"signature_name": "serving_default"}):
        request = parse({**document, "instances": [ROW, ROW[::-1]]}, manifest)
        assert request.batch == 2
        assert not request.column
        numbers = request.inputs["features"]
        assert isinstance(numbers, Numbers)
        assert numbers.values.tolist() == [ROW, ROW[::-1]]


@pytest.mark.parametrize("inputs", [[ROW, ROW], {"features": [ROW, ROW]}])
def test_columns_are_read_with_or_without_a_name(manifest: Manifest, inputs: object) -> None:
    request = parse({"inputs": inputs}, manifest)
    assert request.batch == 2
    assert request.column
    assert np.array(request.inputs["features"].values).tolist() == [ROW, ROW]
    place = "inputs.features[1]" if isinstance(inputs, dict) else "inputs[1]"
    assert request.inputs["features"].at(1) == place


def test_columns_of_several_inputs_are_named(two: Manifest) -> None:
    request = parse({"inputs": {"height": [[1, 2]], "{0}": [3]}}, two)
    assert request.inputs["{0}"].at(0) == "inputs.{0}[0]"
    assert request.batch == 1


@pytest.mark.parametrize("value", ["x", True, False])
def test_strings_and_bools_are_told_of(manifest: Manifest, value: object) -> None:
    for document in ({"inputs": [[value]]}, {"inputs": {"features": [value]}}):
        raw = parse(document, manifest).inputs["features"]
        assert isinstance(raw, RawInput)
        assert raw.may_hold_others


def test_unknown_members_are_ignored_and_the_signature_may_be_empty(manifest: Manifest) -> None:
    request = parse({"signature_name": "", "instances": [[1]], "later": {"a": "b"}}, manifest)
    assert request.batch == 1


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        (
            {},
            "missing_field",
            "body: expected instances (rows) or inputs (columns), got neither",
        ),
        (
            {"instances": [[1]], "inputs": [[1]]},
            "unknown_field",
            "body: expected either instances or inputs, got both",
        ),
        (
            {"signature_name": "train", "instances": [[1]]},
            "unknown_signature",
            "signature_name: expected 'serving_default', got 'train'",
        ),
        (
            {"signature_name": 7, "instances": [[1]]},
            "unknown_signature",
            "signature_name: expected 'serving_default', got '7'",
        ),
        ({"instances": []}, "empty_batch", "instances: expected at least one instance, got none"),
        ({"inputs": []}, "empty_batch", "inputs: expected at least one instance, got none"),
        (
            {"inputs": 1},
            "wrong_shape",
            "inputs: expected an object with features, got 1",
        ),
        (
            {"inputs": {"features": 1}},
            "wrong_shape",
            "inputs.features: expected a list of rows, got 1",
        ),
        (
            {"inputs": {"feature": [[1]]}},
            "unknown_input",
            "inputs.feature: no such input; did you mean 'features'?",
        ),
        ({"inputs": {}}, "missing_input", "inputs.features: expected a value, got nothing"),
    ],
)
def test_a_complaint_names_the_place(
    manifest: Manifest, document: object, code: str, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        parse(document, manifest)
    assert (caught.value.code, str(caught.value)) == (code, message)


def test_columns_are_of_one_length(two: Manifest) -> None:
    with pytest.raises(RequestError) as caught:
        parse({"inputs": {"height": [[1, 2]], "{0}": [3, 4]}}, two)
    assert str(caught.value) == "inputs.{0}: expected 1 rows as in 'height', got 2"
    with pytest.raises(
        RequestError, match=r"^inputs: expected an object with height, \{0\}, got a"
    ):
        parse({"inputs": [[1, 2]]}, two)


def test_nan_is_named_by_its_place_in_a_column(manifest: Manifest) -> None:
    with pytest.raises(RequestError, match=r"^inputs\.features\[0\]\[1\]: expected a finite"):
        DIALECT.codec(manifest).parse(b'{"inputs": {"features": [[1, NaN]]}}', head())


def test_an_endless_signature_is_not_repeated_whole(manifest: Manifest) -> None:
    with pytest.raises(RequestError) as caught:
        parse({"signature_name": "x" * 10**6, "instances": [[1]]}, manifest)
    assert len(str(caught.value)) < 300


def test_one_output_is_answered_bare(manifest: Manifest) -> None:
    scores = {"species": [[0.1, 0.7, 0.2]]}
    assert render(scores, manifest, column=False) == '{"predictions":[[0.1,0.7,0.2]]}'
    assert render(scores, manifest, column=True) == '{"outputs":[[0.1,0.7,0.2]]}'


def test_several_outputs_are_answered_by_name(two: Manifest) -> None:
    outputs = {"species": [[0.1, 0.9], [0.8, 0.2]], "size": [1.5, 2]}
    assert json.loads(render(outputs, two, column=False)) == {
        "predictions": [
            {"species": [0.1, 0.9], "size": 1.5},
            {"species": [0.8, 0.2], "size": 2.0},
        ]
    }
    assert json.loads(render(outputs, two, column=True)) == {"outputs": outputs}


def test_the_status_is_of_a_loaded_version(manifest: Manifest) -> None:
    status = {
        "version": manifest.version,
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert status_document(manifest) == {"model_version_status": [status]}


def test_the_metadata_is_the_signature_as_clients_see_it(two: Manifest) -> None:
    document: Any = metadata_document(two)
    assert document["model_spec"] == {
        "name": "iris",
        "signature_name": "",
        "version": two.version,
    }
    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["{0}"] == {
        "dtype": "DT_INT32",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": "{0}",
    }
    assert [dim["size"] for dim in signature["outputs"]["species"]["tensor_shape"]["dim"]] == [
        "-1",
        "2",
    ]
    assert document["metadata"]["outputs"] == {
        "species": {"task": "classification", "labels": ("a", "b")},
        "size": {"task": "classification"},
    }


def test_the_metadata_tells_what_the_numbers_mean(manifest: Manifest) -> None:
    price = OutputSpec("price", "float32", (None, 1), task="regression", units="EUR")
    binary = OutputSpec("ok", "float32", (None, 1), labels=("no", "yes"), thresholds=(0.25,))
    binding = manifest.tensors.outputs[0]
    document: Any = metadata_document(
        replace(
            manifest,
            task="regression",
            outputs=(price, binary),
            tensors=replace(
                manifest.tensors,
                outputs=(replace(binding, name="price"), replace(binding, name="ok")),
            ),
        )
    )
    assert document["metadata"]["outputs"] == {
        "price": {"task": "regression", "units": "EUR"},
        "ok": {"task": "classification", "labels": ("no", "yes"), "thresholds": (0.25,)},
    }


def test_the_metadata_tells_what_values_are_called_and_which_may_be_missing(
    manifest: Manifest,
) -> None:
    columns = (Column("age", units="years"), Column("children", 0.0, "at home"))
    inputs = (
        InputSpec("row", "float32", (None, 2), Preprocess("record", record=Record(columns))),
        InputSpec("member", "bool", (None,), Preprocess("record", record=Record(missing=False))),
        InputSpec("title", "string", (None,), Preprocess("text"), "what it says"),
        InputSpec("codes", "int32", (None, 4)),
    )
    bindings = tuple(TensorBinding(i.name, i.name, "float32", i.shape) for i in inputs)
    tensors = replace(manifest.tensors, inputs=bindings)
    document: Any = metadata_document(replace(manifest, inputs=inputs, tensors=tensors))
    assert document["metadata"]["inputs"] == {
        "row": {
            "kind": "record",
            "columns": [
                {"name": "age", "units": "years"},
                {"name": "children", "description": "at home", "missing": 0.0},
            ],
        },
        "member": {"kind": "record", "missing": False},
        "title": {"kind": "text", "description": "what it says"},
        "codes": {"kind": "tensor"},
    }


@given(
    st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(["instances", "inputs", "signature_name", "x"]),
        json_values | st.dictionaries(st.sampled_from(["features", "height", "{0}"]), json_values),
    ).map(lambda value: json.dumps(value).encode())
)
@settings(deadline=None, max_examples=300)
def test_any_body_is_a_request_or_refused_in_words_that_can_be_sent(
    manifest: Manifest, two: Manifest, body: bytes
) -> None:
    for of in (manifest, two):
        try:
            request = DIALECT.codec(of).parse(body, head())
        except RequestError as error:
            assert orjson.dumps(error.message)  # noqa: PT017  # anything else fails the test
        else:
            assert {len(raw.values) for raw in request.inputs.values()} == {request.batch}
