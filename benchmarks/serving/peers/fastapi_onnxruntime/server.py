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
from PIL import Image
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
    """Answers JSON, ``{"instances": […]}``, the bytes of `numpy.save`, or a JPEG."""
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    if len(body) > _LARGE:
        answer = await run_in_threadpool(_answer, body, content_type)
    else:
        answer = _answer(body, content_type)
    return Response(answer, media_type="application/json")


def _answer(body: bytes, content_type: str) -> bytes:
    if content_type == "application/x-npy":
        instances: npt.NDArray[Any] = np.load(io.BytesIO(body), allow_pickle=False)
    elif content_type == "image/jpeg":
        instances = _pixels(body)
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


def _pixels(body: bytes) -> npt.NDArray[np.float32]:
    """A picture as the model was fed: resized by Pillow."""
    _, height, width, _ = session.get_inputs()[0].shape
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)[np.newaxis]
