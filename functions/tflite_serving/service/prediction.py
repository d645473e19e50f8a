"""A prediction, step by step: read the question, run the model, write the answer."""

from __future__ import annotations

from dataclasses import dataclass

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.contract.tensors import Arrays, OutputSpec
from tflite_serving.dialects.dialect import Codec, Dialect, PredictionRequest
from tflite_serving.errors import DeadlineExceeded, InternalError, RefusedValue, RequestError
from tflite_serving.inputs.tensor import to_tensor
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.runtime.length_buckets import SubBatch
from tflite_serving.runtime.postprocess import is_finite
from tflite_serving.service.request_context import RequestContext


@dataclass(slots=True, eq=False)
class Prediction:
    """A question that was read, and its answer once the model ran.

    Attributes:
        model: that is asked.
        groups: of the batch, that it is to run on.
    """

    model: InterpreterPool
    groups: list[SubBatch]
    _task: RequestContext
    _judged: OutputSpec | None
    _codec: Codec
    _request: PredictionRequest

    @classmethod
    def read(
        cls,
        task: RequestContext,
        dialect: Dialect,
        body: bytes,
        served: LoadedModel,
        max_batch: int,
    ) -> Prediction:
        """Reads and checks all inputs.

        Args:
            task: the request; gets `instances`, headers, and the stages "parse" and "preprocess".
            dialect: of the body.
            body: all of it.
            served: the model that is asked.
            max_batch: most instances in one request.

        Raises:
            RequestError: whatever is wrong in the body.
            DeadlineExceeded: reading took too long.
        """
        codec, timings = served.codec(dialect), task.timings
        timings.start()
        request = codec.parse(body, task.head.content_type, max_batch)
        timings.lap("parse")
        task.instances = request.batch
        pictures = served.pictures
        inputs = {
            spec.name: to_tensor(request.inputs[spec.name], spec)
            for spec in served.manifest.inputs
            if spec.name not in pictures
        }
        for name, reader in pictures.items():
            inputs[name] = reader.read(request.inputs[name], timings)
        if served.pipeline is not None:
            try:
                ready = served.pipeline.prepare(inputs)
            except RefusedValue as error:
                place = request.inputs[error.input].at(error.index)
                raise RequestError(error.code, f"{place}: {error.problem}") from None
            groups = ready.groups
            if ready.cut:
                request.cut = ready.cut
                task.headers = {"X-Truncated": str(len(ready.cut))}
        else:
            groups = [SubBatch(inputs)]
        timings.lap("preprocess")
        if task.seconds_left == 0:
            raise DeadlineExceeded("deadline_exceeded", "the request took too long; try again")
        return cls(served.model, groups, task, served.judged, codec, request)

    def write(self, outputs: Arrays) -> bytes:
        """Writes the answer's body.

        Args:
            outputs: of the model, by output name, [batch, …], in natural units.

        Raises:
            InternalError: some of them are no numbers.
            RequestError: the query asks for what cannot be had.
        """
        for name, values in outputs.items():
            if not is_finite(values):
                raise InternalError(
                    "model_output_not_finite",
                    f"the model answered NaN or infinity in output {name!r}",
                )
        content = self._codec.render(outputs, self._request, self._task.head.query)
        if self._judged is not None:
            self._task.scores = outputs[self._judged.name]
        self._task.timings.lap("encode")
        return content
