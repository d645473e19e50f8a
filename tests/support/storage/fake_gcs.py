"""A real fake-gcs-server: Cloud Storage's JSON API, its objects in memory, on 127.0.0.1."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.network.ports import free_port, wait_until_it_listens
from tests.support.programs.installed import find_program


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
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until_it_listens(process, int(port), Path(log.name).read_text)
            yield FakeGcs(url)
        finally:
            process.kill()
            process.wait()
