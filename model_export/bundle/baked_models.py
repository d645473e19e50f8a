"""Reads model versions from a registry, to be included in the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from model_export.errors import RegistryError, UsageError
from model_export.registry.operations import (
    open_registry,
    read_named_alias,
    read_version,
    registry_errors,
)
from model_export.registry.store import WritableStore
from tflite_serving.artifacts.baked import MODELS_FILE, REGISTRY_FOLDER
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasDocument, write_alias
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.manifest import FileEntry, Manifest
from tflite_serving.errors import ObjectNotFound
from tflite_serving.settings import ModelRef

_BEYOND_BYTES = (
    2**16
)  # what is read of a file that is too long, so that a message can tell its size


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A version to bake, and how it was named.

    Attributes:
        ref: as MODELS in the bundle will name it.
        manifest: of the version that answers.
        left_behind: what else the alias names, such as "canary": a bundle has no use for it.
    """

    ref: ModelRef
    manifest: Manifest
    left_behind: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, FileEntry]:
        """The files that serving may need; evidence is for people, and stays in the registry."""
        files = self.manifest.files
        return {path: entry for path, entry in files.items() if not entry.is_evidence}

    @property
    def bytes(self) -> int:
        """Size of these files, without the manifest."""
        return sum(entry.bytes for entry in self.content.values())


def find_models(models: Sequence[str], registry: str) -> tuple[WritableStore, list[FoundModel]]:
    """Looks up which versions are meant; reads aliases and manifests, and no large file.

    Args:
        models: ``name``, ``name@alias`` or ``name@version`` each; the first is the default model.
        registry: URI of the registry.

    Returns:
        the registry, and the models in the order given.

    Raises:
        UsageError: a model cannot be named like this, or is named twice.
        RegistryError: the registry does not have it, or did not answer.
    """
    refs = [_ref(text) for text in models]
    twice = next((ref for ref in refs if refs.count(ref) > 1), None)
    if twice is not None:
        raise UsageError(f"--bake: expected each model once, got {twice} twice")
    store = open_registry(registry)
    return store, [_find(store, ref) for ref in refs]


def read_models(store: WritableStore, found: Sequence[FoundModel]) -> dict[str, bytes]:
    """The registry that the bundle carries.

    What it holds depends on the versions and on how they are named, and on nothing else: an
    alias that was moved away and back gives the same bytes.

    Args:
        store: where the models were found.
        found: what to bake.

    Returns:
        each file's content, by its path in the bundle.

    Raises:
        RegistryError: a file is missing, or is not what the manifest says.
    """
    files = {MODELS_FILE: (",".join(str(model.ref) for model in found) + "\n").encode()}
    for model in found:
        name, version = model.manifest.name, model.manifest.version
        manifest = layout.manifest_path(name, version)
        with registry_errors():
            files[manifest] = store.read(manifest).data
        for path, entry in model.content.items():
            place = layout.file_path(name, version, path)
            if place not in files:  # two aliases may name one version
                files[place] = _read_verified(store, place, entry)
        if model.ref.alias is not None:
            alias = AliasDocument(model=name, alias=model.ref.alias, version=version)
            files[layout.alias_path(name, model.ref.alias)] = write_alias(alias).encode()
    return {f"{REGISTRY_FOLDER}/{path}": data for path, data in files.items()}


def _ref(text: str) -> ModelRef:
    try:
        return ModelRef.parse(text.strip())
    except ContractError as error:
        raise UsageError(f"--bake {error}") from None


def _find(store: WritableStore, ref: ModelRef) -> FoundModel:
    if ref.alias is None:
        assert ref.version is not None
        return FoundModel(ref, read_version(store, ref.name, ref.version))
    alias = read_named_alias(store, ref.name, ref.alias)
    return FoundModel(
        ref,
        read_version(store, ref.name, alias.version),
        tuple(f"{what} {share.version}" for what, share in alias.shares.items()),
    )


def _read_verified(store: WritableStore, path: str, entry: FileEntry) -> bytes:
    where = f"{store.uri}/{path}"
    with registry_errors():
        try:
            data = store.read(path, entry.bytes + _BEYOND_BYTES).data
        except ObjectNotFound as error:
            raise RegistryError(f"{error}, but the manifest lists it") from None
    if len(data) != entry.bytes:
        raise RegistryError(f"{where}: expected {entry.bytes} bytes, got {len(data)}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise RegistryError(f"{where}: expected sha256 {entry.sha256}, got {digest}")
    return data
