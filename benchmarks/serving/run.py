"""What every part of the benchmark is given: whom to measure, how often, and where to tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.serving.closed_loop import LoadFailed, closed_loop
from benchmarks.serving.environments import EnvironmentMissing
from benchmarks.serving.measurements import Measurement
from benchmarks.serving.models import Model, model
from benchmarks.serving.questions import Encoding, Question, ask
from benchmarks.serving.server import Server, SubjectFailed, new_port, serving
from benchmarks.serving.subjects import Subject
from model_export import Progress

_WARM_UP_CONNECTIONS = 8
_WARM_UP_SECONDS = 1
_NOTE = 160


@dataclass(slots=True)
class Run:
    """One run of one part.

    Attributes:
        part: its name.
        subjects: whom to measure.
        rounds: how often.
        seconds: of each load.
        progress: told of the steps.
        found: what was measured.
        notes: what is missing, and why.
    """

    part: str
    subjects: Sequence[Subject]
    rounds: int
    seconds: int
    progress: Progress
    found: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _failed: set[tuple[str, str]] = field(default_factory=set)

    def add(self, case: str, subject: str, **values: float) -> None:
        """Notes numbers by their metrics."""
        self.found += [Measurement(self.part, case, subject, m, v) for m, v in values.items()]

    def has(self, key: str) -> bool:
        """Whether a subject takes part."""
        return any(subject.key == key for subject in self.subjects)

    def model(self, name: str) -> Model:
        """One of the models."""
        return model(name, self.progress)

    @contextmanager
    def turn(self, case: str, subject: str, title: str) -> Iterator[None]:
        """What goes wrong with one subject is noted, and the others have their turns."""
        try:
            yield
        except (SubjectFailed, LoadFailed, EnvironmentMissing) as error:
            self._failed.add((case, subject))
            self.notes.append(f"{title}, {case}: {_short(str(error))}")
            self.progress.log(f"{title}, {case}: {error}")

    def gave_up(self, case: str, subject: str) -> bool:
        """Whether a subject failed in an earlier turn."""
        return (case, subject) in self._failed

    @contextmanager
    def warm(
        self, subject: Subject, model: Model, encoding: Encoding = "json"
    ) -> Iterator[tuple[Server, Question]]:
        """A server that has answered rightly, and then some."""
        question, port = ask(model, subject.protocol, encoding), new_port()
        with serving(subject.start(model, port), port, question) as server:
            url = server.url(question)
            closed_loop(url, question, _WARM_UP_CONNECTIONS, _WARM_UP_SECONDS)
            yield server, question


def _short(message: str) -> str:
    return message.splitlines()[0][:_NOTE].rstrip(".")
