"""Imports LiteRT in a background thread, while the registry is read over the network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tflite_serving.runtime.interpreter_pool import import_runtime


@contextmanager
def runtime_import() -> Iterator[Future[float]]:
    """Imports the runtime in a thread beside the block.

    Yields:
        the milliseconds that it took, or what it raised. When the block ends, it is done.
    """
    with ThreadPoolExecutor(1, "import") as thread:
        yield thread.submit(_import_timed)


def _import_timed() -> float:
    began = time.perf_counter()
    import_runtime()
    return (time.perf_counter() - began) * 1000
