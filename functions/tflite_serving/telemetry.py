"""Telemetry of the function: JSON log lines, trace ids, timings."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

import orjson

_SEVERITIES = {"DEBUG": 0, "INFO": 1, "WARNING": 2, "ERROR": 3, "CRITICAL": 4}
# Version ff, and ids of nothing but zeros, are invalid.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0+-)([0-9a-f]{32})-(?!0+-)([0-9a-f]{16})-([0-9a-f]{2})"
)
_CLOUD_TRACE = re.compile(
    r"(?!0{32})([0-9a-f]{32})(?:/(\d{1,20}))?(?:;o=([01]))?", re.IGNORECASE | re.ASCII
)
# Ids must differ, and are no secret. It is seeded anew in each process.
_random = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_random.seed)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/=+-]{1,128}")


class Log:
    """Structured logging as Cloud Logging reads it: one JSON object a line.

    Source: https://cloud.google.com/logging/docs/structured-logging

    Args:
        stream: where lines go; the function's stdout, or None if the process was started without.
        level: the least severe lines that are written.
    """

    def __init__(self, stream: BinaryIO | None, level: str) -> None:
        self._stream = stream
        self._least = _SEVERITIES[level]
        self._has_failed = False

    def write(self, severity: str, message: str, **fields: Any) -> None:
        """Writes one line: what happened, and fields that Cloud Logging or people look for."""
        if self.writes(severity):
            self.write_entry({"severity": severity, "message": message, **fields})

    def writes(self, severity: str) -> bool:
        """Whether lines of this severity are written."""
        return _SEVERITIES[severity] >= self._least

    def write_entry(self, entry: Mapping[str, Any]) -> None:
        """Writes one line, in one call, so that lines of two threads do not mix.

        Never raises: a request is answered whether or not anybody can read of it.
        """
        try:
            if self._stream is None:
                raise OSError("it is closed")
            self._stream.write(_to_line(entry))
            self._stream.flush()
        except (OSError, ValueError) as error:  # the latter of a stream that was closed meanwhile
            self._tell_once(error)

    def _tell_once(self, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            with suppress(Exception):  # nobody is left to tell
                sys.stderr.write(f"log lines are lost: stdout cannot be written: {error}\n")


def _to_line(entry: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(entry, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Half a surrogate pair, or an integer beyond 64 bits: a log line must never fail because
        # of what it tells.
        return json.dumps(entry, default=str).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a request belongs to.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits, or "".
        sampled: whether the caller records it.
    """

    trace_id: str
    span_id: str
    sampled: bool

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Trace | None:
        """Reads W3C ``traceparent``, or Google's ``X-Cloud-Trace-Context``; None without them.

        Source: https://www.w3.org/TR/trace-context/#traceparent-header
        """
        text = headers.get("traceparent")
        w3c = _TRACEPARENT.fullmatch(text) if text else None
        if w3c:
            return cls(w3c[1], w3c[2], bool(int(w3c[3], 16) & 1))
        text = headers.get("x-cloud-trace-context")
        google = _CLOUD_TRACE.fullmatch(text) if text else None
        if google:
            number = int(google[2] or 0) % 2**64
            span = f"{number:016x}" if number else ""
            return cls(google[1].lower(), span, google[3] == "1")
        return None

    def log_fields(self, project: str) -> dict[str, Any]:
        """The fields that tie a log line to the trace."""
        name = f"projects/{project}/traces/{self.trace_id}" if project else self.trace_id
        fields: dict[str, Any] = {
            "logging.googleapis.com/trace": name,
            "logging.googleapis.com/trace_sampled": self.sampled,
        }
        if self.span_id:
            fields["logging.googleapis.com/spanId"] = self.span_id
        return fields


def request_id(headers: Mapping[str, str], trace: Trace | None) -> str:
    """The caller's ``X-Request-Id`` if it is harmless, else the trace id, else a new one."""
    given = headers.get("x-request-id")
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return trace.trace_id if trace else f"{_random.getrandbits(128):032x}"


class Timings:
    """Where one request's time went, in milliseconds by stage."""

    __slots__ = ("_at", "_stages", "_started")

    def __init__(self) -> None:
        self._started = self._at = time.perf_counter()
        self._stages: dict[str, float] = {}

    def start(self) -> None:
        """Starts a row of stages, which `lap` ends one after the other."""
        self._at = time.perf_counter()

    def lap(self, name: str) -> None:
        """Adds the time since the last `lap` or `start` to `name`: less costly than a block."""
        now = time.perf_counter()
        self._stages[name] = self._stages.get(name, 0.0) + (now - self._at) * 1000
        self._at = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to `name`, also when it fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add({name: (time.perf_counter() - began) * 1000})

    def add(self, milliseconds: Mapping[str, float]) -> None:
        """Adds times that were measured elsewhere."""
        for name, duration in milliseconds.items():
            self._stages[name] = self._stages.get(name, 0.0) + duration

    @property
    def total_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (time.perf_counter() - self._started) * 1000

    @property
    def stages(self) -> dict[str, float]:
        """Milliseconds by stage, rounded to the microsecond."""
        return {name: round(duration, 3) for name, duration in self._stages.items()}

    def server_timing(self) -> str:
        """The value of the ``Server-Timing`` header: milliseconds by stage, and in total.

        Source: https://www.w3.org/TR/server-timing/
        """
        self._stages["total"] = self.total_ms
        return _server_timing_of(tuple(self._stages)) % tuple(self._stages.values())


@lru_cache
def _server_timing_of(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name};dur=%.3f" for name in names)


def timings_json(server_timing: str) -> orjson.Fragment:
    """The value of a ``Server-Timing`` header as a JSON object, for the log.

    To write the numbers anew would cost more than the rest of the line.
    """
    return orjson.Fragment('{"' + server_timing.replace(";dur=", '":').replace(", ", ',"') + "}")
