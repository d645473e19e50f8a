"""The simple dialect: instances in, labels and scores out."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.dialects.dialect import Prediction, PredictionRequest, check_batch
from tflite_serving.dialects.json_body import nearest, parse_object, rows, shortened
from tflite_serving.errors import RequestError
from tflite_serving.scores import class_scores


class SimpleDialect:
    """``{"instances": […]}`` to ``{"predictions": [{"label", "score", "scores"}], "model"}``.

    A regression's predictions are ``{"value": 0.5}``, or ``{"values": […]}`` if it has several.
    """

    def accepts(self, content_type: str) -> bool:
        """JSON; a missing content type counts as JSON."""
        return content_type in ("", "application/json") or content_type.endswith("+json")

    def parse(self, body: bytes, manifest: Manifest) -> PredictionRequest:
        """Reads ``instances``; any other member is refused, because it would have no effect."""
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
        inputs = rows(document, body, manifest)
        return PredictionRequest(inputs, check_batch(inputs, "instances"))

    def render(
        self, prediction: Prediction, request: PredictionRequest, query: Mapping[str, str]
    ) -> bytes:
        """Writes one prediction per instance; ``?top_k=`` keeps the best scores, best first."""
        manifest = prediction.manifest
        output = manifest.outputs[0]
        values = prediction.outputs[output.name]
        if manifest.task == "regression":
            predictions = _regression(values, query)
        else:
            predictions = _classification(class_scores(values), output, query)
        model = {"name": manifest.name, "version": manifest.version}
        return orjson.dumps(
            {"predictions": predictions, "model": model}, option=orjson.OPT_SERIALIZE_NUMPY
        )


def _classification(
    scores: npt.NDArray[Any], output: OutputSpec, query: Mapping[str, str]
) -> list[dict[str, object]]:
    labels = output.labels or tuple(str(index) for index in range(scores.shape[-1]))
    top_k = _top_k(query, len(labels))
    return [_row(row, labels, top_k) for row in scores]


def _regression(values: npt.NDArray[Any], query: Mapping[str, str]) -> list[dict[str, object]]:
    if "top_k" in query:
        raise RequestError("invalid_query", "top_k: a regression has no classes to choose from")
    if values.shape[-1] == 1:
        return [{"value": row[0]} for row in values]
    return [{"values": row} for row in values]


def _row(scores: npt.NDArray[Any], labels: tuple[str, ...], top_k: int | None) -> dict[str, object]:
    best = int(scores.argmax())
    if top_k is None:
        listed = dict(zip(labels, scores, strict=True))
    else:
        # Stable, so that equal scores come in the order of the labels.
        order = np.argsort(-scores, kind="stable")[:top_k]
        listed = {labels[index]: scores[index] for index in order}
    return {"label": labels[best], "score": scores[best], "scores": listed}


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
