"""The process's state: one service and one shell, whoever calls first."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.server.serving import MAIN


def test_threads_that_call_at_once_get_the_same() -> None:
    script = """
import threading
import main
made = []
def make():
    made.append(object())
    if len(made) == 1:
        other = threading.Thread(target=lambda: got.append(get()))
        other.start()
        other.join(0.2)  # it would be done if it did not wait
    return made[-1]
get, got = main._once(make), []
assert get() is get()
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join()
assert len(made) == 1 and got == made, (made, got)
"""
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=MAIN.parent,
        env={**os.environ, "MODEL_REGISTRY": "/nowhere", "MODELS": "iris"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
