"""A real fake-gcs-server: Cloud Storage's JSON API, its objects in memory, on 127.0.0.1."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests

from tests.support.programs import find_program

_START_SECONDS = 20.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class FakeGcs:
    """A server that runs: what STORAGE_EMULATOR_HOST must say to reach it."""

    url: str

    def create_bucket(self, name: str) -> None:
        """Makes an empty bucket."""
        answer = requests.post(
            f"{self.url}/storage/v1/b", params={"project": "test"}, json={"name": name}, timeout=10
        )
        answer.raise_for_status()


@contextmanager
def running_fake_gcs() -> Iterator[FakeGcs]:
    """Starts a server on a free port, waits for its first answer, and ends it afterwards.

    Without the program the test is skipped; where CI is set it fails.
    """
    program = find_program("fake-gcs-server")
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    url = f"http://{address}"
    command = [program, "-scheme", "http", "-backend", "memory", "-host", host, "-port", port]
    command += ["-public-host", address, "-external-url", url, "-log-level", "error"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for_answer(process, url)
            yield FakeGcs(url)
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_answer(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(f"{url}/storage/v1/b", params={"project": "test"}, timeout=1)
        except requests.ConnectionError:
            pass
        else:
            return
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"fake-gcs-server ended with {process.returncode}")
    pytest.fail(f"fake-gcs-server did not answer within {_START_SECONDS:g} s")
