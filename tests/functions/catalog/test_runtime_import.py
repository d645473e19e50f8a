"""Importing LiteRT beside the registry's answers."""

from __future__ import annotations

import threading

import pytest

from tests.support.server.held_registry import WAIT, World, get, refusal
from tflite_serving.catalog import runtime_import


def threads_of_imports() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("import")]


def test_the_registry_is_asked_while_the_runtime_is_imported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[bool] = []

    def import_until_the_registry_is_asked() -> None:
        met.append(world.store.asked.wait(WAIT))

    monkeypatch.setattr(runtime_import, "import_runtime", import_until_the_registry_is_asked)
    manifest = world.publish()
    assert get(world.entry()).manifest == manifest
    assert met == [True]


def test_a_model_is_made_only_once_the_runtime_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(runtime_import, "import_runtime", lambda: release.wait(WAIT))
    world.publish()
    entry = world.entry()
    pending = entry.start()
    assert world.store.asked.wait(WAIT)
    assert not pending.done()
    release.set()
    pending.result(WAIT)
    assert entry.current is not None
    assert entry.current.load_ms["import"] > 0


def test_a_runtime_that_cannot_be_imported_is_a_fault_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ImportError("no LiteRT here")

    monkeypatch.setattr(runtime_import, "import_runtime", fail)
    world.publish()
    assert refusal(world.entry()).code == "internal"
    (entry,) = world.lines.entries
    assert entry["error"] == "ImportError"
    assert "no LiteRT here" in entry["stack_trace"]
    assert threads_of_imports() == []


def test_a_registry_that_fails_leaves_no_thread_behind(world: World) -> None:
    assert refusal(world.entry()).code == "not_in_registry"
    assert threads_of_imports() == []
