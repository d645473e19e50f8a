"""Dynamic batching: requests that arrive within a time window run as one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from tflite_serving.contract.tensors import Arrays
from tflite_serving.errors import DeadlineExceeded
from tflite_serving.runtime.interpreter_pool import MOST_ROWS, InterpreterPool
from tflite_serving.runtime.length_buckets import SubBatch, merge_outputs
from tflite_serving.telemetry import Timings


@dataclass(slots=True, eq=False)
class _Batch:
    """Rows of several requests that are run together.

    Attributes:
        key: Model, input names and shapes, which requests of one batch have in common.
        model: Pool of interpreters that runs the batch.
        outcome: Outputs of all rows with the run's duration in milliseconds, or the exception of
            the run.
        parts: Inputs of each request.
        rows: Count of the rows of all requests.
        timer: Timer that ends the window; None once it has fired.
    """

    key: Hashable
    model: InterpreterPool
    outcome: asyncio.Future[tuple[Arrays, float] | Exception]
    parts: list[Arrays] = field(default_factory=list)
    rows: int = 0
    timer: asyncio.TimerHandle | None = None


class Batcher:
    """Combines requests to the same model into batches, and splits the outputs by request.

    The first request opens a batch. It is run when the window is over, or it has as many rows as
    one invoke takes; while all interpreters are busy it stays open for longer. For one event loop
    alone.

    Args:
        window_seconds: Time for which the first request of a batch waits for others.
        threads: Executor that runs the batches.
        turns: Semaphore that bounds the batches in the executor.
    """

    def __init__(self, window_seconds: float, threads: Executor, turns: asyncio.Semaphore) -> None:
        self._window_seconds = window_seconds
        self._threads = threads
        self._turns = turns
        self._open: dict[Hashable, _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(
        self, model: InterpreterPool, inputs: Arrays, timings: Timings, wait_seconds: float
    ) -> Arrays:
        """Runs one request's inputs, possibly in one batch with other requests'.

        Args:
            model: Pool of interpreters of the requested model.
            inputs: Arrays by input name, [batch, …], as for `InterpreterPool.run`.
            timings: Timings of the request; get the stages "queue", with the window, and "infer",
                of the whole batch.
            wait_seconds: Longest time to wait for the outputs.

        Returns:
            Arrays by output name, [batch, …], of these inputs alone.

        Raises:
            DeadlineExceeded: The outputs took longer.
            Exception: Whatever running the batch raised.
        """
        batch, start = self._join(model, inputs)
        await asyncio.wait((batch.outcome,), timeout=wait_seconds)
        timings.lap("queue")
        if not batch.outcome.done():
            raise DeadlineExceeded(
                "deadline_exceeded", "all interpreters of the model are busy; try again"
            )
        outcome = batch.outcome.result()
        if isinstance(outcome, Exception):
            raise outcome
        outputs, infer_ms = outcome
        timings.add({"queue": -infer_ms, "infer": infer_ms})
        end = start + _rows(inputs)
        return {name: values[start:end] for name, values in outputs.items()}

    async def run_groups(
        self,
        model: InterpreterPool,
        groups: Sequence[SubBatch],
        timings: Timings,
        wait_seconds: float,
    ) -> Arrays:
        """Runs the groups of one request, all at once; see `run`, also for the arguments."""
        if len(groups) == 1:
            return await self.run(model, groups[0].inputs, timings, wait_seconds)
        answers = await asyncio.gather(
            *(self.run(model, group.inputs, Timings(), wait_seconds) for group in groups)
        )
        timings.lap("infer")  # and the windows, which they waited for side by side
        return merge_outputs(groups, answers)

    def _join(self, model: InterpreterPool, inputs: Arrays) -> tuple[_Batch, int]:
        """The batch that takes the inputs, and the place of their first row in it."""
        # Only what has the same shape fits into one array.
        key = (model, *((name, values.shape[1:]) for name, values in inputs.items()))
        rows, batch = _rows(inputs), self._open.get(key)
        if batch is not None and batch.rows + rows > MOST_ROWS:
            self._start_now(batch)
            batch = None
        if batch is None:
            loop = asyncio.get_running_loop()
            batch = self._open[key] = _Batch(key, model, loop.create_future())
            batch.timer = loop.call_later(self._window_seconds, self._start, batch)
        start = batch.rows
        batch.parts.append(inputs)
        batch.rows += rows
        if batch.rows >= MOST_ROWS:
            self._start_now(batch)
        return batch, start

    def _start_now(self, batch: _Batch) -> None:
        self._close(batch)
        if batch.timer is not None:
            batch.timer.cancel()
            self._start(batch)

    def _close(self, batch: _Batch) -> None:
        if self._open.get(batch.key) is batch:
            del self._open[batch.key]

    def _start(self, batch: _Batch) -> None:
        batch.timer = None
        task = asyncio.create_task(self._run(batch))
        self._tasks.add(task)  # the loop itself would forget it
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: _Batch) -> None:
        async with self._turns:
            self._close(batch)
            loop = asyncio.get_running_loop()
            try:
                outcome = await loop.run_in_executor(self._threads, _run, batch)
            except Exception as error:
                batch.outcome.set_result(error)
            else:
                batch.outcome.set_result(outcome)


def _run(batch: _Batch) -> tuple[Arrays, float]:
    parts, timings = batch.parts, Timings()
    inputs = parts[0]
    if len(parts) > 1:
        inputs = {name: np.concatenate([part[name] for part in parts]) for name in inputs}
    outputs = batch.model.run(inputs, timings)
    return outputs, timings.stages["infer"]


def _rows(inputs: Arrays) -> int:
    return len(next(iter(inputs.values())))
