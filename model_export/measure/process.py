"""A fresh process that loads one model, predicts and measures latency on command."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from model_export.errors import ConversionError
from model_export.measure.worker import read_arrays, write_arrays
from tflite_serving.contract.codec import encode
from tflite_serving.contract.tensors import Arrays, OutputSpec, Tensors

_BATCH = 64
_TIMEOUT_SECONDS = 600.0
"""Nine seconds for each instance of a batch: far beyond what any function could serve."""
_LAST_WORDS = 5
_NOTES = ("INFO:", "WARNING:", "Traceback ")


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

    A model that ends the process, or does not answer in time, is told as a `ConversionError`; the
    next `load` starts the process again.

    Args:
        threads: of the interpreter; the process keeps to as many processors, where the system
            allows to say so.
        timeout: seconds to load a model, to answer a batch of 64 instances, or to time one.
    """

    def __init__(self, threads: int = 1, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._threads = threads
        self._timeout = timeout
        self._name = ""
        self._folder = tempfile.TemporaryDirectory(prefix="measure-")
        self._start()

    def _start(self) -> None:
        self._words = (self._path / "stderr").open("w+", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "model_export.measure.worker", _processors(self._threads)],
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
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        self._process.communicate()
        self._words.close()

    def load(self, servable: Servable, examples: Arrays, batch: int = 1) -> Start:
        """Loads a model, in place of the one before; answers one instance and one batch.

        Args:
            servable: the model.
            examples: by input name, at least one.
            batch: how many instances.

        Raises:
            ConversionError: the runtime cannot run it; the message has the process's last words.
        """
        if self._process.poll() is not None:
            self._end()
            self._start()
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

        Raises:
            ConversionError: as of `load`.
        """
        pieces = [self._answer(batch) for batch in _batches(inputs)]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def time(self, batch: int, runs: int, seconds: float) -> list[float]:
        """Latencies of a batch of the examples that `load` was given.

        Args:
            batch: how many instances.
            runs, seconds: how often at most, and for how long.

        Returns:
            milliseconds of each run, one or more.

        Raises:
            ConversionError: as of `load`.
        """
        answer = self._ask("time", batch=batch, runs=runs, seconds=seconds)
        found: list[float] = answer["latencies_ms"]
        return found

    @property
    def _path(self) -> Path:
        return Path(self._folder.name)

    def _answer(self, inputs: Arrays) -> Arrays:
        write_arrays(self._path / "inputs.npz", inputs)
        self._ask(
            "answer", inputs=str(self._path / "inputs.npz"), outputs=str(self._path / "outputs.npz")
        )
        return read_arrays(self._path / "outputs.npz")

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            line = ""
        else:
            if not _is_ready(self._process.stdout, self._timeout):
                self._process.kill()
                self._process.wait()
                raise ConversionError(
                    f"{self._name}: the runtime cannot run it: it has not answered for "
                    f"{self._timeout:g} s"
                )
            line = self._process.stdout.readline()
        if not line:
            raise ConversionError(self._failure())
        return json.loads(line)

    def _failure(self) -> str:
        end = _end(self._process.wait())
        self._words.seek(0)
        lines = self._words.read().splitlines()
        # Without what a traceback quotes, and what the runtime says of itself.
        words = [line for line in lines if line.strip() and line.lstrip() == line]
        words = [line for line in words if not line.startswith(_NOTES)][-_LAST_WORDS:]
        told = "; ".join(words) or "no message"
        return f"{self._name}: the runtime cannot run it ({end}): {told}"


def _is_ready(stream: Any, seconds: float) -> bool:
    """Whether a pipe has something to read, or its end, within so many seconds."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _batches(inputs: Arrays) -> Iterator[Arrays]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        yield {name: array[start : start + _BATCH] for name, array in inputs.items()}


def _processors(threads: int) -> str:
    """The processors that a process of so many threads keeps to; "" where there is no choice."""
    if not hasattr(os, "sched_getaffinity"):
        return ""
    # The last ones: what else a system does begins with the first.
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[-threads:]))


def _end(code: int) -> str:
    """How a process ended, in words: a negative code is the number of a signal."""
    if code >= 0:
        return f"exit {code}"
    name = signal.Signals(-code).name
    # Nobody else kills it so.
    hint = ", as a system does that is short of memory" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"
