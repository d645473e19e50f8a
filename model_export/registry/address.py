"""Finds the artifact or alias that a URI refers to."""

from __future__ import annotations

from model_export.errors import UsageError
from model_export.registry.operations import (
    open_registry,
    read_named_alias,
    read_version,
)
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasDocument
from tflite_serving.contract.manifest import Manifest
from tflite_serving.settings import DEFAULT_ALIAS


def find_document(uri: str) -> Manifest | AliasDocument:
    """What an artifact's or alias's URI names; see the `show` command.

    Raises:
        UsageError: it is no such URI.
        RegistryError: nothing is there.
    """
    return _read(*_parts(uri))


def find_artifact(uri: str) -> tuple[str, Manifest]:
    """The registry of an artifact's or alias's URI, and the manifest that it comes to.

    Raises:
        UsageError, RegistryError: as `find_document`.
    """
    registry, name, kind, which = _parts(uri)
    document = _read(registry, name, kind, which)
    if isinstance(document, Manifest):
        return registry, document
    found = _read(registry, name, "versions", document.version)
    assert isinstance(found, Manifest)
    return registry, found


def _parts(uri: str) -> tuple[str, str, str, str]:
    """Registry, model, "versions" or "aliases", and which."""
    registry, slash, path = uri.rstrip("/").rpartition(f"/{layout.MODELS}/")
    parts = path.removesuffix(".json").removesuffix("/manifest").split("/")
    if not slash or len(parts) not in (1, 3):
        raise UsageError(
            f"{uri}: expected <registry>/models/<name>, or that with /versions/<version> or "
            "/aliases/<alias> behind it"
        )
    name, kind, which = parts if len(parts) == 3 else (parts[0], "aliases", DEFAULT_ALIAS)
    if kind not in ("versions", "aliases"):
        raise UsageError(f"{uri}: expected versions or aliases after the model, got {kind!r}")
    return registry, name, kind, which


def _read(registry: str, name: str, kind: str, which: str) -> Manifest | AliasDocument:
    store = open_registry(registry)
    if kind == "versions":
        return read_version(store, name, which)
    return read_named_alias(store, name, which)
