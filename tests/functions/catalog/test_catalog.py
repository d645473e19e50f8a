"""Which of the models answers a request."""

from __future__ import annotations

import pytest

from tests.support.models.tiny import (
    WEIGHTS,
)
from tests.support.server.held_registry import WAIT, World, settle
from tflite_serving.catalog.catalog import Catalog
from tflite_serving.contract.manifest import Manifest
from tflite_serving.errors import ModelUnavailable, NotFound


def find(
    catalog: Catalog, name: str | None, version: str | None = None, alias: str | None = None
) -> Manifest:
    return catalog.find(name, version, alias, WAIT).manifest


def test_nothing_is_read_before_the_first_request(world: World) -> None:
    manifest = world.publish()
    catalog = world.catalog("iris", "ghost")
    assert not world.store.reads
    assert [entry.current for entry in catalog.entries] == [None, None]
    served = catalog.find(None, None, None, WAIT)
    assert served.manifest == manifest
    assert served.load_ms.keys() == {"import", "verify", "download", "load", "golden"}
    assert [entry.current for entry in catalog.entries] == [served, None]
    assert world.lines.messages("INFO") == [
        f"loaded iris {manifest.version} in {served_ms(world)} ms"
    ]


def served_ms(world: World) -> str:
    return str(world.lines.entries[-1]["message"]).split()[-2]


def test_models_are_found_by_name_alias_and_version(world: World) -> None:
    production, staging = world.publish(), world.publish("staging", weights=-WEIGHTS)
    other = world.publish(name="rose")
    catalog = world.catalog("iris", "iris@staging", "rose")
    assert find(catalog, None) == production
    assert find(catalog, "iris") == production
    assert find(catalog, "rose") == other
    assert find(catalog, "iris", alias="staging") == staging
    assert find(catalog, "iris", alias="production") == production
    assert find(catalog, "iris", version=staging.version) == staging
    assert find(catalog, "iris", staging.version, "staging") == staging


def test_a_version_is_found_although_another_alias_of_the_model_is_broken(world: World) -> None:
    good = world.publish("staging")
    catalog = world.catalog("iris@production", "iris@staging")
    assert find(catalog, "iris", version=good.version) == good
    with pytest.raises(ModelUnavailable):
        find(catalog, "iris", version="20250101T000000Z-00000000")


def test_a_pinned_version_is_found_without_loading_the_others(world: World) -> None:
    old = world.publish()
    new = world.publish(weights=-WEIGHTS)
    catalog = world.catalog("iris", f"iris@{old.version}")
    assert find(catalog, "iris", version=old.version) == old
    assert world.store.looks() == 0
    assert find(catalog, "iris") == new


def test_what_is_not_served_is_not_found_and_what_is_served_is_told(world: World) -> None:
    manifest = world.publish()
    catalog = world.catalog("iris", "iris@staging", "rose")
    for arguments, code, message in (
        (("tulip",), "unknown_model", "model 'tulip': not served here; served: iris, rose"),
        (("iris", None, "beta"), "unknown_version", "model 'iris': no label 'beta' here"),
        (
            ("iris", "v7", "production"),
            "unknown_version",
            f"model 'iris', version 'v7': not served here; served: {manifest.version}",
        ),
    ):
        with pytest.raises(NotFound) as caught:
            find(catalog, *arguments)
        assert (caught.value.code, str(caught.value)) == (code, message)


def test_an_unknown_model_or_label_loads_nothing(world: World) -> None:
    catalog = world.catalog("iris")
    for arguments in (("tulip", None, None), ("iris", None, "beta")):
        with pytest.raises(NotFound):
            find(catalog, *arguments)
    assert not world.store.reads


def test_entries_that_mean_the_same_version_share_it(world: World) -> None:
    released = world.publish("production")
    world.move("candidate", released.version)
    settings = world.settings("iris@production", "iris@candidate", refresh=0)
    catalog = Catalog(settings, world.store, world.log)
    loads = [entry.start() for entry in catalog.entries]
    served, candidate = (load.result(WAIT) for load in loads)
    assert served is candidate
    assert len(world.lines.messages("INFO")) == 1

    tried = world.publish("candidate", weights=-WEIGHTS)
    find(catalog, "iris", alias="candidate")
    settle(catalog.entries[1])
    assert find(catalog, "iris", version=tried.version) == tried
    assert find(catalog, "iris") == released


def test_a_candidate_answers_by_its_id_before_there_is_a_release(world: World) -> None:
    tried = world.publish("candidate")
    catalog = world.catalog("iris@production", "iris@candidate")
    assert find(catalog, "iris", version=tried.version) == tried
    with pytest.raises(ModelUnavailable):
        find(catalog, "iris")
