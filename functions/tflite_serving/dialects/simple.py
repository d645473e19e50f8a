"""The simple dialect: instances in, labels and scores out."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays, OutputSpec
from tflite_serving.dialects.dialect import PredictionRequest, check_batch
from tflite_serving.dialects.flat_json import FlatJson, Form
from tflite_serving.dialects.json_body import parse_object, rows
from tflite_serving.errors import RequestError, UnsupportedMediaType
from tflite_serving.inputs.complaint import nearest, shortened
from tflite_serving.inputs.npy import read_npy
from tflite_serving.inputs.raw import RawInput
from tflite_serving.scores import class_scores

_NPY = "application/x-npy"
_TEXT = "text/plain"
_CSV = "text/csv"


class SimpleDialect:
    """``{"instances": […]}`` to ``{"predictions": [{"label", "score", "scores"}], "model"}``.

    A regression's predictions are ``{"value": 0.5}``, or ``{"values": […]}`` if it has several.
    The only input of a model may also be sent as a file of NumPy's, a text as it is, and records as
    CSV with a header.
    """

    def accepts(self, content_type: str) -> bool:
        """JSON, which a missing content type counts as; what some models take; see the class."""
        known = ("", "application/json", _NPY, _TEXT, _CSV)
        return content_type in known or content_type.endswith("+json")

    def codec(self, manifest: Manifest) -> SimpleCodec:
        """The dialect, spoken with this version of this model."""
        return SimpleCodec(manifest)


class SimpleCodec:
    """The simple dialect with one version of one model."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._only = manifest.inputs[0] if len(manifest.inputs) == 1 else None
        self._flat = FlatJson(self._only, Form("instances")) if self._only else None
        self._model = orjson.dumps({"name": manifest.name, "version": manifest.version})
        self._labels = _labels(manifest.outputs[0])
        self._json_labels = tuple(map(orjson.dumps, self._labels))
        self._row = _row_template(self._json_labels)

    def parse(self, body: bytes, content_type: str) -> PredictionRequest:
        """Reads ``instances``; any other member is refused, because it would have no effect."""
        if content_type == _NPY:
            return self._parse_npy(body)
        if content_type == _TEXT:
            return self._parse_text(body)
        if content_type == _CSV:
            return self._parse_csv(body)
        if self._flat is not None and self._only is not None:
            found = self._flat.read(body)
            if found is not None:
                _, numbers = found
                return PredictionRequest({self._only.name: numbers}, len(numbers.values))
        document = parse_object(body)
        for member in document:
            if member != "instances":
                raise RequestError(
                    "unknown_field",
                    f"{shortened(member)}: no such field; {nearest(member, ['instances'])}",
                )
        if "instances" not in document:
            raise RequestError(
                "missing_field", "instances: expected a list of instances, got nothing"
            )
        inputs = rows(document, body, self._manifest)
        return PredictionRequest(inputs, check_batch(inputs, "instances"))

    def _parse_npy(self, body: bytes) -> PredictionRequest:
        if self._only is not None and self._only.dtype == "string":
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json or text/plain, because the model takes "
                f"text, got {_NPY!r}",
            )
        if self._only is None:
            names = ", ".join(spec.name for spec in self._manifest.inputs)
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, because the model has several inputs "
                f"({names}), got {_NPY!r}",
            )
        numbers = read_npy(body, self._only)
        if len(numbers.values) == 0:
            raise RequestError("empty_batch", "body: expected at least one instance, got none")
        return PredictionRequest({self._only.name: numbers}, len(numbers.values))

    def _parse_csv(self, body: bytes) -> PredictionRequest:
        if any(spec.preprocess.kind == "tensor" for spec in self._manifest.inputs):
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, because the model takes no records, "
                f"got {_CSV!r}",
            )
        from tflite_serving.inputs.csv_body import read_csv  # which most have no use for

        inputs = read_csv(body, self._manifest.inputs)
        return PredictionRequest(inputs, check_batch(inputs, "rows"))

    def _parse_text(self, body: bytes) -> PredictionRequest:
        if self._only is None or self._only.preprocess.kind != "text":
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, because the model takes no text, "
                f"got {_TEXT!r}; with curl, add -H 'Content-Type: application/json'",
            )
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise RequestError(
                "malformed_text",
                f"body: expected UTF-8, got {error.reason} at byte {error.start}",
            ) from None
        return PredictionRequest({self._only.name: RawInput([text], "body", True)}, 1)  # noqa: FBT003

    def render(
        self, outputs: Arrays, request: PredictionRequest, query: Mapping[str, str]
    ) -> bytes:
        """Writes one prediction per instance; ``?top_k=`` keeps the best scores, best first."""
        output = self._manifest.outputs[0]
        values = outputs[output.name]
        if self._manifest.task == "regression":
            predictions = _dumps(_regression(values, query))
        elif query and (top_k := _top_k(query, len(self._labels))) is not None:
            predictions = _dumps([_best(row, self._labels, top_k) for row in class_scores(values)])
        else:
            predictions = self._rows(class_scores(values))
        return b'{"predictions":%b,"model":%b}' % (predictions, self._model)

    def _rows(self, scores: npt.NDArray[Any]) -> bytes:
        """One prediction after the other: the numbers of all of them are written in one call."""
        template, labels = self._row, self._json_labels
        rows = []
        for row, best in zip(
            _dumps(scores)[2:-2].split(b"],["), scores.argmax(axis=1).tolist(), strict=True
        ):
            numbers = row.split(b",")
            rows.append(template % (labels[best], numbers[best], *numbers))
        return b"[%b]" % b",".join(rows)


def _best(scores: npt.NDArray[Any], labels: tuple[str, ...], top_k: int) -> dict[str, object]:
    # Stable, so that equal scores come in the order of the labels.
    order = np.argsort(-scores, kind="stable")[:top_k]
    best = int(scores.argmax())
    listed = {labels[index]: scores[index] for index in order}
    return {"label": labels[best], "score": scores[best], "scores": listed}


def _regression(values: npt.NDArray[Any], query: Mapping[str, str]) -> list[dict[str, object]]:
    if "top_k" in query:
        raise RequestError("invalid_query", "top_k: a regression has no classes to choose from")
    if values.shape[-1] == 1:
        return [{"value": row[0]} for row in values]
    return [{"values": row} for row in values]


def _labels(output: OutputSpec) -> tuple[str, ...]:
    """The classes' labels; their numbers where they have none."""
    if output.labels is not None:
        return output.labels
    classes = output.shape[-1] or 0
    return tuple(str(index) for index in range(2 if classes == 1 else classes))


def _row_template(json_labels: tuple[bytes, ...]) -> bytes:
    """A prediction with a place for its label, for its score, and for each class's score."""
    scores = b",".join(label.replace(b"%", b"%%") + b":%b" for label in json_labels)
    return b'{"label":%%b,"score":%%b,"scores":{%b}}' % scores


def _dumps(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _top_k(query: Mapping[str, str], classes: int) -> int | None:
    text = query.get("top_k")
    if text is None:
        for name in query:
            # Others may be a gateway's; this one is a slip that would have no effect.
            if get_close_matches(name[:20], ["top_k"]):
                raise RequestError("invalid_query", f"{name[:20]}: did you mean 'top_k'?")
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise RequestError(
            "invalid_query",
            f"top_k: expected a whole number from 1 to {classes}, got {shortened(text)!r}",
        )
    return min(int(text), classes)
