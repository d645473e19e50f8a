"""Main program of the process that `model_export.measure.process` starts.

Its argument lists the processors that it keeps to. It reads one command a line from stdin, as JSON,
and answers with one line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.codec import decode
from tflite_serving.contract.tensors import Arrays, OutputSpec, Tensors
from tflite_serving.runtime.interpreter_pool import InterpreterPool, import_runtime
from tflite_serving.telemetry import Timings

_PREFIX = "array/"


class Worker:
    """Carries out the commands; each method is one."""

    def __init__(self) -> None:
        self._model: InterpreterPool | None = None
        self._examples: Arrays = {}

    def load(
        self, folder: str, tensors: object, outputs: list[object], threads: int, batch: int
    ) -> dict[str, float]:
        """Loads the model in `folder`, and answers one instance and one batch of its examples."""
        self._examples = read_arrays(Path(folder) / "examples.npz")
        one, many = _first(self._examples, 1), _first(self._examples, batch)
        bound = decode(Tensors, tensors, "tensors")
        specs = tuple(decode(OutputSpec, item, "outputs") for item in outputs)
        began = time.perf_counter()
        import_runtime()
        model = InterpreterPool(Path(folder) / "model.tflite", bound, specs, 1, threads)
        model.run(one, Timings())
        cold_load_ms = (time.perf_counter() - began) * 1000
        model.run(many, Timings())
        self._model = model
        return {"cold_load_ms": cold_load_ms, "peak_rss_mib": _peak_rss_mib()}

    def answer(self, inputs: str, outputs: str) -> dict[str, float]:
        """Answers the examples of one npz as a batch, and writes the answers to another."""
        write_arrays(Path(outputs), self._run(read_arrays(Path(inputs))))
        return {}

    def time(self, batch: int, runs: int, seconds: float) -> dict[str, list[float]]:
        """Answers the same batch again and again: so many times, or for so long."""
        examples = _first(self._examples, batch)
        # Another process had the processor's caches until now.
        self._run(examples)
        latencies: list[float] = []
        stop = time.perf_counter() + seconds
        while len(latencies) < runs and (not latencies or time.perf_counter() < stop):
            began = time.perf_counter()
            self._run(examples)
            latencies.append((time.perf_counter() - began) * 1000)
        return {"latencies_ms": latencies}

    def _run(self, inputs: Arrays) -> Arrays:
        assert self._model is not None
        return self._model.run(inputs, Timings())


def main(processors: str) -> None:
    """Serves commands until stdin ends."""
    if processors:
        os.sched_setaffinity(0, map(int, processors.split(",")))
    # Whatever the runtime prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        result = getattr(worker, command.pop("do"))(**command)
        answers.write(json.dumps(result) + "\n")


def write_arrays(path: Path | BinaryIO, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes an npz whose names may be any; numpy keeps some, such as "file", for itself."""
    prefixed = {f"{_PREFIX}{name}": array for name, array in arrays.items()}
    np.savez(path, allow_pickle=False, **prefixed)


def read_arrays(path: Path | BinaryIO) -> Arrays:
    """Reads what `write_arrays` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        return {key.removeprefix(_PREFIX): archive[key] for key in archive.files}


def _first(examples: Arrays, batch: int) -> Arrays:
    """A batch; if there are too few examples, they come again."""
    return {name: np.resize(array, (batch, *array.shape[1:])) for name, array in examples.items()}


def _peak_rss_mib() -> float:
    """Peak resident memory of this process.

    Not getrusage's ru_maxrss where it can be helped: on Linux that one survives exec, and so
    tells of the parent, which has TensorFlow loaded.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    main(sys.argv[1])
