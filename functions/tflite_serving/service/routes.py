"""The routes of the function, each with its handler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tflite_serving.dialects.dialect import Dialect
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import TensorFlowServingDialect
from tflite_serving.http.routing import Route, Router
from tflite_serving.service.handlers.handler import Handler
from tflite_serving.service.handlers.health import Live, Ready
from tflite_serving.service.handlers.index import Index
from tflite_serving.service.handlers.model_document import ModelDocument
from tflite_serving.service.handlers.predict import Predict

DIALECTS: tuple[Dialect, ...] = (SimpleDialect(), TensorFlowServingDialect())


def _of_dialects(dialects: Sequence[Dialect]) -> Iterator[Route[Handler]]:
    for dialect in dialects:
        predict: Handler = Predict(dialect)
        yield from (Route("POST", path, predict) for path in dialect.predictions)
    for dialect in dialects:
        for path, describe in dialect.documents.items():
            yield Route("GET", path, ModelDocument(describe))


INDEX = Index(lambda: ROUTER.routes)

ROUTER: Router[Handler] = Router(
    (
        Route("GET", "/", INDEX),
        Route("GET", "/v2/health/live", Live()),
        Route("GET", "/v2/health/ready", Ready()),
        *_of_dialects(DIALECTS),
    )
)
