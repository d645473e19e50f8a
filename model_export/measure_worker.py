"""The fresh process that `model_export.measure` starts. Its argument is a folder.

In: ``job.json``, ``model.tflite``, ``first.npz``, ``inputs.npz``.
Out: ``result.json``, ``outputs.npz``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.codec import decode
from tflite_serving.contract.tensors import OutputSpec, Tensors
from tflite_serving.model import Model, import_runtime
from tflite_serving.telemetry import Timings

_BATCH = 256
_RUNS = 1000
_LONGEST_SECONDS = 3.0
_FEWEST_RUNS = 20
_PREFIX = "array/"


def main(folder: Path) -> None:
    """Measures what the folder describes."""
    job = json.loads((folder / "job.json").read_text())
    tensors = decode(Tensors, job["tensors"], "job.tensors")
    outputs = tuple(decode(OutputSpec, item, "job.outputs") for item in job["outputs"])
    first = read_arrays(folder / "first.npz")

    began = time.perf_counter()
    import_runtime()
    model = Model(folder / "model.tflite", tensors, outputs, 1, job["threads"])
    model.run(first, Timings())
    cold_load_ms = (time.perf_counter() - began) * 1000
    peak_rss_mib = _peak_rss_mib()

    latencies = [_time_once(model, first) for _ in _bounded_runs()]
    pieces = [model.run(batch, Timings()) for batch in _batches(read_arrays(folder / "inputs.npz"))]
    answers = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    write_arrays(folder / "outputs.npz", answers)
    result = {
        "cold_load_ms": cold_load_ms,
        "peak_rss_mib": peak_rss_mib,
        "latency_ms": {
            "p50": float(np.percentile(latencies, 50)),
            "p99": float(np.percentile(latencies, 99)),
        },
    }
    (folder / "result.json").write_text(json.dumps(result))


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes an npz whose names may be any; numpy keeps some, such as "file", for itself."""
    prefixed = {f"{_PREFIX}{name}": array for name, array in arrays.items()}
    np.savez(path, allow_pickle=False, **prefixed)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Reads what `write_arrays` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        return {key.removeprefix(_PREFIX): archive[key] for key in archive.files}


def _time_once(model: Model, first: Mapping[str, npt.NDArray[Any]]) -> float:
    timings = Timings()
    began = time.perf_counter()
    model.run(first, timings)
    return (time.perf_counter() - began) * 1000


def _bounded_runs() -> Iterator[int]:
    stop = time.perf_counter() + _LONGEST_SECONDS
    for run in range(_RUNS):
        if run >= _FEWEST_RUNS and time.perf_counter() > stop:
            return
        yield run


def _batches(
    inputs: Mapping[str, npt.NDArray[Any]],
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        yield {name: array[start : start + _BATCH] for name, array in inputs.items()}


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
    main(Path(sys.argv[1]))
