"""One loaded TensorFlow Lite model: a pool of interpreters that run batches."""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import Arrays, OutputSpec, TensorBinding, Tensors
from tflite_serving.errors import ArtifactRefused, DeadlineExceeded, RequestError, Stopping
from tflite_serving.runtime.postprocess import apply_activation
from tflite_serving.telemetry import Timings

_Details = Mapping[str, Mapping[str, Any]]
_Size = int | tuple[tuple[int, ...], ...]
"""Of what tensors are allocated for: the batch, or every shape where other axes are open, too."""
MOST_ROWS = 64
"""Of one invoke. Beyond this a row is no faster: docs/6-serving-performance.md."""
_BEYOND_TABLE = "index out of bounds"
"""What LiteRT says of an embedding's index: the client's, as Keras itself refuses it."""
_MOST_BYTES = 2**20
_MOST_TOKENS = 256
"""Of one invoke, of sequences: beyond this no row is faster, and long ones are slower."""


def import_runtime() -> ModuleType:
    """The module with TensorFlow Lite's `Interpreter`: LiteRT, or its predecessor.

    Neither may be imported before a server forks: their threads do not survive it.
    """
    try:
        return importlib.import_module("ai_edge_litert.interpreter")
    except ImportError:
        return importlib.import_module("tflite_runtime.interpreter")


class InterpreterPool:
    """A model that is ready to run, safe to use from several threads.

    One interpreter is made at once, the others when a batch finds none free.

    Args:
        path: Path of the .tflite file; it is mapped into memory, not read.
        tensors: Binding of the flatbuffer's tensors to inputs and outputs.
        outputs: Outputs of the manifest, for their activations.
        interpreters: Largest number of interpreters, each of which runs one batch at a time.
        threads: Number of threads of each interpreter.

    Raises:
        ArtifactRefused: The flatbuffer cannot be loaded, or does not have the tensors of `tensors`.
    """

    def __init__(
        self,
        path: Path,
        tensors: Tensors,
        outputs: tuple[OutputSpec, ...],
        interpreters: int = 1,
        threads: int = 1,
    ) -> None:
        self._activations = {
            output.name: output.activation for output in outputs if output.activation != "none"
        }
        self._make = partial(_Interpreter, path, tensors, threads)
        self._idle: queue.SimpleQueue[_Interpreter | None] = queue.SimpleQueue()
        self._idle.put(self._make())
        self._unmade = threading.Semaphore(interpreters - 1)

    @property
    def is_idle(self) -> bool:
        """Whether a batch could run now, without waiting for or making an interpreter."""
        return not self._idle.empty()

    def run(
        self, inputs: Arrays, timings: Timings, wait_seconds: float | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs one batch.

        Args:
            inputs: Arrays by input name, [batch, …], in natural units; all of the same batch size.
            timings: Timings of the request; get the stages "queue", which begins where the last one
                ended, and "infer".
            wait_seconds: Longest time to wait for a free interpreter; None waits for ever.

        Returns:
            Arrays by output name, [batch, …], in natural units with the manifest's activation
            applied.

        Raises:
            DeadlineExceeded: No interpreter became free in time.
            Stopping: The instance is shutting down; see `give_up`.
            RequestError: An index is beyond the rows of one of the model's tables, such as an
                embedding.
        """
        try:
            interpreter = self._take(wait_seconds)
        finally:
            timings.lap("queue")
        try:
            outputs = interpreter.run(inputs)
        finally:
            self._idle.put(interpreter)
        for name, activation in self._activations.items():
            outputs[name] = apply_activation(outputs[name], activation)
        timings.lap("infer")
        return outputs

    def give_up(self) -> None:
        """Refuses whoever waits for an interpreter, or will: the instance ends."""
        self._idle.put(None)

    def _take(self, wait_seconds: float | None) -> _Interpreter:
        try:
            taken = self._idle.get_nowait()
        except queue.Empty:
            if self._unmade.acquire(blocking=False):
                return self._make_another()
            try:
                taken = self._idle.get(timeout=wait_seconds)
            except queue.Empty:
                raise DeadlineExceeded(
                    "deadline_exceeded", "all interpreters of the model are busy; try again"
                ) from None
        if taken is None:
            self._idle.put(None)  # for the next one
            raise Stopping
        return taken

    def _make_another(self) -> _Interpreter:
        try:
            return self._make()
        except BaseException:
            self._unmade.release()
            raise


class _Interpreter:
    """One TFLite interpreter; not safe to share between threads while it runs."""

    def __init__(self, path: Path, tensors: Tensors, threads: int) -> None:
        try:
            self._interpreter = import_runtime().Interpreter(
                model_path=str(path), num_threads=threads
            )
            inputs, outputs = _signature(self._interpreter, tensors.signature)
            self._inputs = _indices(tensors.inputs, inputs)
            self._outputs = _indices(tensors.outputs, outputs)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ArtifactRefused(f"{path}: LiteRT cannot load it: {error}") from None
        self._dtypes = {index: np.dtype(binding.dtype) for binding, index in self._inputs}
        self._has_open_axes = any(None in binding.shape[1:] for binding in tensors.inputs)
        self._sequence = next((b.name for b in tensors.inputs if b.shape == (None, None)), None)
        self._size: _Size = 1

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        batch = len(next(iter(inputs.values())))
        if batch == 1:
            return self._invoke(inputs, batch)
        rows = MOST_ROWS
        if self._sequence is not None:
            rows = max(1, min(rows, _MOST_TOKENS // inputs[self._sequence].shape[1]))
        row_bytes = sum(values.nbytes for values in inputs.values()) // batch
        rows = max(1, min(rows, _MOST_BYTES // row_bytes))
        if batch <= rows:
            return self._invoke(inputs, batch)
        # The memory of the largest batch is never given back, and larger ones are no faster.
        parts = [
            self._invoke({name: values[at : at + rows] for name, values in inputs.items()}, size)
            for at in range(0, batch, rows)
            for size in [min(rows, batch - at)]
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _invoke(self, inputs: Arrays, batch: int) -> dict[str, npt.NDArray[Any]]:
        interpreter = self._interpreter
        size: _Size = batch
        if self._has_open_axes:
            size = tuple(inputs[binding.name].shape for binding, _ in self._inputs)
        if size != self._size:
            self._resize(size, inputs)
        for binding, index in self._inputs:
            values = inputs[binding.name]
            if binding.scale is not None or values.dtype != self._dtypes[index]:
                values = binding.to_tensor(values)
            interpreter.set_tensor(index, values)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            if _BEYOND_TABLE in str(error):
                raise RequestError(
                    "out_of_range",
                    "inputs: expected indices of the model's tables, such as ids that it was "
                    "trained with, got one that is negative or beyond the end",
                ) from None
            raise
        return {
            binding.name: binding.to_natural(interpreter.get_tensor(index))
            for binding, index in self._outputs
        }

    def _resize(self, size: _Size, inputs: Arrays) -> None:
        # Should allocation fail half-way, the next call must not trust the size.
        self._size = 0
        for binding, index in self._inputs:
            self._interpreter.resize_tensor_input(index, inputs[binding.name].shape)
        self._interpreter.allocate_tensors()
        self._size = size


def _signature(interpreter: Any, key: str) -> tuple[_Details, _Details]:
    # While a runner lives, the interpreter refuses to allocate: it must not outlive this call.
    runner = interpreter.get_signature_runner(key)
    return runner.get_input_details(), runner.get_output_details()


def _indices(
    bindings: tuple[TensorBinding, ...], details: _Details
) -> list[tuple[TensorBinding, int]]:
    found = []
    for binding in bindings:
        if binding.tensor not in details:
            raise ValueError(f"it has no tensor {binding.tensor!r}, only {sorted(details)}")
        dtype = np.dtype(details[binding.tensor]["dtype"]).name
        if dtype != binding.dtype:
            raise ValueError(f"tensor {binding.tensor!r} is {dtype}, not {binding.dtype}")
        found.append((binding, int(details[binding.tensor]["index"])))
    return found
