"""Provenance of an artifact: hashes of model, recipe and data, packages, git commit, CPU."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from tflite_serving.contract.evidence import Provenance

PACKAGES = (
    "tensorflow",
    "keras",
    "litert-quantizer",
    "ai-edge-litert",
    "numpy",
    # What makes tokens of texts, and pixels of pictures.
    "keras-hub",
    "tokenizers",
    "sentencepiece",
    "pillow",
)
"""What an artifact depends on beside our own code."""


def collect_provenance(
    recipe_folder: Path, source_sha256: str, recipe_sha256: str, data_sha256: str
) -> Provenance:
    """Collects the provenance of an export.

    Args:
        recipe_folder: where the recipe lies; its git commit is recorded.
        source_sha256, recipe_sha256, data_sha256: of the model, the recipe and the splits.
    """
    return Provenance(
        source_sha256=source_sha256,
        recipe_sha256=recipe_sha256,
        data_sha256=data_sha256,
        packages={
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in PACKAGES},
        },
        git_commit=_git_commit(recipe_folder),
        host_cpu=host_cpu(),
    )


def source_sha256(source: Path) -> str:
    """Of a model file; of the names and contents of all files of a model folder."""
    digest = hashlib.sha256()
    if source.is_file():
        digest.update(source.read_bytes())
        return digest.hexdigest()
    for path in sorted(source.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{content}  {path.relative_to(source).as_posix()}\n".encode())
    return digest.hexdigest()


def _git_commit(folder: Path) -> str | None:
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return process.stdout.strip()


def host_cpu() -> str:
    """The name of this machine's processor, or at least its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
