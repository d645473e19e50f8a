"""A prediction, step by step: read the request, run the model, render the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflite_serving.contract.tensors import Arrays
from tflite_serving.dialects.dialect import Codec, Dialect, PredictionRequest
from tflite_serving.errors import DeadlineExceeded, InternalError, RefusedValue, RequestError
from tflite_serving.http.messages import Reply
from tflite_serving.inputs.tensor import to_tensor
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.runtime.length_buckets import SubBatch, merge_outputs
from tflite_serving.runtime.postprocess import is_finite
from tflite_serving.service.model_log import ModelLog
from tflite_serving.service.request_context import RequestContext

if TYPE_CHECKING:
    from tflite_serving.preprocess.pipeline import Pipeline


@dataclass(slots=True, eq=False)
class Prediction:
    """A prediction request that was read, and its reply once the model has run.

    Attributes:
        pool: Interpreters that it runs on.
        sub_batches: Parts of the batch, which run one after another.
    """

    pool: InterpreterPool
    sub_batches: list[SubBatch]
    _context: RequestContext
    _log: ModelLog
    _codec: Codec
    _request: PredictionRequest

    @classmethod
    def read(
        cls, context: RequestContext, dialect: Dialect, log: ModelLog, body: bytes
    ) -> Prediction:
        """Reads and checks all inputs.

        Args:
            context: The request; gets the stages "parse" and "preprocess".
            dialect: Dialect of the body.
            log: Model of the request; gets the number of instances.
            body: All of the body.

        Raises:
            RequestError: whatever is wrong in the body.
            DeadlineExceeded: reading took too long.
        """
        loaded, timings = log.loaded, context.timings
        codec = loaded.codec(dialect)
        timings.start()
        request = codec.parse(body, context.head, context.max_batch)
        timings.lap("parse")
        log.instances = request.batch
        pictures = loaded.pictures
        inputs = {
            spec.name: to_tensor(request.inputs[spec.name], spec)
            for spec in loaded.manifest.inputs
            if spec.name not in pictures
        }
        for name, reader in pictures.items():
            inputs[name] = reader.read(request.inputs[name], timings)
        pipeline = loaded.pipeline
        sub_batches = [SubBatch(inputs)] if pipeline is None else _run(pipeline, inputs, request)
        timings.lap("preprocess")
        if context.seconds_left == 0:
            raise DeadlineExceeded("deadline_exceeded", "the request took too long; try again")
        return cls(loaded.pool, sub_batches, context, log, codec, request)

    def run(self) -> Reply:
        """Runs the model, and renders its outputs; see `render`."""
        context, pool = self._context, self.pool
        outputs = [
            pool.run(part.inputs, context.timings, context.seconds_left)
            for part in self.sub_batches
        ]
        return self.render(merge_outputs(self.sub_batches, outputs))

    def render(self, outputs: Arrays) -> Reply:
        """The reply.

        Args:
            outputs: Outputs of the model by name, [batch, …], in natural units.

        Raises:
            InternalError: some of them are no numbers.
            RequestError: the query wants what cannot be had.
        """
        for name, values in outputs.items():
            if not is_finite(values):
                raise InternalError(
                    "model_output_not_finite",
                    f"the model answered NaN or infinity in output {name!r}",
                )
        reply = self._codec.render(outputs, self._request, self._context.head)
        judged = self._log.loaded.judged
        if judged is not None:
            self._log.scores = outputs[judged.name]
        if self._request.cut:
            reply.headers = {**(reply.headers or {}), "X-Truncated": str(len(self._request.cut))}
        self._context.timings.lap("encode")
        return reply


def _run(pipeline: Pipeline, inputs: Arrays, request: PredictionRequest) -> list[SubBatch]:
    """What the model runs on, after the steps before it; `request.cut` has what they cut off."""
    try:
        prepared = pipeline.prepare(inputs)
    except RefusedValue as error:
        place = request.inputs[error.input].at(error.index)
        raise RequestError(error.code, f"{place}: {error.problem}") from None
    request.cut = prepared.cut
    return prepared.groups
