"""A real storage server behind a real bad network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tests.support.network.toxiproxy import Proxy, proxy_of
from tests.support.server.held_registry import REFRESH, World, get, refusal, settle
from tests.support.storage.fake_gcs import FakeGcs
from tests.support.storage.stores import Artifact, BucketRegistry
from tflite_serving.artifacts.bucket import BucketStore
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.artifacts.connections import HttpServer
from tflite_serving.artifacts.credentials import AnonymousCredentials
from tflite_serving.catalog.entry import RETRY_AFTER_SECONDS, CatalogEntry
from tflite_serving.catalog.loader import Loader
from tflite_serving.errors import StoreUnreachable
from tflite_serving.settings import ModelRef

PATIENCE_SECONDS, SILENCE_SECONDS, PIECE_SECONDS = 0.5, 0.4, 0.8
PATH = "models/iris/aliases/production.json"
TOXICS = {
    "one byte at a time": ("slicer", {"average_size": 1, "size_variation": 0, "delay": 50_000}),
    "silence": ("timeout", {"timeout": 0}),
    "a reset": ("reset_peer", {"timeout": 0}),
    "an end in the middle": ("limit_data", {"bytes": 300}),
    "no bandwidth": ("bandwidth", {"rate": 0}),
}


@pytest.fixture(scope="module")
def proxy(fake_gcs: FakeGcs) -> Iterator[Proxy]:
    with proxy_of(fake_gcs.url) as proxy:
        yield proxy


@pytest.fixture
def versions(bucket: BucketRegistry, artifact: Artifact, newer: Artifact) -> list[str]:
    """Two versions in the bucket, of which the alias names the second."""
    store = open_writable(bucket.uri, 10.0)
    for each in (artifact, newer):
        publish(store, each.manifest, each.folder)
        move_alias(store, "iris", "production", each.manifest.version, "publish")
    return [artifact.manifest.version, newer.manifest.version]


@pytest.fixture
def far(bucket: BucketRegistry, proxy: Proxy) -> BucketStore:
    """The bucket through the proxy, for somebody in a hurry."""
    folder = BucketFolder(bucket.bucket.name, "", PATIENCE_SECONDS)
    return BucketStore(
        folder, HttpServer(proxy.url, SILENCE_SECONDS, PIECE_SECONDS), AnonymousCredentials()
    )


@pytest.fixture
def entry(far: BucketStore, world: World) -> CatalogEntry:
    loader = Loader(far, world.settings("iris"), world.log)
    return CatalogEntry(ModelRef.parse("iris"), loader, REFRESH, world.log, world.clock)


def version_of(entry: CatalogEntry) -> str:
    return get(entry).manifest.version


@pytest.mark.parametrize("toxic", TOXICS)
def test_a_rollback_arrives_when_the_network_is_well_again(
    bucket: BucketRegistry,
    proxy: Proxy,
    entry: CatalogEntry,
    world: World,
    versions: list[str],
    toxic: str,
) -> None:
    old, new = versions
    assert version_of(entry) == new
    move_alias(open_writable(bucket.uri, 10.0), "iris", "production", old, "rollback")
    kind, attributes = TOXICS[toxic]
    with proxy.poisoned(kind, **attributes):
        world.clock.now += REFRESH
        assert version_of(entry) == new
        settle(entry)
    (message,) = world.lines.messages("WARNING")
    assert f"{bucket.uri}/{PATH}: no answer within {PATIENCE_SECONDS:g} s" in message
    assert f"; {new} keeps answering, and a request in 5 s or later looks again" in message
    world.clock.now += RETRY_AFTER_SECONDS
    assert version_of(entry) == new
    settle(entry)
    assert version_of(entry) == old


@pytest.mark.parametrize("toxic", TOXICS)
def test_a_cold_start_succeeds_when_the_network_is_well_again(
    proxy: Proxy, entry: CatalogEntry, world: World, versions: list[str], toxic: str
) -> None:
    kind, attributes = TOXICS[toxic]
    with proxy.poisoned(kind, **attributes):
        assert refusal(entry).code == "registry_unreachable"
    world.clock.now += RETRY_AFTER_SECONDS
    assert version_of(entry) == versions[1]


def test_a_slow_network_is_fast_enough(
    proxy: Proxy, far: BucketStore, entry: CatalogEntry, versions: list[str]
) -> None:
    with proxy.poisoned("latency", latency=100, jitter=20):
        assert version_of(entry) == versions[1]
    with proxy.poisoned("slicer", average_size=100, size_variation=20, delay=1_000):
        far.read(PATH)


def test_a_bucket_without_the_object_is_no_bad_network(proxy: Proxy, far: BucketStore) -> None:
    with (
        proxy.poisoned("slicer", average_size=1, size_variation=0, delay=50_000),
        pytest.raises(StoreUnreachable, match="too slow"),
    ):
        far.read("models/iris/aliases/nothing.json")
