"""The simple dialect: instances in, labels and scores out."""

from __future__ import annotations

import orjson

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays
from tflite_serving.dialects.answers import answer_of
from tflite_serving.dialects.dialect import Dialect, PredictionRequest, batch_of
from tflite_serving.dialects.flat_json import FlatJson, Form
from tflite_serving.dialects.json_body import parse_object, rows
from tflite_serving.dialects.media_type import check_parameters, media_type
from tflite_serving.dialects.misplaced import content_type_hint
from tflite_serving.dialects.options import OPTIONS, read_options
from tflite_serving.errors import RequestError, UnsupportedMediaType
from tflite_serving.http.messages import Reply, RequestHead
from tflite_serving.inputs.batch import ANY_SIZE, check_batch
from tflite_serving.inputs.diagnose import nearest, shortened
from tflite_serving.inputs.fields import Fields
from tflite_serving.inputs.npy import read_npy
from tflite_serving.inputs.raw import RawInput

_NPY = "application/x-npy"
_TEXT = "text/plain"
_CSV = "text/csv"
_PICTURES = ("image/jpeg", "image/jpg", "image/png", "image/webp")  # people say jpg, too
_KNOWN = frozenset({"", "application/json", _NPY, _TEXT, _CSV, *_PICTURES})
_ADVICE = {
    # What curl says unless it is told.
    "application/x-www-form-urlencoded": "; with curl, add -H 'Content-Type: application/json', or "
    "text/plain where the body is a text, text/csv where it is a table, image/jpeg where it is a "
    "photo",
    "multipart/form-data": "; send the file alone, as the whole body: with curl, --data-binary "
    "@FILE, and its own type",
    "application/octet-stream": "; say what the bytes are, such as image/jpeg",
}


class SimpleDialect(Dialect):
    """``{"instances": […]}`` to ``{"predictions": […], "model"}``.

    A prediction is what `answers` makes of an output; of several outputs, an object of these by
    name.
    The only input of a model may also be sent as a file of NumPy's, a text or a picture as it is,
    and records as CSV with a header.
    """

    predictions = (
        "/predict",
        "/models/{name}/predict",
        "/models/{name}/versions/{version}/predict",
        "/models/{name}/labels/{alias}/predict",
    )

    def check(self, head: RequestHead) -> None:
        """Lets JSON pass, which a missing type counts as, and what some models take."""
        content_type = head.content_type
        if content_type in _KNOWN:
            return
        kind = media_type(content_type)
        if kind in (_TEXT, _CSV):
            check_parameters(content_type)
        elif kind not in _KNOWN and not kind.endswith("+json"):
            hint = _ADVICE.get(kind, "")
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, application/x-npy, image/jpeg, "
                f"image/png, image/webp, text/csv or text/plain, got {shortened(kind)!r}{hint}",
            )

    def codec(self, manifest: Manifest) -> SimpleCodec:
        """The dialect, spoken with this version of this model."""
        return SimpleCodec(manifest)


class SimpleCodec:
    """The simple dialect with one version of one model."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._only = manifest.inputs[0] if len(manifest.inputs) == 1 else None
        self._fields = Fields(manifest.inputs)
        self._flat = FlatJson(self._only, Form("instances")) if self._only else None
        self._model = orjson.dumps({"name": manifest.name, "version": manifest.version})
        self._answers = [(output.name, answer_of(output)) for output in manifest.outputs]
        names = (orjson.dumps(name).replace(b"%", b"%%") for name, _ in self._answers)
        self._row = b"{%b}" % b",".join(name + b":%b" for name in names)

    def parse(self, body: bytes, head: RequestHead, max_batch: int = ANY_SIZE) -> PredictionRequest:
        """Reads ``instances``; any other member is refused, because it would have no effect."""
        content_type = head.content_type
        kind = content_type if content_type in _KNOWN else media_type(content_type)
        if kind == _NPY:
            return self._parse_npy(body, max_batch)
        if kind == _TEXT:
            return self._parse_text(body)
        if kind == _CSV:
            return self._parse_csv(body, max_batch)
        if kind in _PICTURES:
            return self._parse_picture(body, kind)
        if self._flat is not None and self._only is not None:
            found = self._flat.read(body, max_batch)
            if found is not None:
                _, numbers = found
                return PredictionRequest({self._only.name: numbers}, len(numbers.values))
        document = parse_object(body, lambda body: content_type_hint(body, self._manifest))
        for member in document:
            if member != "instances":
                raise self._no_such_field(member)
        if "instances" not in document:
            raise RequestError(
                "missing_field", "instances: expected a list of instances, got nothing"
            )
        inputs = rows(document, body, self._fields, max_batch)
        return PredictionRequest(inputs, batch_of(inputs))

    def _no_such_field(self, member: str) -> RequestError:
        name = shortened(member)
        if member in self._fields.layout(()).fields:
            told = f'put the record into a list: {{"instances": [{{"{name}": …}}]}}'
        elif member in OPTIONS:
            told = f"it goes into the URL: ?{name}=…"
        else:
            told = nearest(member, ["instances"])
        return RequestError("unknown_field", f"{name}: no such field; {told}")

    def _parse_npy(self, body: bytes, max_batch: int) -> PredictionRequest:
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
        check_batch(len(numbers.values), max_batch, "body")
        return PredictionRequest({self._only.name: numbers}, len(numbers.values))

    def _parse_csv(self, body: bytes, max_batch: int) -> PredictionRequest:
        self._check_csv()
        from tflite_serving.inputs.csv_body import read_csv  # which most have no use for

        inputs = read_csv(body, self._fields, max_batch)
        return PredictionRequest(inputs, batch_of(inputs))

    def _check_csv(self) -> None:
        """Raises `UnsupportedMediaType` if an input's value is not one cell or several."""
        for spec in self._manifest.inputs:
            kind = spec.preprocess.kind
            if kind == "image":
                what, hint = "pictures", ""
            elif kind == "tensor":
                what = "no records"
                hint = f"; the recipe can name the columns of a row: inputs.{spec.name}.columns"
            else:
                continue
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, because the model takes {what}, "
                f"got {_CSV!r}{hint}",
            )

    def _parse_picture(self, body: bytes, content_type: str) -> PredictionRequest:
        if self._only is None or self._only.preprocess.kind != "image":
            what = "several inputs" if self._only is None else "no pictures"
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, because the model takes {what}, "
                f"got {content_type!r}",
            )
        return PredictionRequest({self._only.name: RawInput([body], "body", True)}, 1)  # noqa: FBT003

    def _parse_text(self, body: bytes) -> PredictionRequest:
        if self._only is None or self._only.preprocess.kind != "text":
            what = "several inputs" if self._only is None else "no text"
            raise UnsupportedMediaType(
                "unsupported_content_type",
                f"Content-Type: expected application/json, because the model takes {what}, "
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

    def render(self, outputs: Arrays, request: PredictionRequest, head: RequestHead) -> Reply:
        """Writes one prediction per instance; `read_options` says what the query may hold."""
        query = head.query
        options = read_options(query, self._manifest.outputs) if query else None
        answers = self._answers
        if len(answers) == 1:
            ((name, answer),) = answers
            rows = answer.rows(outputs[name], options)
        else:
            each = [answer.rows(outputs[name], options) for name, answer in answers]
            rows = [self._row % parts for parts in zip(*each, strict=True)]
        for index in request.cut:
            rows[index] = b'%b,"truncated":true}' % rows[index][:-1]
        return Reply(b'{"predictions":[%b],"model":%b}' % (b",".join(rows), self._model))
