"""The hooks of gunicorn's workers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from gunicorn.config import Config, PostWorkerInit, PreRequest  # type: ignore[import-untyped]

from tflite_serving.servers import gunicorn_hooks, stopping


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts gunicorn's own hooks back after each test."""
    for setting in (PostWorkerInit, PreRequest):
        monkeypatch.setattr(setting, "default", staticmethod(setting.default))


def test_a_worker_watches_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[object] = []
    monkeypatch.setattr(stopping, "watch", watched.append)

    def give_up() -> None:
        raise AssertionError("the worker does not end")

    gunicorn_hooks.set_up(give_up)
    assert watched == []
    Config().post_worker_init(SimpleNamespace())
    assert watched == [give_up]


def test_offers_of_another_protocol_are_ignored() -> None:
    gunicorn_hooks.set_up(lambda: None)
    request = SimpleNamespace(
        headers=[("HOST", "here"), ("UPGRADE", "websocket"), ("CONNECTION", "Upgrade")]
    )
    Config().pre_request(SimpleNamespace(), request)
    assert request.headers == [("HOST", "here"), ("CONNECTION", "Upgrade")]
