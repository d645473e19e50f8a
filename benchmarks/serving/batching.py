"""Requests that are run together: with which model that is faster, and with how many clients."""

from __future__ import annotations

from benchmarks.serving.run import Run
from benchmarks.serving.subjects import ASGI, BATCHING, FASTAPI
from benchmarks.serving.throughput import measure

CASES = (("wide", (1, 8, 32)), ("digits", (32,)))
"""Models, and by how many clients each is asked."""


def run(run: Run) -> None:
    """Loads the function without a window, with windows, and FastAPI, round after round."""
    subjects = [s for s in run.subjects if s.key in (ASGI, FASTAPI)]
    if run.has(ASGI):
        subjects += BATCHING
    turns = [
        (name, connections, subject)
        for _ in range(run.rounds)
        for name, connections in CASES
        for subject in subjects
    ]
    with run.progress.step("batching") as step:
        for done, (name, connections, subject) in enumerate(turns):
            step.advance(done / len(turns))
            if not run.gave_up(name, subject.key):
                with run.turn(name, subject.key, subject.title):
                    measure(run, subject, run.model(name), connections)
