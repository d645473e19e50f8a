"""A bucket whose bytes come one by one, or never end, as the operator's tools meet it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_export.errors import ConflictError
from model_export.registry.folder import WritableFolder
from model_export.registry.gcs import WritableBucket
from model_export.registry.open import open_writable
from tests.support.storage.stores import BucketRegistry
from tests.support.storage.troubled_server import (
    Answer,
    TroubledServer,
    endless,
    status,
    trickle,
    troubled_server,
)
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.contract import layout
from tflite_serving.errors import ObjectTooLarge, StoreUnreachable

PATIENCE_SECONDS, PIECE_SECONDS, EVERY_SECONDS = 0.4, 0.2, 0.02
PATH = "models/iris/aliases/production.json"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
Ask = Callable[[WritableBucket, Path], object]
ASKS: dict[str, Ask] = {
    "read": lambda store, source: store.read(PATH, 1_000),
    "create": lambda store, source: store.create(PATH, source),
    "replace": lambda store, source: store.replace(PATH, source.read_bytes(), None),
    "files": lambda store, source: store.files("models/iris/aliases"),
}


@contextmanager
def bad_day(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer, patience: float = PATIENCE_SECONDS
) -> Iterator[tuple[WritableBucket, TroubledServer]]:
    with troubled_server(*answers) as server, monkeypatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield WritableBucket(BucketFolder("shop", "", patience), PIECE_SECONDS), server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").write_bytes(b"content")
    return tmp_path / "source"


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", HEAD % 1_000], ids=["head", "body"])
def test_an_answer_that_trickles_is_given_up(
    monkeypatch: pytest.MonkeyPatch, source: Path, ask: str, head: bytes
) -> None:
    rest = b"{" if head.endswith(b"\r\n\r\n") else b"X-A: b\r\n"
    began = time.monotonic()
    with (
        bad_day(monkeypatch, trickle(head, rest, EVERY_SECONDS)) as (store, _),
        pytest.raises(StoreUnreachable, match=r"gs://shop/models/iris/aliases.*no answer within"),
    ):
        ASKS[ask](store, source)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("most", [None, layout.MOST_ALIAS_BYTES])
def test_a_document_without_end_is_read_no_further_than_it_may_be_long(
    monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    limits = () if most is None else (most,)
    with bad_day(monkeypatch, endless(HEAD % 2**40), patience=10.0) as (store, server):
        with pytest.raises(ObjectTooLarge, match=rf"{PATH}: expected at most {most or 2**23} byt"):
            store.read(PATH, *limits)
        server.released.set()
        assert server.sent < (most or 2**23) + 2**24


def test_a_document_of_just_the_size_is_read(bucket: BucketRegistry) -> None:
    store = open_writable(bucket.uri, 10.0)
    bucket.write(PATH, b"x" * 1_000)
    assert store.read(PATH, 1_000).data == b"x" * 1_000
    with pytest.raises(ObjectTooLarge, match="expected at most 999 bytes, got more"):
        store.read(PATH, 999)


def test_a_file_that_is_larger_than_its_successor_is_a_conflict(
    bucket: BucketRegistry, source: Path
) -> None:
    bucket.write(PATH, b"content, and more")
    with pytest.raises(ConflictError, match="something else is there already"):
        open_writable(bucket.uri, 10.0).create(PATH, source)


def test_a_refusal_in_the_thread_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        bad_day(monkeypatch, status(503)) as (store, _),
        pytest.raises(StoreUnreachable, match="503"),
    ):
        store.read(PATH)


def test_a_file_of_a_folder_has_a_largest_size_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1_000)
    store = WritableFolder(tmp_path)
    assert len(store.read("a", 1_000).data) == 1_000
    with pytest.raises(ObjectTooLarge, match="expected at most 999 bytes, got 1000"):
        store.read("a", 999)
