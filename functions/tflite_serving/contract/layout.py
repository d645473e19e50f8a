"""Paths of artifacts and aliases in a registry, relative to its root."""

from __future__ import annotations

from tflite_serving.contract.manifest import MANIFEST_FILE

MODELS = "models"
MOST_ALIAS_BYTES = 2**18
"""Of an alias's document, whose history has an end."""
MOST_DOCUMENT_BYTES = 2**23
"""Of a manifest, whose labels may be many."""


def version_folder(name: str, version: str) -> str:
    """Path of the folder of one artifact."""
    return f"{MODELS}/{name}/versions/{version}"


def file_path(name: str, version: str, path: str) -> str:
    """Path of one file of an artifact."""
    return f"{version_folder(name, version)}/{path}"


def manifest_path(name: str, version: str) -> str:
    """Path of a manifest, which is written last: a version without one does not exist."""
    return file_path(name, version, MANIFEST_FILE)


def alias_path(name: str, alias: str) -> str:
    """Path of an alias document."""
    return f"{MODELS}/{name}/aliases/{alias}.json"
