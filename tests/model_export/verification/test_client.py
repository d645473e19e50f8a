"""Asking a function: in requests that it takes, and with patience where that helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from model_export.errors import ParityError, RegistryError
from model_export.registry.open import open_writable
from model_export.verification.client import ask, in_process, over_http
from tests.support.models.tiny import LABELS, publish_tiny, write_tiny_artifact
from tests.support.storage.troubled_server import silence, status, troubled_server
from tflite_serving.contract.manifest import Manifest

FEATURES = np.zeros((5, 4), np.float32)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_tiny_artifact(tmp_path / "artifact")


def predictions(manifest: Manifest, count: int, scores: Any = (1.0, 0.0, 0.0)) -> bytes:
    by_label = dict(zip(LABELS, scores, strict=True))
    rows = [{"label": LABELS[0], "score": scores[0], "scores": by_label}] * count
    return orjson.dumps({"predictions": rows, "model": {"version": manifest.version}})


def answering(
    manifest: Manifest, sizes: list[int], counts: list[int]
) -> Callable[[str, bytes], tuple[int, bytes]]:
    """Answers anything, and notes how large each request was."""

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        assert path == "/models/iris/predict"
        sizes.append(len(body))
        counts.append(len(orjson.loads(body)["instances"]))
        return 200, predictions(manifest, counts[-1])

    return post


@pytest.mark.parametrize(
    ("features", "batch", "expected"),
    [
        (FEATURES, 2, [2, 2, 1]),
        (FEATURES, 64, [5]),
        # Of 1.4 MB each: what a function takes by default has 32 MiB.
        (np.full((5, 100_000), 1 / 3, np.float32), 64, [3, 2]),
        # Larger than a request should be, and asked alone.
        (np.full((2, 500_000), 1 / 3, np.float32), 64, [1, 1]),
    ],
    ids=["as many as told", "all", "large", "too large"],
)
def test_a_request_has_as_many_questions_as_a_function_takes(
    manifest: Manifest, features: Any, batch: int, expected: list[int]
) -> None:
    sizes: list[int] = []
    counts: list[int] = []
    inputs = {"features": features}
    answers = ask(manifest, inputs, answering(manifest, sizes, counts), batch=batch)
    assert counts == expected
    assert len(answers) == len(features)
    assert max(sizes) < 6 * 2**20


def test_a_function_that_is_busy_is_asked_again(manifest: Manifest) -> None:
    busy = status(503, b'{"error": "loading"}', {"Retry-After": "0"})
    with troubled_server(busy, busy, status(200, predictions(manifest, 5))) as server:
        assert len(ask(manifest, {"features": FEATURES}, over_http(server.url))) == 5


@pytest.mark.parametrize("code", [401, 403, 404, 503])
def test_a_function_that_does_not_serve_the_model_says_nothing_about_its_answers(
    manifest: Manifest, code: int
) -> None:
    told = status(code, b'{"error": "not here"}', {"Retry-After": "0"})
    with troubled_server(told) as server, pytest.raises(RegistryError) as caught:
        ask(manifest, {"features": FEATURES}, over_http(server.url))
    assert str(caught.value) == (
        f'{server.url}: the function does not serve this: {code}: {{"error": "not here"}}'
        + ("; it may want an identity token" if code in (401, 403) else "")
    )


def test_a_redirection_is_told_and_not_followed(manifest: Manifest) -> None:
    elsewhere = status(302, headers={"Location": "https://example.com/login"})
    with troubled_server(elsewhere) as server, pytest.raises(RegistryError) as caught:
        ask(manifest, {"features": FEATURES}, over_http(server.url))
    assert str(caught.value) == (
        f"{server.url}: expected the function, got a redirection to https://example.com/login"
    )


@pytest.mark.parametrize("code", [400, 413, 500])
def test_a_question_that_is_refused_is_a_wrong_answer(manifest: Manifest, code: int) -> None:
    with troubled_server(status(code, b"no")) as server, pytest.raises(ParityError) as caught:
        ask(manifest, {"features": FEATURES}, over_http(server.url))
    assert str(caught.value) == f"iris: the function answered {code}: no"


def test_a_page_in_place_of_an_answer_is_shown(manifest: Manifest) -> None:
    with troubled_server(status(200, b"<p>Log in")) as server, pytest.raises(ParityError) as caught:
        ask(manifest, {"features": FEATURES}, over_http(server.url))
    assert str(caught.value) == "iris: expected predictions, got <p>Log in"


def test_an_answer_that_comes_too_late_is_none(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_export.verification.client._TIMEOUT_SECONDS", 0.05)
    with (
        troubled_server(silence) as server,
        pytest.raises(RegistryError, match=r"the function does not answer: .*[Tt]imed out"),
    ):
        ask(manifest, {"features": FEATURES}, over_http(server.url))


def test_null_is_no_score(manifest: Manifest) -> None:
    def post(_path: str, _body: bytes) -> tuple[int, bytes]:
        return 200, predictions(manifest, 5, (None, 0.0, 0.0))

    with pytest.raises(ParityError, match="expected finite numbers in 'species'"):
        ask(manifest, {"features": FEATURES}, post)


def test_a_token_is_shown(manifest: Manifest) -> None:
    shown: list[str | None] = []

    def note(handler: Any) -> None:
        shown.append(handler.headers.get("Authorization"))
        status(200, predictions(manifest, 5))(handler)

    with troubled_server(note) as server:
        for token in ("secret", None):
            ask(manifest, {"features": FEATURES}, over_http(server.url, token))
    assert shown == ["Bearer secret", None]


def faulty(*_asked: object) -> None:
    raise RuntimeError("a fault")


def test_what_the_functions_log_says_of_its_fault_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = str(tmp_path / "registry")
    manifest = publish_tiny(open_writable(registry), tmp_path / "artifact")
    post = in_process(registry, manifest, tmp_path / "cache")
    with pytest.raises(ParityError, match=r"answered 500: .*NaN or infinity in output 'species'"):
        ask(manifest, {"features": np.full((1, 4), 3e38, np.float32)}, post)
    # Clients are told nothing of such a one.
    monkeypatch.setattr("tflite_serving.runtime.interpreter_pool.InterpreterPool.run", faulty)
    with pytest.raises(ParityError, match=r"(?s)answered 500: .*\nRuntimeError: a fault"):
        ask(manifest, {"features": FEATURES}, post)
