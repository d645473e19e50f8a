"""FastAPI, ONNX Runtime and tokenizers, tuned by hand: texts in, classes out.

A batch is filled up to its longest text, no further. One intra-op thread; and what is short runs on
the event loop, as handing a request to a thread and back would take longer than to answer it.
MODEL is the path of the ``.onnx`` file, TOKENIZER that of the tokenizer.
"""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from tokenizers import Tokenizer

# Above so many bytes of body, a prediction takes long enough to be worth a thread.
_LARGE = 256


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
tokenizer = Tokenizer.from_file(os.environ["TOKENIZER"])
labels = [str(index) for index in range(session.get_outputs()[0].shape[1])]


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Answers JSON, ``{"instances": [texts]}``."""
    body = await request.body()
    answer = await run_in_threadpool(_answer, body) if len(body) > _LARGE else _answer(body)
    return Response(answer, media_type="application/json")


def _answer(body: bytes) -> bytes:
    found = tokenizer.encode_batch_fast(orjson.loads(body)["instances"])
    ids = np.array([each.ids for each in found], np.int32)
    feeds = {
        "padding_mask": np.array([each.attention_mask for each in found], np.int32),
        "segment_ids": np.zeros_like(ids),
        "token_ids": ids,
    }
    (scores,) = session.run(None, feeds)
    predictions = []
    for row in scores:
        best = int(row.argmax())
        by_label = dict(zip(labels, row.tolist(), strict=True))
        predictions.append(
            {"label": labels[best], "score": by_label[labels[best]], "scores": by_label}
        )
    return orjson.dumps({"predictions": predictions})
