"""One write for each response."""

from __future__ import annotations

import asyncio

import pytest

from tflite_serving.server import OneWrite

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Recorder(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[object] = []
        self.is_closed = False

    def write(self, data: object) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_head_and_body_are_written_together(recorder: Recorder) -> None:
    transport = OneWrite(recorder)
    transport.write(HEAD)
    assert recorder.written == []
    transport.write(b"ok")
    transport.write(b"more")
    assert recorder.written == [HEAD + b"ok", b"more"]


def test_a_head_without_a_body_is_written_in_the_end(recorder: Recorder) -> None:
    transport = OneWrite(recorder)
    transport.write(HEAD)
    transport.flush()
    transport.flush()
    assert recorder.written == [HEAD]


def test_closing_writes_what_is_kept(recorder: Recorder) -> None:
    transport = OneWrite(recorder)
    transport.write(HEAD)
    transport.close()
    assert recorder.written == [HEAD]
    assert transport.is_closing()


def test_a_client_that_asks_whether_to_go_on_is_told_at_once(recorder: Recorder) -> None:
    proceed = b"HTTP/1.1 100 Continue\r\n\r\n"
    OneWrite(recorder).write(proceed)
    assert recorder.written == [proceed]
