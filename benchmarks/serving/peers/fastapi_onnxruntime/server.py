"""FastAPI and ONNX Runtime, tuned by hand.

Request and orjson are used directly, since validation by pydantic and the default encoder cost
more than the model. One intra-op thread, as a small model is slower with more; and the session
runs on the event loop, as handing a request to a thread and back takes longer than to answer it.
MODEL is the path of the ``.onnx`` file.
"""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

# Above so many bytes of body, a prediction takes long enough to be worth a thread.
_LARGE = 64 * 1024


def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(
        os.environ["MODEL"], options, providers=["CPUExecutionProvider"]
    )


app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
session = _session()
input_name = session.get_inputs()[0].name
labels = [str(index) for index in range(session.get_outputs()[0].shape[1])]


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Answers JSON, ``{"instances": […]}``, or the bytes of `numpy.save`."""
    body = await request.body()
    is_npy = request.headers.get("content-type") == "application/x-npy"
    if len(body) > _LARGE:
        answer = await run_in_threadpool(_answer, body, is_npy)
    else:
        answer = _answer(body, is_npy)
    return Response(answer, media_type="application/json")


def _answer(body: bytes, is_npy: bool) -> bytes:
    if is_npy:
        instances: npt.NDArray[Any] = np.load(io.BytesIO(body), allow_pickle=False)
    else:
        instances = np.array(orjson.loads(body)["instances"], dtype=np.float32)
    (scores,) = session.run(None, {input_name: instances})
    predictions = []
    for row in scores:
        best = int(row.argmax())
        by_label = dict(zip(labels, row.tolist(), strict=True))
        predictions.append(
            {"label": labels[best], "score": by_label[labels[best]], "scores": by_label}
        )
    return orjson.dumps({"predictions": predictions})
