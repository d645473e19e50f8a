"""The time between SIGTERM and the platform's kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from tests.support.server.serving import MAIN
from tflite_serving.servers import stopping


def test_the_signal_is_handled_where_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may interrupt the main thread just there, and an interpreter that ends starts none."""
    told, over = [], threading.Event()
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        monkeypatch.setattr(stopping, "GIVE_UP_SECONDS", 0.0)
        monkeypatch.setattr(stopping, "EXIT_SECONDS", 3600.0)
        assert stopping.watch(over.set)

        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        for _ in range(2):  # impatient platforms ask twice
            signal.raise_signal(signal.SIGTERM)
        assert told == [signal.SIGTERM] * 2
        assert over.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_process_that_does_not_end_is_ended_without_a_failure() -> None:
    script = """
import signal
from tflite_serving.servers import stopping
stopping.GIVE_UP_SECONDS, stopping.EXIT_SECONDS = 0.0, 0.1
signal.signal(signal.SIGTERM, lambda *_: None)
assert stopping.watch(lambda: print("given up", flush=True))
signal.raise_signal(signal.SIGTERM)
while True:
    signal.pause()
"""
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=MAIN.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "given up\n", "")
