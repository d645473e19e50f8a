"""One entry of MODELS: lazy loading, failures, aliases that move."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.models.tiny import (
    WEIGHTS,
    examples,
    scores,
)
from tests.support.server.held_registry import REFRESH, WAIT, World, get, refusal, settle
from tflite_serving.catalog.entry import RETRY_AFTER_SECONDS
from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.contract import layout
from tflite_serving.errors import DeadlineExceeded, Stopping, StoreUnreachable
from tflite_serving.telemetry import Timings


def test_what_a_load_took_is_told_once(world: World) -> None:
    world.publish()
    entry = world.entry()
    assert get(entry).take_load_ms() == get(entry).load_ms
    assert get(entry).take_load_ms() == {}


def test_first_requests_at_once_load_once(world: World) -> None:
    world.publish()
    entry = world.entry()
    world.store.open.clear()
    threads = 16
    start = threading.Barrier(threads + 1)

    def ask() -> LoadedModel:
        start.wait()
        return get(entry)

    with ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(ask) for _ in range(threads)]
        start.wait()
        world.store.open.set()
        found = {id(future.result()) for future in asked}
    assert len(found) == 1
    assert world.store.loads() == 1
    assert world.store.looks() == 1
    assert len(world.lines.messages("INFO")) == 1


def test_who_comes_just_after_the_load_gets_it_without_another_look(world: World) -> None:
    """Between seeing nothing loaded and taking the lock, the load may have finished."""
    world.publish()
    entry = world.entry()
    served = get(entry)
    world.store.failure = StoreUnreachable("the registry: no answer")
    assert entry.start().result(WAIT) is served
    assert world.store.looks() == 1


def test_a_deadline_while_loading_is_told_and_the_load_goes_on(world: World) -> None:
    manifest = world.publish()
    entry = world.entry()
    world.store.open.clear()
    with pytest.raises(DeadlineExceeded) as caught:
        get(entry, 0.01)
    assert str(caught.value) == "model 'iris' is still being loaded; try again"
    assert entry.current is None
    world.store.open.set()
    assert get(entry).manifest == manifest
    assert world.store.loads() == 1


def test_who_waits_for_a_load_is_refused_when_the_instance_ends(world: World) -> None:
    world.publish()
    entry = world.entry()
    world.store.open.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(get, entry) for _ in range(2)]
        assert world.store.asked.wait(WAIT)
        entry.give_up()
        for asked in waiting:
            with pytest.raises(Stopping):
                asked.result(WAIT)
    with pytest.raises(Stopping):
        get(entry)
    entry.give_up()  # twice is once
    world.store.open.set()


def test_a_failure_is_remembered_for_a_while_and_then_tried_again(world: World) -> None:
    entry = world.entry()
    error = refusal(entry)
    assert (error.code, error.status) == ("not_in_registry", 503)
    assert error.headers == {"Retry-After": str(RETRY_AFTER_SECONDS)}
    assert str(error) == (
        "model 'iris' cannot be served now (not_in_registry); the function's log says why"
    )
    assert world.store.looks() == 1
    manifest = world.publish()
    world.clock.now += RETRY_AFTER_SECONDS - 0.01
    assert refusal(entry).code == "not_in_registry"
    assert world.store.looks() == 1
    world.clock.now += 0.01
    assert get(entry).manifest == manifest
    assert world.store.looks() == 2


def test_a_failure_is_one_log_line(world: World) -> None:
    entry = world.entry()
    for _ in range(3):
        refusal(entry)
    (line,) = world.lines.entries
    where = f"{world.store.uri}/models/iris/aliases/production.json"
    assert line == {
        "severity": "ERROR",
        "message": f"cannot serve iris@production: {where}: there is no such file",
        "model": "iris",
        "version": None,
        "code": "not_in_registry",
        "error": "ObjectNotFound",
    }


def test_a_fault_of_ours_is_unavailable_too_and_its_stack_is_in_the_log(world: World) -> None:
    manifest = world.publish()
    world.store.failure = ZeroDivisionError("oops")
    entry = world.entry()
    assert refusal(entry).code == "internal"
    (line,) = world.lines.entries
    assert (line["error"], line["code"]) == ("ZeroDivisionError", "internal")
    assert "in read" in line["stack_trace"]
    world.store.failure = None
    world.clock.now += RETRY_AFTER_SECONDS
    assert get(entry).manifest == manifest


def test_an_alias_is_looked_up_beside_a_request_which_never_waits(world: World) -> None:
    old = world.publish()
    entry = world.entry()
    get(entry)
    new = world.publish(weights=-WEIGHTS)
    world.clock.now += REFRESH - 0.01
    assert get(entry).manifest == old
    assert world.store.looks() == 1, "the alias is still fresh"
    world.clock.now += 0.01
    world.store.open.clear()
    world.store.asked.clear()
    assert get(entry, 0).manifest == old
    assert world.store.asked.wait(WAIT)
    for _ in range(5):
        assert get(entry, 0).manifest == old
    world.store.open.set()
    settle(entry)
    served = get(entry, 0)
    assert served.manifest == new
    assert world.store.looks() == 2
    rows = examples(5).inputs["features"]
    answers = served.pool.run({"features": rows}, Timings())["species"]
    assert answers == pytest.approx(scores(rows, -WEIGHTS), abs=1e-6)


def test_an_alias_that_stayed_loads_nothing(world: World) -> None:
    world.publish()
    entry = world.entry()
    served = get(entry)
    for look in range(2, 5):
        world.clock.now += REFRESH
        assert get(entry) is served
        settle(entry)
        assert world.store.looks() == look
    assert world.store.loads() == 1


def test_a_bad_new_version_leaves_the_old_one_answering_and_is_fetched_once(world: World) -> None:
    old = world.publish()
    entry = world.entry()
    get(entry)
    bad = world.publish(golden_weights=-WEIGHTS)
    for _ in range(4):
        world.clock.now += REFRESH
        assert get(entry).manifest == old
        settle(entry)
    assert get(entry).manifest == old
    assert world.store.reads[layout.manifest_path("iris", bad.version)] == 1
    (message,) = world.lines.messages("ERROR")
    assert message.startswith(f"cannot serve iris {bad.version}: ")
    assert message.endswith(f"; {old.version} keeps answering")

    good = world.publish(weights=-WEIGHTS)
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    assert get(entry).manifest == good


def test_an_alias_that_moves_back_is_followed(world: World) -> None:
    old = world.publish()
    new = world.publish(weights=-WEIGHTS)
    entry = world.entry()
    assert get(entry).manifest == new
    world.move("production", old.version)
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    assert get(entry).manifest == old


def test_a_registry_that_is_down_leaves_the_old_version_answering(world: World) -> None:
    old = world.publish()
    entry = world.entry()
    get(entry)
    world.store.failure = StoreUnreachable("the registry: no answer")
    for look in (2, 3):
        world.clock.now += REFRESH
        assert get(entry, 0).manifest == old
        settle(entry)
        assert world.store.looks() == look
    assert all(
        message.endswith(f": no answer; {old.version} keeps answering")
        for message in world.lines.messages("ERROR")
    )
    new = world.publish(weights=-WEIGHTS)
    world.store.failure = None
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    assert get(entry).manifest == new


def test_a_new_version_that_could_not_be_read_is_tried_again(world: World) -> None:
    world.publish()
    entry = world.entry()
    get(entry)
    new = world.publish(weights=-WEIGHTS)
    manifest = world.registry.root / layout.manifest_path("iris", new.version)
    hidden = manifest.rename(manifest.with_suffix(".hidden"))
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    hidden.rename(manifest)
    world.clock.now += REFRESH
    get(entry)
    settle(entry)
    assert get(entry).manifest == new


def test_a_pinned_version_is_never_looked_up_again(world: World) -> None:
    old = world.publish()
    world.publish(weights=-WEIGHTS)
    entry = world.entry(f"iris@{old.version}")
    served = get(entry)
    assert served.manifest == old
    world.clock.now += 1e6
    assert get(entry) is served
    settle(entry)
    assert world.store.looks() == 0
