"""What was promised, and whether it holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.serving import cold_start, large_tensor, memory, tail_latency, texts
from benchmarks.serving.large_tensor import BARE_LOOP, JSON_PARSE, latency_case
from benchmarks.serving.measurements import Measurements
from benchmarks.serving.questions import Encoding
from benchmarks.serving.subjects import ASGI, ECHO, FASTAPI, SUBJECTS, SWALLOW, WSGI
from benchmarks.serving.transformer import BATCHES, LENGTHS

DIGITS = "digits c=8"


@dataclass(frozen=True, slots=True)
class Goal:
    """One of them.

    Attributes:
        what: is compared.
        sign: which side of the limit is good.
        limit: in the unit of `measured`.
        measured: from all measurements; None if a part of it is missing.
        unit: behind the numbers; empty for ratios.
    """

    what: str
    sign: Literal["≥", "≤"]
    limit: float
    measured: Callable[[Measurements], float | None]
    unit: str = ""

    def is_reached(self, measured: float) -> bool:
        """Whether a number is on the good side."""
        return measured >= self.limit if self.sign == "≥" else measured <= self.limit


def others() -> list[str]:
    """Keys of the serving peers that are neither ours nor FastAPI."""
    return [s.key for s in SUBJECTS if s.predicts and s.key not in (ASGI, WSGI, FASTAPI)]


def _rate(peer: str) -> Callable[[Measurements], float | None]:
    return lambda found: found.ratio("throughput", DIGITS, "per_second", ASGI, peer)


def _worst_of_others(found: Measurements) -> float | None:
    ratios = [ratio for key in others() if (ratio := _rate(key)(found)) is not None]
    return min(ratios, default=None)


def _of_bare_loop(found: Measurements) -> float | None:
    case = large_tensor.THROUGHPUT
    return found.ratio("large-tensor", case, "per_second", ASGI, BARE_LOOP)


def added_ms(found: Measurements, encoding: Encoding) -> float | None:
    """Milliseconds that a client waits for anything but the model and the transport of its body.

    Args:
        found: all measurements.
        encoding: of the body.
    """
    case = latency_case(encoding)
    ours = found.median("large-tensor", case, ASGI, "outside_ms")
    transport = found.median("large-tensor", case, SWALLOW.key, "outside_ms")
    return None if ours is None or transport is None else ours - transport


def _added_to_json(found: Measurements) -> float | None:
    added = added_ms(found, "json")
    parsed = found.median("large-tensor", latency_case("json"), JSON_PARSE, "outside_ms")
    return None if added is None or parsed is None else added / parsed


def _started(key: str) -> Callable[[Measurements], float | None]:
    return lambda found: found.ratio("cold-start", cold_start.CASE, "seconds", key, ECHO)


def _worst_of_texts(found: Measurements) -> float | None:
    ratios = [
        found.ratio(texts.PART, texts.case_name(*case), "per_second", ASGI, FASTAPI)
        for case in itertools.product(LENGTHS, BATCHES, texts.CONNECTIONS)
    ]
    return min((ratio for ratio in ratios if ratio is not None), default=None)


GOALS = (
    Goal("requests/s, digits, c=8, against the functions-framework echo", "≥", 0.8, _rate(ECHO)),
    Goal("the same against FastAPI + ONNX Runtime", "≥", 2.0, _rate(FASTAPI)),
    Goal("the same against the fastest other serving peer", "≥", 4.0, _worst_of_others),
    Goal(
        "requests/s, MobileNetV2, npy body, c=4, against two interpreters in a bare loop",
        "≥",
        0.9,
        _of_bare_loop,
    ),
    Goal(
        "224×224×3 as JSON: added time against `json.loads` + `np.array`",
        "≤",
        1 / 8,
        _added_to_json,
    ),
    Goal("the same tensor as npy: added time", "≤", 1.0, lambda m: added_ms(m, "npy"), " ms"),
    Goal("cold start, baked, against the echo", "≤", 1.5, _started(cold_start.BAKED)),
    Goal("cold start, from a bucket, against the echo", "≤", 2.2, _started(cold_start.BUCKET)),
    Goal(
        "PSS after 10,000 requests, against the echo",
        "≤",
        1.8,
        lambda found: found.ratio("memory", memory.CASE, "pss_mib", ASGI, ECHO),
    ),
    Goal(
        "p99 against p50 at half of saturation, open loop",
        "≤",
        3.0,
        lambda found: found.median("open-loop", tail_latency.CASE, ASGI, "tail"),
    ),
    Goal(
        "requests/s, BERT, against FastAPI + ONNX Runtime + tokenizers, the worst of all lengths",
        "≥",
        1.0,
        _worst_of_texts,
    ),
)


def summary(found: Measurements) -> str:
    """All ratios of requests per second in one line."""
    ratios = [(s.title, _rate(s.key)(found)) for s in SUBJECTS if s.key != ASGI]
    shown = [f"{ratio:.2f} × {title}" for title, ratio in ratios if ratio is not None]
    if not shown:
        return "No throughput was measured."
    return f"Requests/s of tflite-functions (ASGI), digits, c=8: {'; '.join(shown)}."
