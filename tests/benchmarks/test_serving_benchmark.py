"""What the serving benchmark reads, concludes and writes; it starts no server."""

from __future__ import annotations

import io
import json
import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.compression.document import Picture, Table
from benchmarks.flame.__main__ import above_the_loop
from benchmarks.serving import goals, photo, photos, tables, texts
from benchmarks.serving.__main__ import _PARTS, _conclude
from benchmarks.serving.closed_loop import Load, LoadFailed, read_wrk
from benchmarks.serving.environments import ROOT, version
from benchmarks.serving.large_tensor import (
    BARE_LOOP,
    THROUGHPUT,
    latency_case,
    read_server_timing,
)
from benchmarks.serving.measurements import Measurement, Measurements, load
from benchmarks.serving.models import Model
from benchmarks.serving.open_loop import read_oha
from benchmarks.serving.plot import throughput_plot
from benchmarks.serving.processes import cpu_seconds, pss_mib, tree
from benchmarks.serving.questions import ask
from benchmarks.serving.server import SubjectFailed, new_port, running
from benchmarks.serving.subjects import ASGI, FASTAPI, SUBJECTS, SWALLOW, Start

DIGITS = "digits c=8"
WRK = """\
Running 2s test @ http://127.0.0.1:1/predict
found requests=9000 microseconds=2000000 p50=800 p99=4100 status=0 failed=0
"""
MODEL = Model(
    name="tiny",
    tflite=Path("model.tflite"),
    keras=Path("model.keras"),
    onnx=Path("model.onnx"),
    onnx_form="float32",
    instance=np.array([[0.1, 0.5]], dtype=np.float32),
    label="1",
)


def throughput(**rates: list[float]) -> Measurements:
    names = {name.replace("_", "-"): values for name, values in rates.items()}
    return Measurements(
        [
            Measurement("throughput", DIGITS, subject, "per_second", value)
            for subject, values in names.items()
            for value in values
        ]
    )


def oha(statuses: dict[str, int], errors: dict[str, int]) -> str:
    return json.dumps(
        {
            "summary": {"requestsPerSec": 99.5},
            "latencyPercentiles": {"p50": 0.001, "p99": 0.0035},
            "statusCodeDistribution": statuses,
            "errorDistribution": errors,
        }
    )


def test_wrk_tells_requests_per_second_and_milliseconds() -> None:
    assert read_wrk(WRK) == Load(requests=9000, per_second=4500.0, p50_ms=0.8, p99_ms=4.1)


@pytest.mark.parametrize("failure", ["status=0", "failed=0"])
def test_a_load_with_a_failed_request_is_no_measurement(failure: str) -> None:
    with pytest.raises(LoadFailed, match="9000 requests"):
        read_wrk(WRK.replace(failure, failure.replace("0", "3")))


def test_a_wrk_without_results_is_told() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        read_wrk("unable to connect to 127.0.0.1")


def test_oha_tells_the_same_in_seconds() -> None:
    found = read_oha(oha({"200": 199}, {}))
    assert found == Load(requests=199, per_second=99.5, p50_ms=1.0, p99_ms=3.5)


@pytest.mark.parametrize(
    ("statuses", "errors"), [({"200": 1, "503": 1}, {}), ({"200": 1}, {"timeout": 1}), ({}, {})]
)
def test_an_open_loop_with_failures_is_no_measurement(
    statuses: dict[str, int], errors: dict[str, int]
) -> None:
    with pytest.raises(LoadFailed):
        read_oha(oha(statuses, errors))


def test_server_timing_gives_milliseconds_by_stage() -> None:
    header = "parse;dur=0.12, infer;dur=4.000, total;dur=4.5"
    assert read_server_timing(header) == {"parse": 0.12, "infer": 4.0, "total": 4.5}
    assert read_server_timing("") == {}


def test_a_goal_compares_medians() -> None:
    found = throughput(asgi=[1.0, 90.0, 9000.0], echo=[100.0, 99.0, 5000.0])
    (table, _) = tables.goals(found)
    assert isinstance(table, Table)
    assert table.rows[0][1:] == ("≥ 0.8", "0.9", "yes")
    assert table.rows[1][2:] == ("not measured", "–")


def test_goals_of_parts_that_were_not_measured_stay_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    text = "\n".join(
        f"<!-- {name} begin -->\n\nformer\n\n<!-- {name} end -->"
        for name in ("environment", "goals", "subjects")
    )
    document.write_text(text, encoding="utf-8")
    told = io.StringIO()
    _conclude(throughput(asgi=[100.0], echo=[100.0]), document, Console(file=told, width=500))
    assert document.read_text(encoding="utf-8") == text
    assert "environment, goals, subjects stay as they are" in told.getvalue()
    whole = Measurements(runs=dict.fromkeys(_PARTS, "today"))
    _conclude(whole, document, Console(file=told))
    assert "former" not in document.read_text(encoding="utf-8")


def test_a_goal_that_is_missed_stands_out() -> None:
    (table, _) = tables.goals(throughput(asgi=[100.0], echo=[100.0], fastapi=[51.0]))
    assert isinstance(table, Table)
    assert [row[3] for row in table.rows[:2]] == ["yes", "**no**"]


def test_the_other_peers_are_judged_by_the_fastest() -> None:
    found = throughput(asgi=[100.0], mlserver=[50.0], bentoml=[10.0], keras_flask=[1.0])
    (table, _) = tables.goals(found)
    assert isinstance(table, Table)
    assert table.rows[2][2] == "2"


def test_added_time_is_without_the_model_and_without_transport() -> None:
    case = latency_case("npy")
    found = Measurements(
        [
            Measurement("large-tensor", case, "asgi", "outside_ms", 1.9),
            Measurement("large-tensor", case, "swallow", "outside_ms", 0.8),
        ]
    )
    assert goals.added_ms(found, "npy") == pytest.approx(1.1)
    assert goals.added_ms(found, "json") is None


def test_of_a_photo_every_stage_is_told_and_what_else_would_take() -> None:
    stages = {"p50_ms": 12.0, "p99_ms": 20.0, "decode_ms": 3.0, "resize_ms": 2.5, "infer_ms": 5.0}
    found = Measurements(
        [
            *(Measurement("photo", photo.CASE, ASGI, name, ms) for name, ms in stages.items()),
            Measurement("photo", photo.CASE, FASTAPI, "p50_ms", 14.0),
            Measurement("photo", photo.CASE, photo.ALONE, "decode_ms", 2.0),
            Measurement("photo", photo.CASE, "Keras, bilinear", "resize_ms", 0.6),
        ]
    )
    served, alone = tables.photos(found)
    assert isinstance(served, Table)
    assert isinstance(alone, Table)
    ours, theirs = (dict(zip(served.columns, row, strict=True)) for row in served.rows)
    assert (ours["p50 ms"], ours["decode"], ours["resize"], ours["infer"]) == (
        *("12.0", "3.00", "2.50", "5.00"),
    )
    assert (theirs["p50 ms"], theirs["decode"]) == ("14.0", "–")
    assert {row[0]: row[1] for row in alone.rows}["resize, Keras, bilinear"] == "0.60"


def test_a_photo_is_a_file_of_a_photos_size() -> None:
    data = photos.jpeg(0)
    assert 50_000 < len(data) < 500_000
    assert photos.as_fed(data).shape == (224, 224, 3)


def test_the_summary_has_every_ratio_in_one_line() -> None:
    line = goals.summary(throughput(asgi=[100.0], echo=[125.0], keras_flask=[2.0]))
    assert "0.80 × functions-framework echo; 50.00 × Keras behind Flask" in line
    assert "\n" not in line


def test_a_spread_is_the_median_and_the_range() -> None:
    assert tables.spread([3.0, 1000.0, 5.0], "{:,.0f}") == "5 (3–1,000)"
    assert tables.spread([3.0], "{:.1f}") == "3.0"
    assert tables.spread([], "{:.1f}") == "–"


def test_a_subject_that_failed_is_missing_and_the_document_says_why() -> None:
    found = throughput(asgi=[100.0], echo=[125.0])
    found.notes["throughput"] = ["BentoML, digits: no answer"]
    blocks = tables.throughput(found)
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["functions-framework echo", "tflite-functions, ASGI"]
    assert blocks[-1] == "Missing: BentoML, digits: no answer."


def test_a_new_run_of_a_part_replaces_the_former_one_alone(tmp_path: Path) -> None:
    found = throughput(asgi=[1.0])
    memory = Measurement("memory", "digits", "asgi", "pss_mib", 60.0)
    found.replace("memory", [memory], "2026-01-31", [])
    found.replace("throughput", [], "2026-02-01", ["nothing worked"])
    found.save(tmp_path / "results.json")
    again = load(tmp_path / "results.json")
    assert again.found == [memory]
    assert again.runs == {"memory": "2026-01-31", "throughput": "2026-02-01"}
    assert load(tmp_path / "none.json") == Measurements()


def test_the_plot_has_every_subject_and_follows_dark_mode() -> None:
    picture = throughput_plot(throughput(asgi=[4000.0], echo=[5000.0], keras_flask=[15.0]))
    assert isinstance(picture, Picture)
    svg = picture.svg.decode()
    assert "prefers-color-scheme: dark" in svg
    for text in ("Keras behind Flask", "5,000", "requests per second"):
        assert text in svg
    assert throughput_plot(Measurements()) is None


def test_the_same_numbers_are_asked_of_all_protocols() -> None:
    ours, inference = ask(MODEL, "instances"), ask(MODEL, "open_inference")
    assert json.loads(ours.body) == {"instances": [[0.1, 0.5]]}
    (tensor,) = json.loads(inference.body)["inputs"]
    assert (tensor["shape"], tensor["data"]) == ([1, 2], [0.1, 0.5])
    assert ask(MODEL, "echo").body == ours.body


def test_only_the_right_label_is_a_right_answer() -> None:
    ours, inference = ask(MODEL, "instances"), ask(MODEL, "open_inference")
    assert ours.is_right(b'{"predictions": [{"label": "1"}]}')
    assert not ours.is_right(b'{"predictions": [{"label": "0"}]}')
    assert inference.is_right(b'{"outputs": [{"data": [0.2, 0.8]}]}')
    assert not inference.is_right(b'{"outputs": [{"data": [0.8, 0.2]}]}')
    assert ask(MODEL, "echo").is_right(ours.body)
    assert not ask(MODEL, "echo").is_right(b"{}")


SERVER = """
import http.server, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@contextmanager
def own_server() -> Iterator[tuple[int, Start]]:
    port = new_port()
    yield port, Start([sys.executable, "-c", SERVER, str(port)])


def test_a_server_ends_with_all_its_processes() -> None:
    with own_server() as (port, start), running(start, port) as server:
        assert server.cold_start(ask(MODEL, "echo")) > 0
        members = tree(server.pid)
        assert len(members) == 2
        assert pss_mib(server.pid) > 1
        assert cpu_seconds(server.pid) > 0
    assert all(map(ends, members))


def ends(pid: int) -> bool:
    """Whether a process is over, or is within ten seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return select.select([descriptor], [], [], 10)[0] == [descriptor]
    finally:
        os.close(descriptor)


def test_a_server_with_a_wrong_answer_is_not_measured() -> None:
    with own_server() as (port, start), running(start, port) as server:
        body = b'{"predictions": [{"label": "0"}]}'
        wrong = replace(ask(MODEL, "instances"), body=body)
        with pytest.raises(SubjectFailed, match="expected class 1"):
            server.cold_start(wrong)


def test_a_server_that_ends_is_told_with_its_last_words() -> None:
    start = Start([sys.executable, "-c", "raise SystemExit('no such model')"])
    with running(start, 1) as server, pytest.raises(SubjectFailed, match="no such model"):
        server.cold_start(ask(MODEL, "echo"))


def test_every_subject_tells_versions_from_its_lock() -> None:
    for subject in SUBJECTS:
        assert re.match(r"[\w-]+ \d+\.\d+", subject.versions), subject.key
    with pytest.raises(ValueError, match="has no django"):
        version("bentoml", "django")


def test_of_texts_the_worst_length_is_the_goal() -> None:
    rates = {8: (30.0, 10.0), 32: (12.0, 10.0), 128: (19.0, 10.0)}
    found = Measurements(
        [
            Measurement("texts", texts.case_name(length, 1, 8), key, "per_second", value)
            for length, pair in rates.items()
            for key, value in zip((ASGI, FASTAPI), pair, strict=True)
        ]
    )
    (table, _) = tables.goals(found)
    assert isinstance(table, Table)
    assert table.rows[-1][2:] == ("1.2", "yes")
    (rows,) = tables.of_texts(found)
    assert isinstance(rows, Table)
    assert [(row[0], row[3]) for row in rows.rows] == [
        *(("8 × 1", "3.00"), ("8 × 1", "1.00")),
        *(("32 × 1", "1.20"), ("32 × 1", "1.00")),
        *(("128 × 1", "1.90"), ("128 × 1", "1.00")),
    ]


def test_every_lock_of_a_peer_has_hashes() -> None:
    locks = list((ROOT / "benchmarks" / "serving").rglob("requirements.txt"))
    assert len(locks) == 8
    for lock in locks:
        text = lock.read_text()
        pins = re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)
        hashed = re.findall(r"^[a-z0-9].*==.*\\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(pins) == len(hashed) > 0, lock


def test_the_document_has_a_place_for_every_part() -> None:
    text = (ROOT / "docs" / "6-serving-performance.md").read_text()
    for name in (*tables.BLOCKS, "environment", "goals", "subjects"):
        assert text.count(f"<!-- {name} begin -->") == 1
        assert text.count(f"<!-- {name} end -->") == 1


def test_a_flame_graph_begins_at_the_event_loop() -> None:
    stacks = (
        "<module> (x.py:1);Runner.run (asyncio/runners.py:86);a (b.py:1) 3\n"
        "<module> (x.py:1);Runner.run (asyncio/runners.py:86) 2\n"
        "Thread.run (threading.py:1) 1\n"
    )
    assert above_the_loop(stacks) == "event loop;a (b.py:1) 3\nevent loop 2"


def test_who_reads_and_runs_cannot_be_faster_than_both_in_turn() -> None:
    found = Measurements()
    for key, rate in ((BARE_LOOP, 300.0), (SWALLOW.key, 600.0)):
        measured = Measurement("large-tensor", THROUGHPUT, key, "per_second", rate)
        found.replace("large-tensor", [*found.found, measured], "2026-01-31", [])
    assert tables.in_turn(found) == (200.0, 2 / 3)
    assert tables.in_turn(Measurements()) is None
