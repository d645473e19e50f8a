"""Log lines, traces, request ids, timings."""

from __future__ import annotations

import io
import json
import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite_serving.telemetry import Log, Timings, Trace, request_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SEVERITIES = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class Lines:
    """A stream that remembers each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.flushes = 0

    def write(self, text: bytes) -> int:
        self.writes.append(text)
        return len(text)

    def flush(self) -> None:
        self.flushes += 1


def test_a_line_is_one_write_of_one_json_object() -> None:
    stream = Lines()
    Log(stream, "INFO").write("WARNING", "two\nlines", code=7, nested={"a": [1]})  # type: ignore[arg-type]
    (line,) = stream.writes
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "severity": "WARNING",
        "message": "two\nlines",
        "code": 7,
        "nested": {"a": [1]},
    }
    assert stream.flushes == 1


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left"), ValueError("closed")],
)
def test_a_line_that_cannot_be_written_is_told_of_once_and_stops_nobody(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Lines):
        def flush(self) -> None:
            raise error

    log = Log(Broken(), "INFO")  # type: ignore[arg-type]
    for _ in range(3):
        log.write("ERROR", "m")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert str(error) in told


def test_without_a_stream_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Log(None, "INFO").write("ERROR", "m")
    assert capsys.readouterr().err == "log lines are lost: stdout cannot be written: it is closed\n"


@pytest.mark.parametrize("level", SEVERITIES)
def test_only_lines_from_the_level_on_are_written(level: str) -> None:
    stream = io.BytesIO()
    log = Log(stream, level)
    for severity in SEVERITIES:
        log.write(severity, "m")
    written = [json.loads(line)["severity"] for line in stream.getvalue().splitlines()]
    assert written == SEVERITIES[SEVERITIES.index(level) :]


@given(st.text() | st.sampled_from(["\ud800", "→ ä", "\x00\x1b"]))
def test_any_text_can_be_logged(text: str) -> None:
    stream = io.BytesIO()
    Log(stream, "INFO").write("INFO", text, text=text, huge=2**64)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {"severity": "INFO", "message": text, "text": text, "huge": 2**64}


def test_what_is_no_json_is_logged_as_text() -> None:
    stream = io.BytesIO()
    Log(stream, "INFO").write("INFO", "m", error=ValueError("x"), kinds={1})
    assert json.loads(stream.getvalue())["error"] == "x"


def test_lines_of_many_threads_stay_whole() -> None:
    stream = Lines()
    log = Log(stream, "INFO")  # type: ignore[arg-type]

    def work() -> None:
        for _ in range(50):
            log.write("INFO", "m" * 100)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stream.writes) == 400
    assert all(json.loads(line)["message"] == "m" * 100 for line in stream.writes)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, Trace(TRACE, SPAN, sampled=True)),
        ({"traceparent": f"00-{TRACE}-{SPAN}-02"}, Trace(TRACE, SPAN, sampled=False)),
        ({"traceparent": f"cc-{TRACE}-{SPAN}-00"}, Trace(TRACE, SPAN, sampled=False)),
        ({"x-cloud-trace-context": f"{TRACE}/10;o=1"}, Trace(TRACE, f"{10:016x}", sampled=True)),
        ({"x-cloud-trace-context": f"{TRACE.upper()}/1"}, Trace(TRACE, f"{1:016x}", sampled=False)),
        ({"x-cloud-trace-context": f"{TRACE};o=0"}, Trace(TRACE, "", sampled=False)),
        ({"x-cloud-trace-context": f"{TRACE}/0;o=1"}, Trace(TRACE, "", sampled=True)),
        ({"x-cloud-trace-context": TRACE}, Trace(TRACE, "", sampled=False)),
        (
            {
                "traceparent": f"00-{TRACE}-{SPAN}-01",
                "x-cloud-trace-context": f"{'1' * 32}/1;o=1",
            },
            Trace(TRACE, SPAN, sampled=True),
        ),
        (
            {"traceparent": "nonsense", "x-cloud-trace-context": f"{TRACE}/1;o=1"},
            Trace(TRACE, f"{1:016x}", sampled=True),
        ),
    ],
)
def test_a_trace_is_read_from_either_header(headers: dict[str, str], expected: Trace) -> None:
    assert Trace.from_headers(headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": ""},
        {"traceparent": f"00-{TRACE}-{SPAN}"},
        {"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{SPAN}-01\n"},
        {"traceparent": f"ff-{TRACE}-{SPAN}-01"},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
        {"traceparent": f"00-{TRACE[:-1]}-{SPAN}-01"},
        {"x-cloud-trace-context": "0" * 32},
        {"x-cloud-trace-context": f"{TRACE}/abc"},
        {"x-cloud-trace-context": f"{TRACE}/1;o=2"},
        {"x-cloud-trace-context": f"{TRACE}/{'9' * 21}"},
        {"x-cloud-trace-context": f"{TRACE}/٣"},
    ],
)
def test_malformed_trace_headers_are_ignored(headers: dict[str, str]) -> None:
    assert Trace.from_headers(headers) is None


@given(st.text(), st.text())
def test_any_header_is_a_trace_or_none(w3c: str, google: str) -> None:
    Trace.from_headers({"traceparent": w3c, "x-cloud-trace-context": google})


def test_a_span_number_beyond_64_bits_is_cut() -> None:
    trace = Trace.from_headers({"x-cloud-trace-context": f"{TRACE}/{2**64 + 5}"})
    assert trace is not None
    assert trace.span_id == f"{5:016x}"


@pytest.mark.parametrize(
    ("project", "span", "expected"),
    [
        (
            "p",
            SPAN,
            {
                "logging.googleapis.com/trace": f"projects/p/traces/{TRACE}",
                "logging.googleapis.com/trace_sampled": True,
                "logging.googleapis.com/spanId": SPAN,
            },
        ),
        (
            "",
            "",
            {
                "logging.googleapis.com/trace": TRACE,
                "logging.googleapis.com/trace_sampled": True,
            },
        ),
    ],
)
def test_a_log_line_is_tied_to_its_trace(project: str, span: str, expected: dict[str, Any]) -> None:
    assert Trace(TRACE, span, sampled=True).log_fields(project) == expected


@pytest.mark.parametrize("given_id", ["a", "9f-_.:/=+Z", "x" * 128])
def test_a_harmless_request_id_is_kept(given_id: str) -> None:
    assert request_id({"x-request-id": given_id}, None) == given_id


@pytest.mark.parametrize(
    "given_id", ["", "a\r\nSet-Cookie: x", "x\n", "x" * 129, "é", 'a"b', "a b", "\x00"]
)
def test_a_hostile_request_id_is_replaced(given_id: str) -> None:
    trace = Trace(TRACE, SPAN, sampled=False)
    assert request_id({"x-request-id": given_id}, trace) == TRACE
    assert re.fullmatch("[0-9a-f]{32}", request_id({"x-request-id": given_id}, None))


def test_made_request_ids_differ() -> None:
    assert request_id({}, None) != request_id({}, None)


def test_stages_add_up_and_are_told_in_order() -> None:
    timings = Timings()
    with timings.stage("parse"):
        pass
    timings.add({"load": 1.5})
    timings.add({"load": 0.25, "infer": 2})
    assert timings.stages["load"] == 1.75
    header = timings.server_timing()
    entry = r"[a-z_]+;dur=\d+\.\d{3}"
    assert re.fullmatch(f"{entry}(, {entry})*", header)
    assert [part.partition(";")[0] for part in header.split(", ")] == [
        "parse",
        "load",
        "infer",
        "total",
    ]
    assert "load;dur=1.750" in header


def test_a_stage_that_fails_is_counted() -> None:
    timings = Timings()
    with pytest.raises(ValueError, match="x"), timings.stage("parse"):
        raise ValueError("x")
    assert timings.stages["parse"] >= 0


def test_the_total_grows() -> None:
    timings = Timings()
    assert 0 <= timings.total_ms <= timings.total_ms
