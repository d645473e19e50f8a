"""A bucket on this machine: fake-gcs-server with the registry's files in it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.serving.ports import free_port

_GO = Path.home() / "go" / "bin"
_NAME = "bench"
_START_SECONDS = 20.0
_INSTALL = "go install github.com/fsouza/fake-gcs-server@v1.56.1"


class BucketMissing(Exception):
    """The bucket's server is not installed or does not start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that answers.

    Attributes:
        url: what STORAGE_EMULATOR_HOST must say.
    """

    url: str

    @property
    def registry(self) -> str:
        """Its registry's URI."""
        return f"gs://{_NAME}"


@contextmanager
def running_bucket(registry: Path, model: str) -> Iterator[Bucket]:
    """A bucket with a copy of one model, for as long as the block runs.

    Args:
        registry: the folder that is copied.
        model: its name.

    Raises:
        BucketMissing: see there.
    """
    program = shutil.which("fake-gcs-server") or shutil.which("fake-gcs-server", path=_GO)
    if program is None:
        raise BucketMissing(f"fake-gcs-server is not installed: `{_INSTALL}`")
    address = f"127.0.0.1:{free_port()}"
    host, _, port = address.partition(":")
    url = f"http://{address}"
    command = [program, "-scheme", "http", "-backend", "memory", "-host", host, "-port", port]
    command += ["-public-host", address, "-external-url", url, "-log-level", "error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _create(url, process)
        for path in sorted((registry / "models" / model).rglob("*")):
            if path.is_file():
                _upload(url, path.relative_to(registry).as_posix(), path.read_bytes())
        yield Bucket(url)
    finally:
        process.kill()
        process.wait()


def _create(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = requests.post(
                f"{url}/storage/v1/b", params={"project": "bench"}, json={"name": _NAME}, timeout=5
            )
        except requests.ConnectionError:
            time.sleep(0.05)
            continue
        answer.raise_for_status()
        return
    raise BucketMissing("fake-gcs-server did not start")


def _upload(url: str, name: str, content: bytes) -> None:
    answer = requests.post(
        f"{url}/upload/storage/v1/b/{_NAME}/o",
        params={"uploadType": "media", "name": name},
        data=content,
        headers={"Content-Type": "application/octet-stream"},
        timeout=30,
    )
    answer.raise_for_status()
