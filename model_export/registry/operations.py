"""Operations on a registry: publish and list versions, read and move aliases."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from model_export.errors import RegistryError, UsageError
from model_export.registry.open import open_writable
from model_export.registry.store import WritableStore
from tflite_serving.artifacts.store import StoredObject
from tflite_serving.contract import layout, versions
from tflite_serving.contract.alias import AliasChange, AliasDocument, read_alias, write_alias
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.manifest import MANIFEST_FILE, Manifest, read_manifest
from tflite_serving.errors import ArtifactError, ObjectNotFound


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version as a listing shows it: its manifest, and the aliases that name it now."""

    manifest: Manifest
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AliasMove:
    """What a command did to an alias.

    Attributes:
        alias: The document as it is now.
        former: The document before; None if there was none.
    """

    alias: AliasDocument
    former: AliasDocument | None

    @property
    def ended(self) -> str:
        """The canary and the shadow that the move ended, for people; empty if there was none."""
        before = {} if self.former is None else self.former.shares
        return ", ".join(
            f"{field} {share.version} at {share.percent:g} %"
            for field, share in before.items()
            if field not in self.alias.shares
        )


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
        RegistryError: the artifact is not whole, or the registry refused or did not answer.
        ConflictError: the version is there already, with another content.
    """
    paths = [*sorted(manifest.files), MANIFEST_FILE]
    for path in paths:
        if not (folder / path).is_file():
            raise RegistryError(f"{folder / path}: there is no such file; nothing was published")
    with registry_errors():
        for path in paths:
            store.create(layout.file_path(manifest.name, manifest.version, path), folder / path)
            on_file(path)


def move_alias(store: WritableStore, name: str, alias: str, version: str, action: str) -> AliasMove:
    """Points an alias to a version, which must be there.

    Args:
        store: the registry.
        name: of the model.
        alias: of the model; made if there is none.
        version: where it points from now on.
        action: what the history calls it, such as "publish".

    Returns:
        the alias before and after. A canary or a shadow beside it ends.

    Raises:
        UsageError: the model, the alias or the version has a name that none can have.
        RegistryError: there is no such version, or the registry did not answer.
        ConflictError: somebody else moved the alias meanwhile; it is as they left it.
    """
    _check(versions.check_name, alias, "alias")
    _check(versions.check_version, version, "version")
    return change_alias(store, name, alias, lambda _: version, action)


def change_alias(
    store: WritableStore,
    name: str,
    alias: str,
    choose: Callable[[AliasDocument | None], str | None],
    action: str,
) -> AliasMove:
    """Points an alias to a version that depends on where it points.

    Args:
        store: the registry.
        name: of the model.
        alias: of the model; made if there is none.
        choose: gets the alias, None if there is none, and says the version, which must be there;
            None leaves everything as it is.
        action: what the history calls it.

    Returns:
        the alias before and after. A canary or a shadow beside it ends if it moves.

    Raises:
        UsageError, RegistryError, ConflictError: as `move_alias`.
    """
    _check(versions.check_name, name, "model")
    _check(versions.check_name, alias, "alias")
    path = layout.alias_path(name, alias)
    with registry_errors():
        try:
            stored = store.read(path, layout.MOST_ALIAS_BYTES)
        except ObjectNotFound:
            former, generation = None, None
        else:
            former, generation = _alias(store, path, stored, name, alias), stored.generation
    version = choose(former)
    if version is None:
        assert former is not None
        return AliasMove(former, former)
    read_version(store, name, version)
    now = versions.rfc3339(datetime.now(UTC))
    change = AliasChange(version=version, at=now, by=_user(), action=action)
    if former is None:
        document = AliasDocument(model=name, alias=alias, version=version, history=(change,))
    else:
        document = former.moved(change)
    with registry_errors():
        store.replace(path, write_alias(document).encode(), generation)
    return AliasMove(document, former)


def read_version(store: WritableStore, name: str, version: str) -> Manifest:
    """The manifest of one version.

    Raises:
        UsageError: the model or the version has a name that none can have.
        RegistryError: there is none, it is damaged, or the registry did not answer.
    """
    _check(versions.check_name, name, "model")
    _check(versions.check_version, version, "version")
    path = layout.manifest_path(name, version)
    with registry_errors():
        return _manifest(store, path, store.read(path), name, version)


def read_named_alias(store: WritableStore, name: str, alias: str) -> AliasDocument:
    """One alias of a model.

    Raises:
        UsageError: the model or the alias has a name that none can have.
        RegistryError: there is none, it is damaged, or the registry did not answer.
    """
    _check(versions.check_name, name, "model")
    _check(versions.check_name, alias, "alias")
    path = layout.alias_path(name, alias)
    with registry_errors():
        try:
            stored = store.read(path, layout.MOST_ALIAS_BYTES)
        except ObjectNotFound as error:
            raise RegistryError(f"{error}{_instead(store, name)}") from None
        return _alias(store, path, stored, name, alias)


def _instead(store: WritableStore, name: str) -> str:
    """What there is of a model that lacks an alias."""
    aliases = alias_names(store, name)
    if aliases:
        return f"; the model has the aliases {', '.join(aliases)}"
    newest = max(_version_ids(store, name), default=None)
    if newest is None:
        return "; there is no such model, either"
    return f"; the model has no alias, and its newest version is {newest}"


def list_versions(store: WritableStore, name: str | None = None) -> Iterator[ListedVersion]:
    """Every version of every model (or of one), newest first within a model.

    Folders without a manifest are passed over: something was killed while it published.

    Raises:
        UsageError: the model has a name that none can have.
        RegistryError: a manifest or an alias is damaged, or the registry did not answer.
    """
    if name is not None:
        _check(versions.check_name, name, "model")
    with registry_errors():
        models = store.folders(layout.MODELS) if name is None else [name]
    for model in models:
        with registry_errors():
            aliases = _aliases(store, model)
            ids = _version_ids(store, model)
        for version in sorted(ids, reverse=True):
            path = layout.manifest_path(model, version)
            with registry_errors():
                try:
                    stored = store.read(path)
                except ObjectNotFound:
                    continue
                manifest = _manifest(store, path, stored, model, version)
            yield ListedVersion(manifest, tuple(a.alias for a in aliases if a.version == version))


@contextmanager
def registry_errors() -> Iterator[None]:
    """Turns what a store or the contract raises into the pipeline's error with its exit code."""
    try:
        yield
    except ArtifactError as error:
        raise RegistryError(str(error)) from error
    except ContractError as error:
        raise RegistryError(f"the registry holds a damaged document: {error}") from error


def open_registry(uri: str) -> WritableStore:
    """A registry as `open_writable` opens it.

    Raises:
        RegistryError: it is no address.
    """
    with registry_errors():
        return open_writable(uri)


def _version_ids(store: WritableStore, model: str) -> list[str]:
    folders = store.folders(f"{layout.MODELS}/{model}/versions")
    return [folder for folder in folders if versions.is_version(folder)]


def alias_names(store: WritableStore, model: str) -> list[str]:
    """Names of a model's aliases; none if there is no such model.

    Raises:
        RegistryError: the registry did not answer.
    """
    with registry_errors():
        files = store.files(f"{layout.MODELS}/{model}/aliases")
    return [Path(file).stem for file in files if file.endswith(".json")]


def _aliases(store: WritableStore, model: str) -> list[AliasDocument]:
    paths = {name: layout.alias_path(model, name) for name in alias_names(store, model)}
    return [
        _alias(store, path, store.read(path, layout.MOST_ALIAS_BYTES), model, name)
        for name, path in paths.items()
    ]


def _alias(
    store: WritableStore, path: str, stored: StoredObject, name: str, alias: str
) -> AliasDocument:
    with _damaged(store, path):
        document = read_alias(stored.data)
    if (document.model, document.alias) != (name, alias):
        raise RegistryError(
            f"{store.uri}/{path}: the alias there is {document.alias} of {document.model}"
        )
    return document


def _manifest(
    store: WritableStore, path: str, stored: StoredObject, name: str, version: str
) -> Manifest:
    with _damaged(store, path):
        manifest = read_manifest(stored.data)
    if (manifest.name, manifest.version) != (name, version):
        raise RegistryError(
            f"{store.uri}/{path}: the manifest there is of {manifest.name} {manifest.version}"
        )
    return manifest


@contextmanager
def _damaged(store: WritableStore, path: str) -> Iterator[None]:
    try:
        yield
    except ContractError as error:
        raise RegistryError(f"{store.uri}/{path}: {error}") from None


def _check(check: Callable[[str, str], None], text: str, what: str) -> None:
    """Names become paths: one such as ``../x`` must not leave its folder."""
    try:
        check(text, what)
    except ContractError as error:
        raise UsageError(str(error)) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container without a user database
