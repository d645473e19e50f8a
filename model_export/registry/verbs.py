"""Publishing, and looking at what is published."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from model_export.errors import RegistryError
from model_export.registry.store import WritableStore
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasChange, AliasDocument, read_alias, write_alias
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.manifest import MANIFEST_FILE, Manifest, read_manifest
from tflite_serving.contract.versions import is_version
from tflite_serving.errors import ArtifactError, ObjectNotFound


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version as a listing shows it: its manifest, and the aliases that name it now."""

    manifest: Manifest
    aliases: tuple[str, ...]


def publish(
    store: WritableStore,
    manifest: Manifest,
    folder: Path,
    on_file: Callable[[str], None] = lambda path: None,
) -> None:
    """Copies an artifact to the registry: its files, and the manifest last.

    Whoever looks meanwhile sees no version at all; so they do for ever if this is killed.

    Args:
        store: the registry.
        manifest: of the artifact.
        folder: where its files are.
        on_file: told each path when it is there.

    Raises:
        RegistryError: the registry refused or did not answer.
        ConflictError: the version is there already, with another content.
    """
    with registry_errors():
        for path in [*sorted(manifest.files), MANIFEST_FILE]:
            store.create(layout.file_path(manifest.name, manifest.version, path), folder / path)
            on_file(path)


def move_alias(
    store: WritableStore, name: str, alias: str, version: str, action: str
) -> AliasDocument:
    """Points an alias to a version, which must be there.

    Args:
        store: the registry.
        name: of the model.
        alias: of the model; made if there is none.
        version: where it points from now on.
        action: what the history calls it, such as "publish".

    Returns:
        the alias after the move.

    Raises:
        RegistryError: there is no such version, or the registry did not answer.
        ConflictError: somebody else moved the alias meanwhile; it is as they left it.
    """
    path = layout.alias_path(name, alias)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    change = AliasChange(version=version, at=now, by=_user(), action=action)
    read_version(store, name, version)
    with registry_errors():
        try:
            stored = store.read(path)
        except ObjectNotFound:
            document = AliasDocument(model=name, alias=alias, version=version, history=(change,))
            generation = None
        else:
            document = read_alias(stored.data).moved(change)
            generation = stored.generation
        store.replace(path, write_alias(document).encode(), generation)
    return document


def read_version(store: WritableStore, name: str, version: str) -> Manifest:
    """The manifest of one version.

    Raises:
        RegistryError: there is none, it is damaged, or the registry did not answer.
    """
    with registry_errors():
        return read_manifest(store.read(layout.manifest_path(name, version)).data)


def read_named_alias(store: WritableStore, name: str, alias: str) -> AliasDocument:
    """One alias of a model.

    Raises:
        RegistryError: there is none, it is damaged, or the registry did not answer.
    """
    with registry_errors():
        return read_alias(store.read(layout.alias_path(name, alias)).data)


def list_versions(store: WritableStore, name: str | None = None) -> Iterator[ListedVersion]:
    """Every version of every model (or of one), newest first within a model.

    Folders without a manifest are passed over: something was killed while it published.

    Raises:
        RegistryError: a manifest is damaged, or the registry did not answer.
    """
    with registry_errors():
        names = [name] if name else store.folders(layout.MODELS)
    for model in names:
        with registry_errors():
            pointers = [
                read_alias(store.read(f"{layout.MODELS}/{model}/aliases/{file}").data)
                for file in store.files(f"{layout.MODELS}/{model}/aliases")
                if file.endswith(".json")
            ]
            versions = store.folders(f"{layout.MODELS}/{model}/versions")
        for version in sorted(filter(is_version, versions), reverse=True):
            with registry_errors():
                try:
                    data = store.read(layout.manifest_path(model, version)).data
                except ObjectNotFound:
                    continue
                manifest = read_manifest(data)
            names_it = tuple(p.alias for p in pointers if p.version == version)
            yield ListedVersion(manifest, names_it)


@contextmanager
def registry_errors() -> Iterator[None]:
    """Turns what a store or the contract raises into the pipeline's error with its exit code."""
    try:
        yield
    except ArtifactError as error:
        raise RegistryError(str(error)) from error
    except ContractError as error:
        raise RegistryError(f"the registry holds a damaged document: {error}") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container without a user database
