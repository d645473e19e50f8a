"""TensorFlow Serving's REST API, version 1.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import orjson

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.record import Column, Value
from tflite_serving.contract.tensors import Arrays, InputSpec, OutputSpec
from tflite_serving.dialects.dialect import Dialect, PredictionRequest, batch_of
from tflite_serving.dialects.flat_json import FlatJson, Form
from tflite_serving.dialects.json_body import columns, parse_object, rows
from tflite_serving.dialects.misplaced import content_type_hint
from tflite_serving.errors import RequestError
from tflite_serving.http.messages import Reply, RequestHead
from tflite_serving.inputs.batch import ANY_SIZE
from tflite_serving.inputs.diagnose import format_value, shortened
from tflite_serving.inputs.fields import Fields
from tflite_serving.inputs.raw import RawInput

_MODEL = "/v1/models/{name}"
_SIGNATURE = "serving_default"
_FORMS = tuple(
    Form(member, before)
    for before in (None, ("signature_name", _SIGNATURE))
    for member in ("instances", "inputs")
)
_DTYPES = {
    "float32": "DT_FLOAT",
    "uint8": "DT_UINT8",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
}


class TensorFlowServingCodec:
    """TensorFlow Serving's dialect with one version of one model."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._fields = Fields(manifest.inputs)
        self._only = manifest.inputs[0] if len(manifest.inputs) == 1 else None
        self._flat = FlatJson(self._only, *_FORMS) if self._only else None
        self._single = [spec.name for spec in manifest.inputs if len(spec.shape) == 1]

    def parse(self, body: bytes, head: RequestHead, max_batch: int = ANY_SIZE) -> PredictionRequest:
        """Reads either format; members that it does not know are ignored, as the original does."""
        if self._flat is not None and self._only is not None:
            found = self._flat.read(body, max_batch)
            if found is not None:
                form, numbers = found
                return PredictionRequest(
                    {self._only.name: numbers}, len(numbers.values), form.member == "inputs"
                )
        document = parse_object(body, lambda body: content_type_hint(body, self._manifest))
        signature = document.get("signature_name", _SIGNATURE)
        if signature not in (_SIGNATURE, ""):
            is_large = isinstance(signature, (list, dict))  # of whose values no text is made
            got = format_value(signature) if is_large else repr(shortened(str(signature)))
            raise RequestError(
                "unknown_signature", f"signature_name: expected {_SIGNATURE!r}, got {got}"
            )
        if "instances" in document and "inputs" in document:
            raise RequestError(
                "unknown_field", "body: expected either instances or inputs, got both"
            )
        if "instances" in document:
            inputs = self._alone(rows(document, body, self._fields, max_batch))
            return PredictionRequest(inputs, batch_of(inputs))
        if "inputs" in document:
            inputs = self._alone(columns(document, body, self._fields, max_batch))
            return PredictionRequest(inputs, batch_of(inputs), column=True)
        raise RequestError(
            "missing_field", "body: expected instances (rows) or inputs (columns), got neither"
        )

    def _alone(self, inputs: Mapping[str, RawInput]) -> dict[str, RawInput]:
        """Inputs of one value an instance without the lists around each value.

        Keras models of strings and records mostly take these as rows of one, [batch, 1], and so do
        TensorFlow Serving's clients send them; the manifest has them as [batch].
        """
        found = dict(inputs)
        for name in self._single:
            values = _out_of_rows(inputs[name].values)
            if values is not None:
                found[name] = replace(inputs[name], values=values)
        return found

    def render(self, outputs: Arrays, request: PredictionRequest, head: RequestHead) -> Reply:
        """Writes the answer in the format of the question."""
        answer: dict[str, object]
        if len(outputs) == 1:
            (values,) = outputs.values()
            answer = {"outputs" if request.column else "predictions": values}
        elif request.column:
            answer = {"outputs": dict(outputs)}
        else:
            answer = {
                "predictions": [
                    {name: values[index] for name, values in outputs.items()}
                    for index in range(request.batch)
                ]
            }
        return Reply(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))


def _out_of_rows(values: Sequence[object]) -> list[object] | None:
    """What is in lists of one, if all values are such."""
    if not values or not isinstance(values[0], list):
        return None
    found = [value[0] for value in values if isinstance(value, list) and len(value) == 1]
    return found if len(found) == len(values) else None


def status_document(manifest: Manifest) -> dict[str, object]:
    """The answer of ``GET /v1/models/{name}`` for a version that is loaded."""
    return {
        "model_version_status": [
            {
                "version": manifest.version,
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


def metadata_document(manifest: Manifest) -> dict[str, object]:
    """The answer of ``GET /v1/models/{name}/metadata``: the signature, as clients see it."""
    signature = {
        "inputs": {spec.name: _tensor_info(spec) for spec in manifest.inputs},
        "outputs": {spec.name: _tensor_info(spec) for spec in manifest.outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {
            "name": manifest.name,
            "signature_name": "",
            "version": manifest.version,
        },
        "metadata": {
            "signature_def": {"signature_def": {_SIGNATURE: signature}},
            # Beside what TensorFlow Serving tells: what values are called, and what they mean.
            "inputs": {spec.name: _wanted(spec) for spec in manifest.inputs},
            "outputs": {spec.name: _meaning(spec) for spec in manifest.outputs},
        },
    }


def _wanted(spec: InputSpec) -> dict[str, object]:
    told: dict[str, object] = {"kind": spec.preprocess.kind, **_notes(spec)}
    record = spec.preprocess.record
    if record is not None and record.columns:
        told["columns"] = [
            {"name": column.name, **_notes(column), **_missing(column.missing)}
            for column in record.columns
        ]
    elif record is not None:
        told |= _missing(record.missing)
    return told


def _notes(of: InputSpec | Column) -> dict[str, str]:
    told = {"description": of.description, "units": of.units}
    return {name: value for name, value in told.items() if value}


def _missing(value: Value | None) -> dict[str, Value]:
    return {} if value is None else {"missing": value}


def _meaning(spec: OutputSpec) -> dict[str, object]:
    told = {
        "task": spec.task,
        "description": spec.description,
        "labels": spec.labels,
        "thresholds": spec.thresholds,
        "units": spec.units,
    }
    return {name: value for name, value in told.items() if value}


def _tensor_info(spec: InputSpec | OutputSpec) -> dict[str, object]:
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in spec.shape]
    return {
        "dtype": _DTYPES[spec.dtype],
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
        "name": spec.name,
    }


class TensorFlowServingDialect(Dialect):
    """Row format (``instances`` to ``predictions``) and column format (``inputs`` to ``outputs``).

    An output is answered as its values in natural units; several outputs, as an object by name.
    """

    predictions = (
        f"{_MODEL}:predict",
        f"{_MODEL}/versions/{{version}}:predict",
        f"{_MODEL}/labels/{{alias}}:predict",
    )
    documents: ClassVar[Mapping[str, Callable[[Manifest], dict[str, object]]]] = {
        _MODEL: status_document,
        f"{_MODEL}/versions/{{version}}": status_document,
        f"{_MODEL}/labels/{{alias}}": status_document,
        f"{_MODEL}/metadata": metadata_document,
        f"{_MODEL}/versions/{{version}}/metadata": metadata_document,
        f"{_MODEL}/labels/{{alias}}/metadata": metadata_document,
    }

    def codec(self, manifest: Manifest) -> TensorFlowServingCodec:
        """The dialect, spoken with this version of this model."""
        return TensorFlowServingCodec(manifest)
