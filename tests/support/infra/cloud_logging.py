"""What Cloud Logging makes of the function's lines, and how its filters choose among them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
_PREFIX = "logging.googleapis.com/"
# Fields that leave the line: into which field of the entry.
_SPECIAL = {
    "severity": "severity",
    "httpRequest": "httpRequest",
    "time": "timestamp",
    f"{_PREFIX}insertId": "insertId",
    f"{_PREFIX}labels": "labels",
    f"{_PREFIX}operation": "operation",
    f"{_PREFIX}sourceLocation": "sourceLocation",
    f"{_PREFIX}spanId": "spanId",
    f"{_PREFIX}trace": "trace",
    f"{_PREFIX}trace_sampled": "traceSampled",
}
_CLAUSE = re.compile(r'([A-Za-z][\w.]*)(=~|>=|=|:)("(?:[^"\\]|\\.)*"|[\w.*]+)')


def log_entry(
    line: Mapping[str, Any],
    service: str,
    region: str = "europe-west1",
    project: str = "example-project",
    log: str = "stdout",
) -> dict[str, Any]:
    """A JSON line of a function on Cloud Run, as Cloud Logging keeps it.

    Source: https://cloud.google.com/logging/docs/structured-logging#special-payload-fields

    Args:
        line: what the function wrote.
        service: the function's name.
        region: where it runs.
        project: that it runs in.
        log: the stream that it wrote to.
    """
    entry: dict[str, Any] = {
        "logName": f"projects/{project}/logs/run.googleapis.com%2F{log}",
        "resource": {
            "type": "cloud_run_revision",
            "labels": {"service_name": service, "location": region, "project_id": project},
        },
    }
    entry.update({_SPECIAL[key]: value for key, value in line.items() if key in _SPECIAL})
    payload = {key: value for key, value in line.items() if key not in _SPECIAL}
    if payload.keys() == {"message"}:
        entry["textPayload"] = payload["message"]
    else:
        entry["jsonPayload"] = payload
    return entry


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison, such as ``httpRequest.status>=400``."""

    path: str
    operator: str
    value: str

    def accepts(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry is as the clause says; what it lacks never is."""
        found = field(entry, self.path)
        if found is None:
            return False
        if self.operator == ":":
            assert self.value == "*", "only whether a field is there is known here"
            return True
        if self.operator == "=~":
            return re.search(self.value, str(found)) is not None
        if self.path == "severity":
            found, value = _SEVERITIES.index(found), _SEVERITIES.index(self.value)
            return bool(found >= value if self.operator == ">=" else found == value)
        if self.operator == ">=":
            return float(found) >= float(self.value)
        return str(found) == self.value


@dataclass(frozen=True, slots=True)
class Filter:
    """Clauses that must all hold, on a line each or with AND between them.

    Source: https://cloud.google.com/logging/docs/view/logging-query-language
    """

    clauses: tuple[Clause, ...]

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Reads a filter; one that uses more of the language than is known here fails."""
        clauses = []
        for part in re.split(r"\n| AND ", text):
            found = _CLAUSE.fullmatch(part.strip())
            assert found, f"cannot read the clause {part!r}"
            path, operator, value = found.groups()
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            clauses.append(Clause(path, operator, value))
        return cls(tuple(clauses))

    def accepts(self, entry: Mapping[str, Any]) -> bool:
        """Whether the entry is one that the filter chooses."""
        return all(clause.accepts(entry) for clause in self.clauses)


def field(entry: Mapping[str, Any], path: str) -> Any:
    """What is at a dotted path of an entry; None if there is nothing."""
    found: Any = entry
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def extract(entry: Mapping[str, Any], extractor: str) -> Any:
    """What an extractor such as ``EXTRACT(jsonPayload.code)`` takes from an entry."""
    found = re.fullmatch(r"EXTRACT\(([\w.]+)\)", extractor)
    assert found, f"cannot read the extractor {extractor!r}"
    return field(entry, found[1])
