"""Measures a candidate the way it will be served: the function's own code, a fresh process."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from model_export.errors import ConversionError
from model_export.measure_worker import read_arrays, write_arrays
from model_export.recipe import Variant
from tflite_serving.contract.codec import encode
from tflite_serving.contract.evidence import Latency
from tflite_serving.contract.tensors import OutputSpec, Tensors

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a candidate costs and answers.

    Attributes:
        gzip_bytes: size of the flatbuffer when compressed.
        cold_load_ms: import of the runtime, load, and the first answer.
        peak_rss_mib: of the process after the first answer.
        latency_ms: of one instance, through (de)quantization and back.
        outputs: by output name, [examples, …], in natural units: the answers to the test split.
    """

    gzip_bytes: int
    cold_load_ms: float
    peak_rss_mib: float
    latency_ms: Latency
    outputs: dict[str, npt.NDArray[Any]]


def measure(
    variant: Variant,
    flatbuffer: bytes,
    tensors: Tensors,
    outputs: tuple[OutputSpec, ...],
    inputs: Arrays,
    threads: int = 1,
) -> Measurement:
    """Runs one candidate in a process of its own.

    Args:
        variant: the candidate's name, for complaints.
        flatbuffer: the candidate.
        tensors, outputs: as they will stand in its manifest.
        inputs: the test split's, by input name, [examples, …].
        threads: of the interpreter.

    Raises:
        ConversionError: the process failed; the message has its last words.
    """
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(flatbuffer)
        job = {"tensors": encode(tensors), "outputs": encode(outputs), "threads": threads}
        (folder / "job.json").write_text(json.dumps(job))
        write_arrays(folder / "first.npz", {name: array[:1] for name, array in inputs.items()})
        write_arrays(folder / "inputs.npz", inputs)
        process = subprocess.run(
            [sys.executable, "-m", "model_export.measure_worker", str(folder)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if process.returncode != 0:
            words = process.stderr.strip().splitlines()[-5:] or ["no message"]
            raise ConversionError(
                f"{variant}: the runtime cannot run it ({_end(process.returncode)}):\n  "
                + "\n  ".join(words)
            )
        result = json.loads((folder / "result.json").read_text())
        answers = read_arrays(folder / "outputs.npz")
    return Measurement(
        # Level 6 is what HTTP and storage would use; mtime 0 keeps the size the same each time.
        gzip_bytes=len(gzip.compress(flatbuffer, 6, mtime=0)),
        cold_load_ms=result["cold_load_ms"],
        peak_rss_mib=result["peak_rss_mib"],
        latency_ms=Latency(**result["latency_ms"]),
        outputs=answers,
    )


def _end(code: int) -> str:
    """How a process ended, in words: a negative code is the number of a signal."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
