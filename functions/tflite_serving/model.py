"""One loaded TensorFlow Lite model: a pool of interpreters that run batches."""

from __future__ import annotations

import importlib
import queue
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import OutputSpec, TensorBinding, Tensors
from tflite_serving.errors import ArtifactRefused, DeadlineExceeded
from tflite_serving.scores import apply_activation
from tflite_serving.telemetry import Timings

Arrays = Mapping[str, npt.NDArray[Any]]
_Details = Mapping[str, Mapping[str, Any]]


def import_runtime() -> ModuleType:
    """The module with TensorFlow Lite's `Interpreter`: LiteRT, or its predecessor.

    Neither may be imported before a server forks: their threads do not survive it.
    """
    try:
        return importlib.import_module("ai_edge_litert.interpreter")
    except ImportError:
        return importlib.import_module("tflite_runtime.interpreter")


class Model:
    """A model that is ready to run, safe to use from several threads.

    Args:
        path: of the flatbuffer; it is mapped into memory, not read.
        tensors: which of its tensors carry the inputs and outputs.
        outputs: of the manifest, for their activations.
        interpreters: how many batches it runs at once.
        threads: of each interpreter.

    Raises:
        ArtifactRefused: the flatbuffer cannot be loaded, or is not what `tensors` says.
    """

    def __init__(
        self,
        path: Path,
        tensors: Tensors,
        outputs: tuple[OutputSpec, ...],
        interpreters: int = 1,
        threads: int = 1,
    ) -> None:
        self._activations = {output.name: output.activation for output in outputs}
        self._pool: queue.LifoQueue[_Interpreter] = queue.LifoQueue()
        for _ in range(interpreters):
            self._pool.put(_Interpreter(path, tensors, threads))

    @property
    def is_idle(self) -> bool:
        """Whether a batch could run now without waiting for another."""
        return not self._pool.empty()

    def run(
        self, inputs: Arrays, timings: Timings, wait_seconds: float | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs one batch.

        Args:
            inputs: by input name, [batch, …], in natural units; all of the same batch size.
            timings: gets the stages "queue" and "infer".
            wait_seconds: how long to wait for a free interpreter; None waits for ever.

        Returns:
            by output name, [batch, …], in natural units with the manifest's activation applied.

        Raises:
            DeadlineExceeded: no interpreter became free in time.
        """
        try:
            with timings.stage("queue"):
                interpreter = self._pool.get(timeout=wait_seconds)
        except queue.Empty:
            raise DeadlineExceeded(
                "deadline_exceeded", "all interpreters of the model are busy; try again"
            ) from None
        try:
            with timings.stage("infer"):
                outputs = interpreter.run(inputs)
        finally:
            self._pool.put(interpreter)
        return {
            name: apply_activation(values, self._activations[name])
            for name, values in outputs.items()
        }


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
        self._has_open_axes = any(None in binding.shape[1:] for binding in tensors.inputs)
        self._batch = 1

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        batch = len(next(iter(inputs.values())))
        self._resize(batch, inputs)
        for binding, index in self._inputs:
            self._interpreter.set_tensor(index, binding.to_tensor(inputs[binding.name]))
        self._interpreter.invoke()
        return {
            binding.name: binding.to_natural(self._interpreter.get_tensor(index))
            for binding, index in self._outputs
        }

    def _resize(self, batch: int, inputs: Arrays) -> None:
        if batch == self._batch and not self._has_open_axes:
            return
        # Should allocation fail half-way, the next call must not trust the size.
        self._batch = 0
        for binding, index in self._inputs:
            self._interpreter.resize_tensor_input(index, inputs[binding.name].shape)
        self._interpreter.allocate_tensors()
        self._batch = batch


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
