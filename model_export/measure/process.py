"""A fresh process with one model in it, told what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from model_export.errors import ConversionError
from model_export.measure.worker import read_arrays, write_arrays
from tflite_serving.contract.codec import encode
from tflite_serving.contract.tensors import Arrays, OutputSpec, Tensors


@dataclass(frozen=True, slots=True)
class Servable:
    """A flatbuffer with what it takes to serve it.

    Attributes:
        name: of the candidate, for complaints.
        flatbuffer: of it.
        tensors, outputs: as they will stand in its manifest.
    """

    name: str
    flatbuffer: bytes
    tensors: Tensors
    outputs: tuple[OutputSpec, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """What it took to answer for the first time in a process.

    Attributes:
        cold_load_ms: import of the runtime, load, and the first answer.
        peak_rss_mib: of the process, after one instance and one batch.
    """

    cold_load_ms: float
    peak_rss_mib: float


class Process:
    """A process that runs models the way the function does; use it as a context manager.

    Args:
        threads: of the interpreter; the process keeps to as many processors, where the system
            allows to say so.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._name = ""
        self._folder = tempfile.TemporaryDirectory(prefix="measure-")
        self._words = (self._path / "stderr").open("w+", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "model_export.measure.worker", _processors(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()
        self._words.close()
        self._folder.cleanup()

    def load(self, servable: Servable, examples: Arrays, batch: int = 1) -> Start:
        """Loads a model, in place of the one before; answers one instance and one batch.

        Args:
            servable: the model.
            examples: by input name, at least one.
            batch: how many instances.

        Raises:
            ConversionError: the runtime cannot run it; the message has the process's last words.
        """
        self._name = servable.name
        (self._path / "model.tflite").unlink(missing_ok=True)  # the old one may still be mapped
        (self._path / "model.tflite").write_bytes(servable.flatbuffer)
        write_arrays(self._path / "examples.npz", {n: x[:batch] for n, x in examples.items()})
        found = self._ask(
            "load",
            folder=str(self._path),
            tensors=encode(servable.tensors),
            outputs=encode(servable.outputs),
            threads=self._threads,
            batch=batch,
        )
        return Start(**found)

    def answer(self, inputs: Arrays) -> Arrays:
        """The model's answers.

        Args:
            inputs: by input name, [examples, …], in natural units.

        Returns:
            by output name, [examples, …], in natural units.
        """
        write_arrays(self._path / "inputs.npz", inputs)
        self._ask(
            "answer", inputs=str(self._path / "inputs.npz"), outputs=str(self._path / "outputs.npz")
        )
        return read_arrays(self._path / "outputs.npz")

    def time(self, batch: int, runs: int, seconds: float) -> list[float]:
        """Latencies of a batch of the examples that `load` was given.

        Args:
            batch: how many instances.
            runs, seconds: how often at most, and for how long.

        Returns:
            milliseconds of each run, one or more.
        """
        answer = self._ask("time", batch=batch, runs=runs, seconds=seconds)
        found: list[float] = answer["latencies_ms"]
        return found

    @property
    def _path(self) -> Path:
        return Path(self._folder.name)

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            line = ""
        else:
            line = self._process.stdout.readline()
        if not line:
            raise ConversionError(self._failure())
        return json.loads(line)

    def _failure(self) -> str:
        end = _end(self._process.wait())
        self._words.seek(0)
        words = self._words.read().strip().splitlines()[-5:] or ["no message"]
        return f"{self._name}: the runtime cannot run it ({end}):\n  " + "\n  ".join(words)


def _processors(threads: int) -> str:
    """The processors that a process of so many threads keeps to; "" where there is no choice."""
    if not hasattr(os, "sched_getaffinity"):
        return ""
    # The last ones: what else a system does begins with the first.
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[-threads:]))


def _end(code: int) -> str:
    """How a process ended, in words: a negative code is the number of a signal."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
