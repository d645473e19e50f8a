"""What was measured: one list of numbers with names, from which every table is made."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of one round.

    Attributes:
        part: of the benchmark, such as "throughput".
        case: what was asked and how, such as "digits c=8".
        subject: key of who was asked.
        metric: what the number is, with its unit, such as "p50_ms".
        value: the number.
    """

    part: str
    case: str
    subject: str
    metric: str
    value: float


@dataclass(slots=True)
class Measurements:
    """All of them.

    Attributes:
        found: in the order in which they were measured.
        runs: by part, when and how it was measured.
        notes: by part, what is missing and why.
    """

    found: list[Measurement] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def values(self, part: str, case: str, subject: str, metric: str) -> list[float]:
        """The numbers of all rounds; empty if there are none."""
        wanted = (part, case, subject, metric)
        return [m.value for m in self.found if (m.part, m.case, m.subject, m.metric) == wanted]

    def median(self, part: str, case: str, subject: str, metric: str) -> float | None:
        """Over all rounds; None if it was not measured."""
        values = self.values(part, case, subject, metric)
        return statistics.median(values) if values else None

    def ratio(
        self, part: str, case: str, metric: str, subject: str, to: str, to_case: str | None = None
    ) -> float | None:
        """The median of one subject divided by that of another; None if one is missing."""
        above = self.median(part, case, subject, metric)
        below = self.median(part, to_case or case, to, metric)
        return above / below if above is not None and below else None

    def replace(self, part: str, found: Iterable[Measurement], run: str, notes: list[str]) -> None:
        """Puts a new run of a part in the place of the former one."""
        self.found = [m for m in self.found if m.part != part] + list(found)
        self.runs[part] = run
        self.notes[part] = notes

    def save(self, path: Path) -> None:
        """Writes all of it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def load(path: Path) -> Measurements:
    """Reads what `Measurements.save` wrote; nothing if there is no such file."""
    if not path.exists():
        return Measurements()
    document = json.loads(path.read_text(encoding="utf-8"))
    found = [Measurement(**one) for one in document["found"]]
    return Measurements(found, document["runs"], document["notes"])
