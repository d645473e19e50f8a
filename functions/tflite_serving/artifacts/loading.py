"""Downloads an artifact from a registry, verifies its files, and caches them on local disk."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tflite_serving.artifacts.room import free_bytes
from tflite_serving.artifacts.store import Store
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasDocument, read_alias
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.manifest import FileEntry, Manifest, read_manifest
from tflite_serving.errors import ArtifactRefused, IntegrityError, ObjectNotFound, StoreError
from tflite_serving.telemetry import Timings


@dataclass(frozen=True, slots=True)
class LocalArtifact:
    """An artifact whose files are on local disk and verified against the manifest.

    Attributes:
        manifest: Manifest of the artifact.
        files: Local path of each file that serving needs, by its path in the manifest.
    """

    manifest: Manifest
    files: dict[str, Path]


def resolve_alias(store: Store, name: str, alias: str) -> AliasDocument:
    """Reads the current alias document.

    Raises:
        StoreError: The document cannot be read; ObjectNotFound if it does not exist.
        ArtifactRefused: The document is damaged, or is that of another model or alias.
    """
    path = layout.alias_path(name, alias)
    data = store.read(path, layout.MOST_ALIAS_BYTES).data
    try:
        document = read_alias(data)
    except ContractError as error:
        raise ArtifactRefused(f"{store.uri}/{path}: {error}") from None
    if (document.model, document.alias) != (name, alias):
        raise IntegrityError(
            f"{store.uri}/{path}: the alias there is {document.alias} of {document.model}"
        )
    return document


def load_artifact(
    store: Store, name: str, version: str, cache: Path, timings: Timings
) -> LocalArtifact:
    """Downloads one version to local disk and verifies it.

    Cached files are verified again before they are used; a damaged one is downloaded again.

    Args:
        store: Registry.
        name, version: Name of the model and id of its version.
        cache: Folder for downloads; a registry in a folder does not use it.
        timings: Timings of the request; get the stages "download" and "verify".

    Raises:
        StoreError: A file cannot be read, or the cache cannot be written.
        IntegrityError: A file is missing, or differs from the manifest.
        ArtifactRefused: The manifest itself is damaged, or of a newer schema.
    """
    with timings.stage("download"):
        manifest = _read_manifest(store, name, version)
    needed = {path: manifest.files[path] for path in manifest.needed}
    prefix = layout.version_folder(name, version)
    local = {path: store.local(f"{prefix}/{path}") for path in needed}
    on_disk = {path: place for path, place in local.items() if place is not None}
    if len(on_disk) == len(needed):
        with timings.stage("verify"):
            _verify(on_disk, needed, f"{store.uri}/{prefix}")
        return LocalArtifact(manifest, on_disk)

    folder = cache / name / version
    cached = {path: folder / path for path in needed}
    with timings.stage("verify"):
        hit = _is_intact(cached, needed)
    if not hit:
        _download(store, prefix, folder, needed, timings)
    return LocalArtifact(manifest, cached)


def _read_manifest(store: Store, name: str, version: str) -> Manifest:
    path = layout.manifest_path(name, version)
    where = f"{store.uri}/{path}"
    data = store.read(path).data
    try:
        manifest = read_manifest(data)
    except ContractError as error:
        raise ArtifactRefused(f"{where}: {error}") from None
    if (manifest.name, manifest.version) != (name, version):
        raise IntegrityError(
            f"{where}: the manifest there is of {manifest.name} {manifest.version}"
        )
    return manifest


def _download(
    store: Store, prefix: str, folder: Path, needed: Mapping[str, FileEntry], timings: Timings
) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_room(folder, sum(entry.bytes for entry in needed.values()))
        scratch = Path(tempfile.mkdtemp(prefix=".download-", dir=folder.parent))
        try:
            _download_verified(store, prefix, scratch, needed, timings)
            _move_into_place(scratch, folder, needed)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}); "
            "set MODEL_CACHE to a folder that is writable and has room"
        ) from error


def _check_room(folder: Path, needed_bytes: int) -> None:
    free = free_bytes(folder)
    if needed_bytes > free:
        raise StoreError(
            f"{folder}: expected room for {needed_bytes} bytes, as the manifest has them, got "
            f"{free}; set MODEL_CACHE to a folder with more room, or, where the folder is memory, "
            "give the function more"
        )


def _download_verified(
    store: Store, prefix: str, scratch: Path, needed: Mapping[str, FileEntry], timings: Timings
) -> None:
    with timings.stage("download"):
        for path in needed:
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            _fetch(store, f"{prefix}/{path}", scratch / path, needed[path].bytes)
    with timings.stage("verify"):
        _verify({path: scratch / path for path in needed}, needed, f"{store.uri}/{prefix}")


def _fetch(store: Store, path: str, destination: Path, size: int) -> None:
    try:
        store.fetch(path, destination, size)
    except ObjectNotFound as error:
        raise IntegrityError(f"{error}, but the manifest lists it") from None


def _move_into_place(scratch: Path, folder: Path, needed: Mapping[str, FileEntry]) -> None:
    """Replaces file by file, so that a good file is never missing from another worker's hands.

    Whoever else does this now has the same verified bytes.
    """
    for path in needed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (scratch / path).replace(folder / path)


def _is_intact(local: Mapping[str, Path], needed: Mapping[str, FileEntry]) -> bool:
    try:
        _verify(local, needed, "")
    except IntegrityError:
        return False
    return True


def _verify(local: Mapping[str, Path], needed: Mapping[str, FileEntry], where: str) -> None:
    for path, entry in needed.items():
        try:
            status = local[path].stat()
            size = status.st_size
            if size != entry.bytes or not stat.S_ISREG(status.st_mode):
                raise IntegrityError(f"{where}: {path}: expected {entry.bytes} bytes, got {size}")
            with local[path].open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise IntegrityError(
                f"{where}: {path}: cannot be read ({error.strerror}), but the manifest lists it"
            ) from None
        if digest != entry.sha256:
            raise IntegrityError(f"{where}: {path}: expected sha256 {entry.sha256}, got {digest}")
