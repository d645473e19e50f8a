"""Requests per second, latency and processor time under load by so many clients."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.serving.closed_loop import Load, LoadFailed, closed_loop
from benchmarks.serving.models import Model
from benchmarks.serving.processes import cpu_seconds
from benchmarks.serving.questions import Question
from benchmarks.serving.run import Run
from benchmarks.serving.server import Server
from benchmarks.serving.subjects import Subject

_SLOW_ROUNDS = 2
_ANSWERS_PER_CLIENT = 2
"""With fewer, what wrk does not count at both ends of a load is too much of it."""
_MOST_SECONDS = 16


@dataclass(frozen=True, slots=True)
class Case:
    """A model, and by how many clients it is asked.

    Attributes:
        model: its name.
        connections: of the clients, one load after the other.
        most_rounds: however many others have.
        with_echoes: whether servers that predict nothing take part.
    """

    model: str
    connections: tuple[int, ...]
    most_rounds: int
    with_echoes: bool


CASES = (
    Case("digits", (1, 8, 32), most_rounds=100, with_echoes=True),
    Case("mlp", (8,), most_rounds=3, with_echoes=True),
    Case("mobilenet", (4,), most_rounds=2, with_echoes=False),
)


def case_name(model: str, connections: int) -> str:
    """As measurements have it."""
    return f"{model} c={connections}"


def run(run: Run) -> None:
    """Loads every subject, round after round."""
    turns = [
        (case, subject, turn)
        for turn in range(run.rounds)
        for case in CASES
        for subject in run.subjects
        if turn < (min(_SLOW_ROUNDS, case.most_rounds) if subject.is_slow else case.most_rounds)
        and (subject.predicts or case.with_echoes)
    ]
    models = {case.model: run.model(case.model) for case in CASES}
    with run.progress.step("throughput") as step:
        for done, (case, subject, _) in enumerate(turns):
            step.advance(done / len(turns))
            if not run.gave_up(case.model, subject.key):
                with run.turn(case.model, subject.key, subject.title):
                    measure(run, subject, models[case.model], case.connections)


def measure(run: Run, subject: Subject, model: Model, numbers: tuple[int, ...]) -> None:
    """Loads one subject by one number of clients after the other, and notes what it did."""
    with run.warm(subject, model) as (server, question):
        for connections in numbers:
            load, spent = steady(server, question, connections, run.seconds)
            run.add(
                case_name(model.name, connections),
                subject.key,
                per_second=load.per_second,
                p50_ms=load.p50_ms,
                p99_ms=load.p99_ms,
                cpu_s_per_1000=spent / load.requests * 1000,
            )


def steady(
    server: Server, question: Question, connections: int, seconds: int
) -> tuple[Load, float]:
    """A load with enough answers to each client, and the CPU seconds that it cost.

    Args:
        server: that is asked.
        question: what.
        connections: of the clients.
        seconds: of the load; it may take longer.

    Raises:
        LoadFailed: the server is too slow for that.
    """
    while True:
        before = cpu_seconds(server.pid)
        load = closed_loop(server.url(question), question, connections, seconds)
        spent = cpu_seconds(server.pid) - before
        if load.requests >= _ANSWERS_PER_CLIENT * connections:
            return load, spent
        if seconds >= _MOST_SECONDS:
            raise LoadFailed(
                f"{load.requests} answers to {connections} clients in {seconds} s are too few"
            )
        seconds = min(2 * seconds, _MOST_SECONDS)
