"""The blocks of the document, from the measurements."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks.compression.document import Block, Table
from benchmarks.serving import batching as batched
from benchmarks.serving import cold_start, large_tensor, memory, photo, tail_latency, texts
from benchmarks.serving.goals import GOALS, added_ms, summary
from benchmarks.serving.large_tensor import (
    BARE_LOOP,
    JSON_PARSE,
    SIMDJSON_PARSE,
    latency_case,
)
from benchmarks.serving.measurements import Measurements
from benchmarks.serving.models import onnx_forms
from benchmarks.serving.plot import throughput_plot
from benchmarks.serving.subjects import (
    ASGI,
    BATCHING,
    ECHO,
    FASTAPI,
    SUBJECTS,
    SWALLOW,
    Subject,
)
from benchmarks.serving.throughput import CASES, case_name
from benchmarks.serving.transformer import BATCHES, LENGTHS

_MISSING = "–"


def goals(found: Measurements) -> list[Block]:
    """Each goal, what was measured, and whether it is reached."""
    rows = []
    for goal in GOALS:
        measured = goal.measured(found)
        limit = f"{goal.sign} {goal.limit:.3g}{goal.unit}"
        if measured is None:
            rows.append((goal.what, limit, "not measured", _MISSING))
        else:
            reached = "yes" if goal.is_reached(measured) else "**no**"
            rows.append((goal.what, limit, f"{measured:.3g}{goal.unit}", reached))
    return [Table(("goal", "limit", "measured", "reached"), tuple(rows)), summary(found)]


def subjects() -> list[Block]:
    """Who took part, and what each consists of."""
    rows = tuple((f"`{s.key}`", s.title, s.versions) for s in SUBJECTS)
    forms = "; ".join(f"{form} for `{name}`" for name, form in onnx_forms().items())
    return [Table(("key", "subject", "versions"), rows, left=3), f"ONNX Runtime has {forms}."]


def throughput(found: Measurements) -> list[Block]:
    """The plot, and a table for each model and number of clients."""
    blocks: list[Block] = []
    picture = throughput_plot(found)
    if picture is not None:
        blocks.append(picture)
    for case in CASES:
        for connections in case.connections:
            blocks += _throughput(found, case_name(case.model, connections))
    return [*blocks, *_notes(found, "throughput")]


def _throughput(found: Measurements, case: str) -> list[Block]:
    # Echoes have no part where the model is most of the work.
    to = ECHO if found.values("throughput", case, ECHO, "per_second") else FASTAPI
    cells = _Cells(found, "throughput", case, to)
    against = f"against {'the echo' if to == ECHO else 'FastAPI'}"
    columns = (case, "requests/s", against, "p50 ms", "p99 ms", "CPU s per 1,000")
    rows = [
        (
            subject.title,
            cells.spread(subject.key, "per_second", "{:,.0f}"),
            cells.ratio(subject.key, "per_second"),
            cells.median(subject.key, "p50_ms", "{:.2f}"),
            cells.median(subject.key, "p99_ms", "{:.2f}"),
            cells.median(subject.key, "cpu_s_per_1000", "{:.3f}"),
        )
        for subject in SUBJECTS
        if cells.has(subject.key, "per_second")
    ]
    return [Table(columns, tuple(rows))] if rows else []


def batching(found: Measurements) -> list[Block]:
    """A table for each model and number of clients."""
    blocks: list[Block] = []
    for model, numbers in batched.CASES:
        for case in (case_name(model, connections) for connections in numbers):
            cells = _Cells(found, "batching", case, to=ASGI)
            rows = [
                (
                    subject.title,
                    cells.spread(subject.key, "per_second", "{:,.0f}"),
                    cells.ratio(subject.key, "per_second"),
                    cells.median(subject.key, "p50_ms", "{:.2f}"),
                    cells.median(subject.key, "p99_ms", "{:.2f}"),
                )
                for subject in (*SUBJECTS, *BATCHING)
                if cells.has(subject.key, "per_second")
            ]
            columns = (case, "requests/s", "against no window", "p50 ms", "p99 ms")
            blocks += [Table(columns, tuple(rows))] if rows else []
    return [*blocks, *_notes(found, "batching")]


def open_loop(found: Measurements) -> list[Block]:
    """Latency at half of saturation."""
    cells = _Cells(found, "open-loop", tail_latency.CASE)
    columns = ("digits", "saturation, requests/s", "arrivals/s", "p50 ms", "p99 ms", "p99 / p50")
    rows = [
        (
            subject.title,
            cells.median(subject.key, "saturation", "{:,.0f}"),
            cells.median(subject.key, "per_second", "{:,.0f}"),
            cells.spread(subject.key, "p50_ms", "{:.2f}"),
            cells.spread(subject.key, "p99_ms", "{:.2f}"),
            cells.median(subject.key, "tail", "{:.1f}"),
        )
        for subject in SUBJECTS
        if cells.has(subject.key, "p99_ms")
    ]
    return [Table(columns, tuple(rows)), *_notes(found, "open-loop")]


def cold_starts(found: Measurements) -> list[Block]:
    """Seconds to the first answer."""
    cells = _Cells(found, "cold-start", cold_start.CASE)
    rows = [
        (
            subject.title,
            cells.spread(subject.key, "seconds", "{:.3f}"),
            cells.ratio(subject.key, "seconds"),
            str(cells.count(subject.key, "seconds")),
        )
        for subject in _with_variants()
        if cells.has(subject.key, "seconds")
    ]
    columns = ("digits", "seconds to the first answer", "against the echo", "starts")
    return [Table(columns, tuple(rows)), *_notes(found, "cold-start")]


def memories(found: Measurements) -> list[Block]:
    """PSS of all processes."""
    cells = _Cells(found, "memory", memory.CASE)
    rows = [
        (
            subject.title,
            cells.median(subject.key, "pss_mib", "{:.0f}"),
            cells.ratio(subject.key, "pss_mib"),
            cells.median(subject.key, "requests", "{:,.0f}"),
        )
        for subject in SUBJECTS
        if cells.has(subject.key, "pss_mib")
    ]
    columns = ("digits", "PSS MiB", "against the echo", "after requests")
    return [Table(columns, tuple(rows)), *_notes(found, "memory")]


def large_tensors(found: Measurements) -> list[Block]:
    """Throughput against the bare loop, and where the time of one request goes."""
    cells = _Cells(found, "large-tensor", large_tensor.THROUGHPUT, to=BARE_LOOP)
    titles = {BARE_LOOP: "two interpreters in a bare loop"}
    titles |= {subject.key: subject.title for subject in (*SUBJECTS, SWALLOW)}
    rows = [
        (
            titles[key],
            cells.spread(key, "per_second", "{:.0f}"),
            cells.ratio(key, "per_second"),
            cells.median(key, "p50_ms", "{:.1f}"),
            cells.median(key, "p99_ms", "{:.1f}"),
        )
        for key in (BARE_LOOP, SWALLOW.key, ASGI, FASTAPI)
        if cells.has(key, "per_second")
    ]
    bound = in_turn(found)
    if bound is not None:
        row = ("the bare loop and the reader in turn", f"{bound[0]:.0f}", f"{bound[1]:.2f}")
        rows.insert(2, (*row, _MISSING, _MISSING))
    columns = ("npy body, c=4", "requests/s", "against the bare loop", "p50 ms", "p99 ms")
    return [Table(columns, tuple(rows)), *_latencies(found), *_notes(found, "large-tensor")]


def photos(found: Measurements) -> list[Block]:
    """What the client waits for, where it goes, and what other ways to do its parts would take."""
    cells = _Cells(found, "photo", photo.CASE)
    titles = {subject.key: subject.title for subject in SUBJECTS}
    rows = [
        (
            titles[key],
            cells.spread(key, "p50_ms", "{:.1f}"),
            cells.median(key, "p99_ms", "{:.1f}"),
            *[cells.median(key, f"{stage}_ms", "{:.2f}") for stage in photo.STAGES],
        )
        for key in (ASGI, FASTAPI)
        if cells.has(key, "p50_ms")
    ]
    columns = (f"{photo.CASE}, one client", "p50 ms", "p99 ms", *photo.STAGES)
    ways = [
        ("decode, as it is", cells.median(photo.ALONE, "decode_ms", "{:.2f}")),
        (
            "decode at half the resolution (`draft`)",
            cells.median(photo.ALONE, "draft_ms", "{:.2f}"),
        ),
        *[
            (f"resize, {title}", cells.median(title, "resize_ms", "{:.2f}"))
            for title in ("Pillow, bilinear", *(title for title, _, _ in photo.METHODS))
        ],
    ]
    alone = Table(("alone, without a server", "ms"), tuple(ways))
    return [Table(columns, tuple(rows)), alone, *_notes(found, "photo")]


def in_turn(found: Measurements) -> tuple[float, float] | None:
    """Requests per second of whoever first reads a body and then runs the model, and no more.

    Both take all processors, so that nobody who has to do both can be faster.

    Returns:
        that, and its ratio to the bare loop.
    """
    case = large_tensor.THROUGHPUT
    reads = found.median("large-tensor", case, SWALLOW.key, "per_second")
    runs = found.median("large-tensor", case, BARE_LOOP, "per_second")
    if reads is None or runs is None:
        return None
    return reads * runs / (reads + runs), reads / (reads + runs)


def _latencies(found: Measurements) -> list[Block]:
    rows = []
    for encoding in large_tensor.ENCODINGS:
        cells = _Cells(found, "large-tensor", latency_case(encoding))
        own = cells.median(ASGI, "inside_ms", "{:.2f}")
        added = added_ms(found, encoding)
        rows += [
            (encoding, "waited by the client, without `infer`", cells.ms(ASGI)),
            (encoding, "waited for an echo that only reads the body", cells.ms(SWALLOW.key)),
            (encoding, "waited for an echo that returns the body", cells.ms(ECHO)),
            (encoding, "**added**: the first less the second", _number(added, "{:.2f}")),
            (encoding, "by the function's own clock, `total` without `infer`", own),
            (encoding, "`infer`", cells.median(ASGI, "infer_ms", "{:.2f}")),
        ]
        if encoding == "json":
            rows.append((encoding, "`json.loads` + `np.array`", cells.ms(JSON_PARSE)))
            rows.append((encoding, "simdjson into one buffer, alone", cells.ms(SIMDJSON_PARSE)))
    columns = ("body", "one client at a time", "ms")
    return [Table(columns, tuple(row for row in rows if row[2] != _MISSING), left=2)]


def of_texts(found: Measurements) -> list[Block]:
    """A table for each number of clients: who answers how fast at each length."""
    blocks: list[Block] = []
    for connections in texts.CONNECTIONS:
        rows = []
        for length in LENGTHS:
            for batch in BATCHES:
                case = texts.case_name(length, batch, connections)
                cells = _Cells(found, texts.PART, case, to=FASTAPI)
                rows += [
                    (
                        f"{length} × {batch}",
                        title,
                        cells.spread(key, "per_second", "{:,.1f}"),
                        cells.ratio(key, "per_second"),
                        cells.median(key, "p50_ms", "{:.2f}"),
                    )
                    for key, title in texts.TITLES.items()
                    if cells.has(key, "per_second")
                ]
        columns = (
            f"tokens × texts, c={connections}",
            "",
            "requests/s",
            "against FastAPI",
            "p50 ms",
        )
        blocks += [Table(columns, tuple(rows), left=2)] if rows else []
    return [*blocks, *_notes(found, texts.PART)]


BLOCKS: dict[str, Callable[[Measurements], list[Block]]] = {
    "throughput": throughput,
    "batching": batching,
    "open-loop": open_loop,
    "cold-start": cold_starts,
    "memory": memories,
    "large-tensor": large_tensors,
    "photo": photos,
    texts.PART: of_texts,
}
"""By part."""


class _Cells:
    """What one case says, as text.

    Args:
        found: all measurements.
        part, case: of them.
        to: key of the subject that ratios compare with.
    """

    def __init__(self, found: Measurements, part: str, case: str, to: str = ECHO) -> None:
        self._found, self._part, self._case, self._to = found, part, case, to

    def has(self, key: str, metric: str) -> bool:
        return bool(self._values(key, metric))

    def count(self, key: str, metric: str) -> int:
        return len(self._values(key, metric))

    def median(self, key: str, metric: str, form: str) -> str:
        return _number(self._found.median(self._part, self._case, key, metric), form)

    def ms(self, key: str) -> str:
        return self.median(key, "outside_ms", "{:.2f}")

    def spread(self, key: str, metric: str, form: str) -> str:
        """The median, and the range if there is one."""
        return spread(self._values(key, metric), form)

    def ratio(self, key: str, metric: str) -> str:
        return _number(self._found.ratio(self._part, self._case, metric, key, self._to), "{:.2f}")

    def _values(self, key: str, metric: str) -> list[float]:
        return self._found.values(self._part, self._case, key, metric)


def spread(values: Sequence[float], form: str) -> str:
    """A median with its range, such as ``5 (3–8)``."""
    if not values:
        return _MISSING
    middle = form.format(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))}–{form.format(max(values))})"


def _number(value: float | None, form: str) -> str:
    return _MISSING if value is None else form.format(value)


def _notes(found: Measurements, part: str) -> list[Block]:
    return [f"Missing: {note}." for note in found.notes.get(part, [])]


def _with_variants() -> list[Subject]:
    ours = next(place for place, subject in enumerate(SUBJECTS) if subject.key == ASGI)
    importing, *elsewhere = cold_start.variants()
    return [*SUBJECTS[:ours], importing, SUBJECTS[ours], *elsewhere, *SUBJECTS[ours + 1 :]]
