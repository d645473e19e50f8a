"""A photo as JPEG: what the client waits for, and where the function's time goes.

Both subjects decode and resize with Pillow, and the same way; so the arithmetic is no part of the
comparison. What Keras's own takes in its stead is measured apart, without a server.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image as Pillow

from benchmarks.serving.large_tensor import read_server_timing
from benchmarks.serving.models import Model
from benchmarks.serving.photos import COUNT, HEIGHT, SIDE, WIDTH, as_fed, jpeg
from benchmarks.serving.questions import Question
from benchmarks.serving.run import Run
from benchmarks.serving.server import exchange, new_port, serving
from benchmarks.serving.subjects import ASGI, FASTAPI, SUBJECTS, Subject
from tflite_serving.contract.image import Method, Resize
from tflite_serving.inputs.image_resize import resized

CASE = f"{WIDTH}×{HEIGHT} JPEG"
STAGES = ("parse", "preprocess", "decode", "resize", "queue", "infer", "encode")
ALONE = "alone"
METHODS: tuple[tuple[str, Method, bool], ...] = (
    ("Keras, bilinear", "bilinear", False),
    ("Keras, bilinear, antialiased", "bilinear", True),
    ("Keras, bicubic", "bicubic", False),
    ("Keras, lanczos3, antialiased", "lanczos3", True),
)
_EXCHANGES, _WARM_UP, _REPEATS = 60, 10, 15


def run(run: Run) -> None:
    """Each round: the function and its peer, one question at a time; then the parts alone."""
    if not run.has(ASGI):
        return
    model = run.model("photo")
    question = _question(model)
    by_key = {subject.key: subject for subject in SUBJECTS}
    turns: list[Callable[[], None]] = [
        *[partial(_asked, run, by_key[key], model, question) for key in (ASGI, FASTAPI)],
        partial(_alone, run, question.body),
    ]
    with run.progress.step("photo") as step:
        for number in range(run.rounds):
            for place, turn in enumerate(turns):
                step.advance((number * len(turns) + place) / (run.rounds * len(turns)))
                turn()


def _question(model: Model) -> Question:
    """The photo that the model's example was made from."""
    photos = map(jpeg, range(COUNT))
    body = next(each for each in photos if np.array_equal(as_fed(each), model.instance[0]))
    return Question("instances", "/predict", "image/jpeg", body, model.label)


def _asked(run: Run, subject: Subject, model: Model, question: Question) -> None:
    if not run.has(subject.key) or run.gave_up(CASE, subject.key):
        return
    port = new_port()
    with (
        run.turn(CASE, subject.key, subject.title),
        serving(subject.start(model, port), port, question) as server,
    ):
        connection = server.connect()
        waited: list[float] = []
        stages: dict[str, list[float]] = {}
        for number in range(_WARM_UP + _EXCHANGES):
            answer = exchange(connection, question)
            server.check(question, answer)
            if number < _WARM_UP:
                continue
            waited.append(answer.seconds * 1000)
            timing = read_server_timing(answer.headers.get("server-timing", ""))
            for name, milliseconds in timing.items():
                stages.setdefault(name, []).append(milliseconds)
        connection.close()
        run.add(CASE, subject.key, p50_ms=float(np.percentile(waited, 50)))
        run.add(CASE, subject.key, p99_ms=float(np.percentile(waited, 99)))
        for name, values in stages.items():
            run.add(CASE, subject.key, **{f"{name}_ms": float(np.percentile(values, 50))})


def _alone(run: Run, body: bytes) -> None:
    """What decoding and resizing take in this process, and what a lower resolution would save."""
    pixels = np.asarray(_decoded(body, draft=False))
    whole, draft = (_best(partial(_decoded, body, draft=each)) for each in (False, True))
    run.add(CASE, ALONE, decode_ms=whole, draft_ms=draft)
    picture = Pillow.fromarray(pixels)
    size = (SIDE, SIDE)
    run.add(CASE, "Pillow, bilinear", resize_ms=_best(partial(_by_pillow, picture, size)))
    for title, method, antialias in METHODS:
        resize = Resize(height=SIDE, width=SIDE, method=method, antialias=antialias)
        run.add(CASE, title, resize_ms=_best(partial(resized, pixels, resize)))


def _by_pillow(picture: Any, size: tuple[int, int]) -> Any:
    return picture.resize(size, Pillow.Resampling.BILINEAR)


def _decoded(body: bytes, *, draft: bool) -> Any:
    picture = Pillow.open(io.BytesIO(body))
    if draft:
        picture.draft("RGB", (SIDE, SIDE))
    picture.load()
    return picture


def _best(call: Callable[[], Any]) -> float:
    """Milliseconds of the quickest of several calls."""
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return min(times)
