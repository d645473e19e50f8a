"""A registry whose bytes come one by one, or never end."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.models.tiny import WEIGHTS
from tests.support.server.held_registry import REFRESH, World, get, refusal, settle
from tests.support.storage.stores import Artifact
from tests.support.storage.troubled_server import (
    Answer,
    Handler,
    TroubledServer,
    endless,
    registry,
    silence,
    status,
    stops_after,
    trickle,
    troubled_server,
)
from tflite_serving.artifacts.bucket import BucketStore
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.artifacts.connections import HttpServer
from tflite_serving.artifacts.credentials import (
    AnonymousCredentials,
    Credentials,
    CredentialsError,
    MetadataServer,
)
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.artifacts.loading import load_artifact, resolve_alias
from tflite_serving.artifacts.retrying import TransientError
from tflite_serving.catalog.entry import REFUSED_SECONDS, RETRY_AFTER_SECONDS, CatalogEntry
from tflite_serving.catalog.loader import Loader
from tflite_serving.contract import layout
from tflite_serving.errors import (
    ArtifactRefused,
    IntegrityError,
    ObjectNotFound,
    StoreError,
    StoreUnreachable,
)
from tflite_serving.settings import ModelRef
from tflite_serving.telemetry import Timings

MIB = 2**20
SILENCE_SECONDS, PIECE_SECONDS, EVERY_SECONDS = 5.0, 0.3, 0.02
PATIENCE_SECONDS = 0.1
PATH = "models/iris/aliases/production.json"
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: %d\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = OK + b"\r\n"
TRICKLES = {
    "status line": (b"", OK),
    "headers": (OK, b"X-A: b\r\n"),
    "body of a known length": (LENGTH % 1_000, b"{"),
    "body that ends with the connection": (UNTIL_CLOSE, b"{"),
    "chunk's size": (CHUNKED, b"0"),
    "chunk": (CHUNKED + b"ff\r\n", b"{"),
    "body of an error": (b"HTTP/1.1 404 \r\nContent-Length: 1000\r\n\r\n", b"{"),
}


def trickling(start: bytes, rest: bytes) -> Answer:
    return trickle(start, rest, EVERY_SECONDS)


def client(server: TroubledServer) -> HttpServer:
    return HttpServer(server.url, SILENCE_SECONDS, PIECE_SECONDS)


@contextmanager
def bucket(*answers: Answer) -> Iterator[tuple[BucketStore, TroubledServer]]:
    """A store whose bucket answers like this, asked by somebody in a hurry."""
    with troubled_server(*answers) as server:
        yield store_of(server), server


def store_of(server: TroubledServer, credentials: Credentials | None = None) -> BucketStore:
    folder = BucketFolder("shop", "", PATIENCE_SECONDS)
    return BucketStore(folder, client(server), credentials or AnonymousCredentials())


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("part", TRICKLES)
def test_a_read_that_trickles_is_given_up_as_a_whole(part: str, tmp_path: Path) -> None:
    with bucket(trickling(*TRICKLES[part])) as (store, server):
        too_slow = rf"gs://shop/{PATH}: .*\(too slow: \d+ bytes within 0\.3 s\)"
        with at_most(4), pytest.raises(StoreUnreachable, match=too_slow):
            store.read(PATH)
        with at_most(4), pytest.raises(StoreUnreachable, match=too_slow):
            store.fetch(PATH, tmp_path / "here", 1_000)
        assert len(server.requests) >= 2


def test_a_read_that_trickled_once_is_tried_again() -> None:
    with troubled_server(trickling(LENGTH % 1_000, b"t"), status(200, b"there")) as server:
        lines: list[str] = []
        store = BucketStore(
            BucketFolder("shop", "", 10.0), client(server), AnonymousCredentials(), lines.append
        )
        with at_most(4):
            assert store.read(PATH).data == b"there"
        (line,) = lines
        assert re.fullmatch(
            rf"gs://shop/{PATH}: not read \(too slow: \d+ bytes within 0\.3 s\); it is tried again",
            line,
        )
        assert len(server.requests) == 2


def test_a_connection_that_was_nearly_too_slow_is_used_again_without_haste() -> None:
    def late(handler: Handler) -> None:
        handler.troubled.released.wait(PIECE_SECONDS / 2)
        status(200, b"there")(handler)

    with bucket(late) as (store, server):
        for _ in range(4):
            assert store.read(PATH).data == b"there"
        assert server.connections == 1


def test_a_large_file_has_time_for_each_mebibyte(tmp_path: Path) -> None:
    body = os.urandom(4 * MIB)

    def steady(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(LENGTH % len(body))
        for start in range(0, len(body), MIB):
            handler.troubled.released.wait(PIECE_SECONDS / 2)
            handler.wfile.write(body[start : start + MIB])

    with bucket(steady) as (store, _):
        began = time.monotonic()
        store.fetch("model", tmp_path / "here", len(body))
        assert time.monotonic() - began > PIECE_SECONDS
    assert (tmp_path / "here").read_bytes() == body


def test_a_large_file_that_begins_to_trickle_is_given_up_soon(tmp_path: Path) -> None:
    with (
        bucket(trickling(LENGTH % (100 * MIB) + bytes(3 * MIB), b"x")) as (store, _),
        at_most(4),
        pytest.raises(StoreUnreachable, match="too slow"),
    ):
        store.fetch("model", tmp_path / "here", 100 * MIB)


HEADS = {"no length": UNTIL_CLOSE, "an absurd length": LENGTH % 2**40}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("most", [None, layout.MOST_ALIAS_BYTES])
def test_a_document_without_end_is_read_no_further_than_it_may_be_long(
    head: bytes, most: int | None
) -> None:
    limits = () if most is None else (most,)
    limit = layout.MOST_DOCUMENT_BYTES if most is None else most
    with bucket(endless(head)) as (store, server):
        with at_most(5), pytest.raises(StoreError, match=f"{PATH}: expected at most {limit} bytes"):
            store.read(PATH, *limits)
        server.released.set()
        assert server.sent < limit + 16 * MIB  # what sockets hold
        assert len(server.requests) == 1


def test_chunks_without_end_are_counted() -> None:
    with (
        bucket(endless(CHUNKED, b"100000\r\n" + bytes(MIB) + b"\r\n")) as (store, _),
        pytest.raises(StoreError, match="expected at most 262144 bytes, got more"),
    ):
        store.read(PATH, layout.MOST_ALIAS_BYTES)


def test_an_alias_may_be_no_larger_than_aliases_are() -> None:
    with (
        bucket(status(200, b" " * (layout.MOST_ALIAS_BYTES + 1))) as (store, _),
        pytest.raises(StoreError, match="expected at most 262144 bytes"),
    ):
        resolve_alias(store, "iris", "production")


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (endless(UNTIL_CLOSE), "more"),
        (endless(LENGTH % 2**40), str(2**40)),
        (endless(CHUNKED, b"100000\r\n" + bytes(MIB) + b"\r\n"), "more"),
        (status(200, bytes(26_001)), "26001"),
        (status(200, bytes(25_999)), "25999"),
        (stops_after(b"", 579_000_000), "579000000"),
    ],
)
def test_a_file_of_another_size_than_declared_is_not_written(
    answer: Answer, got: str, tmp_path: Path
) -> None:
    with bucket(answer) as (store, server):
        with at_most(4), pytest.raises(IntegrityError, match=f"expected 26000 bytes, got {got}$"):
            store.fetch("model", tmp_path / "here", 26_000)
        assert len(server.requests) == 1
    if (tmp_path / "here").exists():
        assert (tmp_path / "here").stat().st_size <= 26_000


def test_a_file_of_the_declared_size_is_written_whole(tmp_path: Path) -> None:
    for size in (0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB):
        body = os.urandom(size)
        with bucket(status(200, body)) as (store, _):
            store.fetch("model", tmp_path / "here", size)
            store.fetch("model", tmp_path / "again", size)
        assert (tmp_path / "here").read_bytes() == (tmp_path / "again").read_bytes() == body


@pytest.mark.parametrize(
    "answer",
    [status(200, b"<html>Log in to the network</html>"), status(200, b"\x1f\x8b\x08gzip")],
)
def test_what_is_no_document_is_refused(answer: Answer) -> None:
    with bucket(answer) as (store, _), pytest.raises(ArtifactRefused, match=f"{PATH}: alias: exp"):
        resolve_alias(store, "iris", "production")


TOKEN = status(200, b'{"access_token": "a", "expires_in": 3600}')


@pytest.mark.parametrize("part", TRICKLES)
def test_a_token_that_trickles_is_given_up_and_asked_for_again(part: str) -> None:
    with troubled_server(trickling(*TRICKLES[part]), TOKEN) as metadata:
        credentials = MetadataServer(client(metadata))
        with at_most(4), pytest.raises(TransientError, match="metadata server: too slow"):
            credentials.headers()
        with bucket(status(200, b"there")) as (_, server):
            assert store_of(server, credentials).read(PATH).data == b"there"


def test_a_token_without_end_is_none() -> None:
    with troubled_server(endless(UNTIL_CLOSE)) as metadata:
        with at_most(4), pytest.raises(CredentialsError, match="too long for a token"):
            MetadataServer(client(metadata)).headers()
        metadata.released.set()
        assert metadata.sent < 16 * MIB


class Mood:
    """What the bucket answers now."""

    def __init__(self, answer: Answer) -> None:
        self.now = answer

    def __call__(self, handler: Handler) -> None:
        self.now(handler)


@contextmanager
def served_by_bucket(world: World) -> Iterator[tuple[CatalogEntry, Mood]]:
    """The world's registry, in a bucket that has moods."""
    mood = Mood(registry(world.registry.root))
    with bucket(mood) as (store, _):
        loader = Loader(store, world.settings("iris"), world.log)
        ref = ModelRef.parse("iris")
        yield CatalogEntry(ref, loader, REFRESH, world.log, world.clock), mood


@pytest.mark.parametrize("trouble", [trickling(*TRICKLES["headers"]), silence, status(503)])
def test_a_rollback_arrives_when_the_bucket_is_well_again(world: World, trouble: Answer) -> None:
    old, new = world.publish(), world.publish(weights=-WEIGHTS)
    with served_by_bucket(world) as (entry, mood):
        assert get(entry).manifest == new
        world.move("production", old.version)
        well, mood.now = mood.now, trouble
        if trouble is silence:  # which is as long as the client has patience for it
            entry._loader._store._server._silence_seconds = PIECE_SECONDS  # type: ignore[attr-defined]
        world.clock.now += REFRESH
        with at_most(4):
            assert get(entry, 0).manifest == new
            settle(entry)
        line = world.lines.entries[-1]
        assert (line["severity"], line["code"]) == ("WARNING", "registry_unreachable")
        assert f"gs://shop/{PATH}: no answer within" in line["message"]
        assert line["message"].endswith(
            f"; {new.version} keeps answering, and a request in 5 s or later looks again"
        )
        assert (line["seconds"], line["retry_seconds"]) == (0.0, 5.0)  # by the world's clock
        mood.now = well
        world.clock.now += RETRY_AFTER_SECONDS
        assert get(entry, 0).manifest == new
        settle(entry)
        assert get(entry, 0).manifest == old


def test_a_new_versions_file_that_trickles_leaves_the_old_one_answering(world: World) -> None:
    old = world.publish()
    with served_by_bucket(world) as (entry, mood):
        assert get(entry).manifest == old
        new, well = world.publish(weights=-WEIGHTS), mood.now

        def files_trickle(handler: Handler) -> None:
            is_file = "model.tflite" in handler.path
            size = new.files["model.tflite"].bytes
            (trickling(LENGTH % size, b"x") if is_file else well)(handler)

        mood.now = files_trickle
        world.clock.now += REFRESH
        with at_most(4):
            get(entry, 0)
            settle(entry)
        assert get(entry, 0).manifest == old
        assert (
            f"model.tflite: no answer within {PATIENCE_SECONDS:g} s (too slow: "
            in (world.lines.messages("WARNING")[-1])
        )
        mood.now = well
        world.clock.now += RETRY_AFTER_SECONDS
        get(entry, 0)
        settle(entry)
        assert get(entry, 0).manifest == new


def test_a_cold_start_succeeds_as_soon_as_the_bucket_is_well_again(world: World) -> None:
    manifest = world.publish()
    with served_by_bucket(world) as (entry, mood):
        well, mood.now = mood.now, trickling(*TRICKLES["headers"])
        with at_most(4):
            assert refusal(entry).code == "registry_unreachable"
        mood.now = well
        world.clock.now += RETRY_AFTER_SECONDS
        assert get(entry).manifest == manifest


def test_looks_become_rarer_while_the_registry_is_down(world: World) -> None:
    old = world.publish()
    entry = world.entry()
    get(entry)
    world.store.failure = StoreUnreachable("the registry: no answer")
    world.clock.now += REFRESH
    waits = (RETRY_AFTER_SECONDS, 10.0, 20.0, REFRESH, REFRESH)
    for look, wait in enumerate(waits, 2):
        assert get(entry, 0).manifest == old
        settle(entry)
        assert world.store.looks() == look
        world.clock.now += wait - 0.01
        get(entry, 0)
        assert world.store.looks() == look
        world.clock.now += 0.01
    world.store.failure = None
    get(entry, 0)
    settle(entry)
    world.clock.now += REFRESH - 0.01
    looks = world.store.looks()
    get(entry, 0)
    assert world.store.looks() == looks, "all is well again, and the alias fresh"


def test_a_registry_that_is_looked_at_once_a_day_is_asked_again_within_a_minute(
    world: World,
) -> None:
    world.publish()
    entry = CatalogEntry(
        ModelRef.parse("iris"),
        Loader(world.store, world.settings("iris"), world.log),
        86_400.0,
        world.log,
        world.clock,
    )
    get(entry)
    world.store.failure = StoreUnreachable("the registry: no answer")
    world.clock.now += 86_400.0
    for look in range(2, 12):
        get(entry, 0)
        settle(entry)
        assert world.store.looks() == look
        world.clock.now += 60.0


def test_a_version_that_was_damaged_on_its_way_is_fetched_again_later(world: World) -> None:
    old = world.publish()
    with served_by_bucket(world) as (entry, mood):
        get(entry)
        new, well = world.publish(weights=-WEIGHTS), mood.now

        def log_in(handler: Handler) -> None:
            is_alias = "aliases" in handler.path
            (well if is_alias else status(200, b"<html>Log in</html>"))(handler)

        mood.now = log_in
        world.clock.now += REFRESH
        get(entry, 0)
        settle(entry)
        assert get(entry, 0).manifest == old
        mood.now = well
        world.clock.now += REFUSED_SECONDS
        get(entry, 0)
        settle(entry)
        assert get(entry, 0).manifest == new


def folder_with(tmp_path: Path, make_odd: str) -> FolderStore:
    place = tmp_path / PATH
    place.parent.mkdir(parents=True)
    if make_odd == "pipe":
        os.mkfifo(place)
    elif make_odd == "device":
        place.symlink_to("/dev/zero")
    elif make_odd == "sparse file":
        place.touch()
        os.truncate(place, 2**40)
    elif make_odd == "loop":
        place.symlink_to(place)
    return FolderStore(tmp_path)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ("pipe", "expected a file, got a pipe or device"),
        ("device", "expected a file, got a pipe or device"),
        ("sparse file", "expected at most 262144 bytes, got 1099511627776"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_of_a_folder_is_refused_at_once(
    tmp_path: Path, odd: str, message: str
) -> None:
    store = folder_with(tmp_path, odd)
    with at_most(1), pytest.raises(StoreError, match=message):
        store.read(PATH, layout.MOST_ALIAS_BYTES)
    with at_most(1), pytest.raises((StoreError, IntegrityError)):
        store.fetch(PATH, tmp_path / "here", 10)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"there")
    place = tmp_path / PATH
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "real")
    assert FolderStore(tmp_path).read(PATH).data == b"there"
    with pytest.raises(ObjectNotFound):
        FolderStore(tmp_path).read("models")


def test_a_pipe_among_an_artifacts_files_is_refused_at_once(
    artifact: Artifact, tmp_path: Path
) -> None:
    folder = tmp_path / artifact.prefix
    folder.mkdir(parents=True)
    for path in (*artifact.manifest.files, "manifest.json"):
        (folder / path).write_bytes((artifact.folder / path).read_bytes())
    (folder / "model.tflite").unlink()
    os.mkfifo(folder / "model.tflite")
    store, version = FolderStore(tmp_path), artifact.manifest.version
    with at_most(2), pytest.raises(IntegrityError, match=r"model\.tflite: expected"):
        load_artifact(store, "iris", version, tmp_path / "cache", Timings())


def test_files_that_have_no_room_are_not_downloaded(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def served(handler: Handler) -> None:
        asked.append(handler.path)
        name = handler.path.partition("?")[0].rpartition("%2F")[2]
        status(200, (artifact.folder / name).read_bytes())(handler)

    needed = sum(artifact.manifest.files[path].bytes for path in artifact.manifest.needed)
    usage, version, cache = shutil.disk_usage(tmp_path), artifact.manifest.version, tmp_path / "c"
    free = [needed - 1, needed]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free.pop(0)))
    with bucket(served) as (store, _):
        with pytest.raises(StoreError, match=f"room for {needed} bytes.*got {needed - 1}; set MO"):
            load_artifact(store, "iris", version, cache, Timings())
        assert len(asked) == 1
        load_artifact(store, "iris", version, cache, Timings())
