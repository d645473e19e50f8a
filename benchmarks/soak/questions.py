"""What clients ask, rightly and wrongly: whole requests as bytes, each with the answer it must get.

Everything is made before the load begins, so that a request costs its client next to nothing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.serving.models import Model

_SMALL = "/models/digits/predict"
_IMAGES = "/models/mobilenet/predict"
_JSON, _NPY = "application/json", "application/x-npy"
_LIMIT = 32 * 2**20  # the default of MAX_REQUEST_BYTES
_GET = "GET"
_POST = "POST"


class Leaving(Enum):
    """When a client goes away."""

    NEVER = "never"
    BEFORE_THE_ANSWER = "before the answer"
    IN_THE_BODY = "in the body"


@dataclass(frozen=True, slots=True)
class Question:
    """A request and what must come back.

    Attributes:
        kind: what it is counted under.
        request: all of its bytes; of a client that leaves in the body, the bytes that it sends.
        status: that must be answered.
        code: of the error that must be answered; "" if it is none.
        rows: what a model is asked about, [batch, …]; None if it is asked about nothing.
        model: its name.
        leaving: when the client goes away.
        is_huge: whether only a few may be under way at once.
    """

    kind: str
    request: bytes
    status: int = 200
    code: str = ""
    rows: npt.NDArray[np.float32] | None = None
    model: str = ""
    leaving: Leaving = Leaving.NEVER
    is_huge: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """A kind of question, and how much of the load it is.

    Attributes:
        percent: of all requests.
        questions: any of them, with equal chances.
    """

    percent: float
    questions: tuple[Question, ...]


def mix(digits: Model, mobilenet: Model) -> tuple[Share, ...]:
    """Everything that is asked; the shares are 100 % together."""
    rows = _rows(digits, 1024)
    images = _rows(mobilenet, 50)
    return (
        Share(70.0, tuple(_single(rows))),
        Share(10.0, tuple(_batches(rows))),
        Share(4.5, tuple(_npy("npy", "digits", rows[:size]) for size in (1, 2, 64, 65, 1000))),
        Share(0.5, tuple(_npy("image", "mobilenet", images[at : at + 1]) for at in range(4))),
        Share(10.0, tuple(_wrong(rows))),
        Share(0.05, tuple(_huge(images))),
        Share(0.05, tuple(_huge_and_wrong(images))),
        Share(4.88, tuple(_left(rows))),
        Share(0.02, tuple(_left_huge(images))),
    )


def _rows(model: Model, count: int) -> npt.NDArray[np.float32]:
    """So many different rows between the model's one example and noise: [count, …]."""
    noise = np.random.default_rng(0).random((count, *model.instance.shape[1:]), np.float32)
    weight = np.linspace(0, 1, count, dtype=np.float32).reshape(-1, *[1] * (noise.ndim - 1))
    # Few digits, as people write them.
    return np.round(model.instance * (1 - weight) + noise * weight, 3).astype(np.float32)


def _single(rows: npt.NDArray[np.float32]) -> Iterator[Question]:
    for at in range(0, 1024, 64):
        row = rows[at : at + 1]
        instances = {"instances": _listed(row)}
        yield _asked("small", _SMALL, instances, row)
        yield _asked("small", f"{_SMALL}?top_k=10", instances, row)
        yield _asked("small", "/v1/models/digits:predict", instances, row)
        yield _asked("small", "/v1/models/digits:predict", {"inputs": _listed(row)}, row)
    for path in ("/", "/v2/health/live", "/v2/health/ready", "/v1/models/digits/metadata"):
        yield Question("small", _request(_GET, path))


def _batches(rows: npt.NDArray[np.float32]) -> Iterator[Question]:
    for size in (2, 3, 8, 17, 63, 64, 65, 127, 129, 500, 1024):
        batch = rows[-size:]
        yield _asked("batch", _SMALL, {"instances": _listed(batch)}, batch)
        yield _asked("batch", "/v1/models/digits:predict", {"inputs": _listed(batch)}, batch)


def _wrong(rows: npt.NDArray[np.float32]) -> Iterator[Question]:
    row = _listed(rows[:1])[0]
    ragged = [*row[:7], row[7][:7]]
    bodies: Mapping[str, list[bytes | dict[str, Any]]] = {
        "malformed_json": [b"", b"{", b"[1, 2]", b'{"instances": [[[', b"\xff" * 300, b"[" * 9000],
        "missing_field": [{}],
        "unknown_field": [{"instances": [row], "instance": 1}, {"x" * 5000: 1}],
        "empty_batch": [{"instances": []}],
        "wrong_shape": [{"instances": [row, row[:7]]}, {"instances": 1}, {"instances": row[0][0]}],
        "ragged": [{"instances": [ragged]}],
        "wrong_dtype": [_with(row, '"x"'), _with(row, "null"), _with(row, "true")],
        "not_finite": [_with(row, "NaN"), _with(row, "-Infinity")],
        "out_of_range": [_with(row, "1e39")],
        "unknown_input": [{"instances": [{"pixel": row}]}],
        "batch_too_large": [{"instances": [row] * 1025}],
    }
    for code, several in bodies.items():
        for body in several:
            yield Question("wrong", _post(_SMALL, _bytes(body)), 400, code)
    good = _bytes({"instances": [row]})
    yield Question("wrong", _post(f"{_SMALL}?top_k=none", good), 400, "invalid_query")
    yield Question("wrong", _post("/models/rose/predict", good), 404, "unknown_model")
    yield Question("wrong", _post("/nowhere", good), 404, "unknown_route")
    yield Question("wrong", _request("PUT", _SMALL, good), 405, "method_not_allowed")
    yield Question("wrong", _post(_SMALL, good, "text/csv"), 415, "unsupported_content_type")
    for body in (b"", b"\x93NUMPY", _saved(rows[:9])[:-1], _saved(rows[:9]) + b"0"):
        yield Question("wrong", _post(_SMALL, body, _NPY), 400, "malformed_npy")
    yield Question("wrong", _post(_SMALL, _saved(rows[0]), _NPY), 400, "wrong_shape")
    infinite = np.full_like(rows[:9], np.inf)
    yield Question("wrong", _post(_SMALL, _saved(infinite), _NPY), 400, "not_finite")


def _huge(images: npt.NDArray[np.float32]) -> Iterator[Question]:
    for size in (5, 10, 20):  # about 0.9 MB each
        batch = images[:size]
        body = _bytes({"instances": _listed(batch)})
        yield Question("huge", _post(_IMAGES, body), 200, "", batch, "mobilenet", is_huge=True)
    for size in (9, 25, 50):  # 0.6 MB each
        yield _npy("huge", "mobilenet", images[:size], is_huge=True)


def _huge_and_wrong(images: npt.NDArray[np.float32]) -> Iterator[Question]:
    body, large = (_bytes({"instances": _listed(images[:size])}) for size in (5, 25))
    wrong = [
        ("malformed_json", _IMAGES, body[:-2]),
        ("malformed_json", _IMAGES, body.replace(b"]", b", NaN]", 1)),  # too large to say where
        ("wrong_dtype", _IMAGES, body.replace(b"]", b', "x"]', 1)),
        ("malformed_json", _IMAGES, large[:-2]),
        ("too_many_values", _SMALL, b'{"instances": [' + b"0," * 12_000_000 + b"0]}"),
        ("wrong_shape", _SMALL, _bytes({"instances": [[0.5] * 1000] * 1024})),
    ]
    for code, path, sent in wrong:
        yield Question("huge and wrong", _post(path, sent), 400, code, is_huge=True)
    beyond = b" " * (_LIMIT + 1)
    refused = (413, "payload_too_large")
    yield Question("huge and wrong", _post(_IMAGES, beyond), *refused, is_huge=True)
    yield Question("huge and wrong", _chunked(_IMAGES, beyond), *refused, is_huge=True)


def _left(rows: npt.NDArray[np.float32]) -> Iterator[Question]:
    for size in (1, 64, 1024):
        request = _post(_SMALL, _bytes({"instances": _listed(rows[:size])}))
        before = Leaving.BEFORE_THE_ANSWER
        yield Question("left", request, leaving=before)
        for kept in (20, len(request) // 2, len(request) - 1):
            yield Question("left", request[:kept], leaving=Leaving.IN_THE_BODY)


def _left_huge(images: npt.NDArray[np.float32]) -> Iterator[Question]:
    request = _post(_IMAGES, _saved(images), _NPY)
    yield Question("left", request, leaving=Leaving.BEFORE_THE_ANSWER, is_huge=True)
    part = request[: len(request) * 3 // 4]
    yield Question("left", part, leaving=Leaving.IN_THE_BODY, is_huge=True)


def _asked(
    kind: str, path: str, document: dict[str, Any], rows: npt.NDArray[np.float32]
) -> Question:
    return Question(kind, _post(path, _bytes(document)), rows=rows, model="digits")


def _npy(
    kind: str, model: str, rows: npt.NDArray[np.float32], *, is_huge: bool = False
) -> Question:
    path = f"/models/{model}/predict"
    request = _post(path, _saved(rows), _NPY)
    return Question(kind, request, rows=rows, model=model, is_huge=is_huge)


def _listed(rows: npt.NDArray[np.float32]) -> Any:
    """Nested lists of numbers with the digits that were meant."""
    return np.round(rows.astype(np.float64), 3).tolist()


def _with(row: Any, last: str) -> bytes:
    """A body whose last number is something else."""
    return f'{{"instances": {json.dumps([row])[:-5]}'.rsplit("[", 1)[0].encode() + (
        f"[{last}]]]]}}".encode()
    )


def _bytes(body: bytes | dict[str, Any]) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _saved(rows: npt.NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def _post(path: str, body: bytes, content_type: str = _JSON) -> bytes:
    return _request(_POST, path, body, f"Content-Type: {content_type}")


def _request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: soak", *headers]
    if method != _GET:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _chunked(path: str, body: bytes, size: int = 2**20) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: soak\r\nContent-Type: {_JSON}\r\n"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
