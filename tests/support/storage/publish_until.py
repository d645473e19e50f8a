"""Publishes an artifact in a process of its own, so that a test can kill it at any step.

Usage: publish_until.py REGISTRY FOLDER STEP [MAX_FILE_BYTES]

After the file STEP ("alias" for the alias) it prints the name and waits to be killed. With
MAX_FILE_BYTES the kernel kills it in the middle of writing the first file that is longer.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tflite_serving.contract.manifest import MANIFEST_FILE, read_manifest


def main(registry: str, folder: Path, step: str, max_file_bytes: int | None = None) -> None:
    """Publishes, and points production to what it published."""

    def reached(path: str) -> None:
        if path == step:
            print(path, flush=True)
            sys.stdin.read()

    manifest = read_manifest((folder / MANIFEST_FILE).read_bytes())
    store = open_writable(registry, 10.0)
    if max_file_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
    publish(store, manifest, folder, reached)
    move_alias(store, manifest.name, "production", manifest.version, "publish")
    reached("alias")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
