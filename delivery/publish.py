"""Takes a version over into a registry, where no alias names it yet.

    python -m delivery.publish recipe.toml --to gs://my-models --from build/delivery/registry \
      --from-alias candidate --json build/delivery/published.json

The version is that of an alias of another registry, or one that is named.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from delivery.documents import read_fields
from model_export import (
    ExportError,
    RegistryError,
    UsageError,
    WritableStore,
    open_registry,
    publish,
    read_named_alias,
    read_recipe,
    read_version,
    registry_errors,
)
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import MANIFEST_FILE, Manifest


@dataclass(frozen=True, slots=True)
class Published:
    """A version that is in the registry that is served from.

    Attributes:
        model: Name of the model.
        version: Id of the version.
    """

    model: str
    version: str

    @classmethod
    def read(cls, path: Path) -> Published:
        """The version that publish.sh left in a file."""
        return read_fields(path, cls)


def take_over(model: str, version: str, source: WritableStore, target: WritableStore) -> None:
    """Copies a version unless it is there; no alias moves, so nobody is served by it.

    Args:
        model: Name of the model.
        version: Id of the version.
        source: Registry that has the version, unless the target has it.
        target: Registry that is served from.

    Raises:
        RegistryError: neither has the version, a file is not what its manifest says, or a registry
            refused.
    """
    if source is not target:
        if _has(target, model, version):
            _check_same(model, version, source, target)
        else:
            _copy(model, version, source, target)
    read_version(target, model, version)


def tested_version(source: WritableStore, model: str, alias: str, tested: str | None) -> str:
    """The version that an alias names, if it passed its test.

    Args:
        source: the registry.
        model: in it.
        alias: that names the version.
        tested: alias of what passed; None asks for no test.

    Raises:
        RegistryError: it did not pass, or there is no such alias.
    """
    version = read_named_alias(source, model, alias).version
    if tested is not None:
        passed = read_named_alias(source, model, tested).version
        if passed != version:
            raise RegistryError(
                f"{source.uri}: {model}@{alias} is {version}, which passed no smoke test; the last "
                f"that did is {passed}. Release that with VERSION={passed}, or find out why"
            )
    return version


def _has(store: WritableStore, model: str, version: str) -> bool:
    try:
        read_version(store, model, version)
    except RegistryError:
        return False
    return True


def _check_same(model: str, version: str, source: WritableStore, target: WritableStore) -> None:
    """Refuses a target whose files of the version are not those of the source."""
    manifest = read_version(source, model, version)
    path = layout.file_path(model, version, MANIFEST_FILE)
    with registry_errors():
        if target.read(path).data != source.read(path).data:
            raise RegistryError(f"{target.uri}: {version} is not the version of {source.uri}")
    for _ in _files(target, manifest):
        pass  # each is compared as it is read


def _copy(model: str, version: str, source: WritableStore, target: WritableStore) -> None:
    manifest = read_version(source, model, version)
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        folder = Path(temporary)
        with registry_errors():
            path = layout.file_path(model, version, MANIFEST_FILE)
            (folder / MANIFEST_FILE).write_bytes(source.read(path).data)
        for name, data in _files(source, manifest):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        publish(target, manifest, folder)


def _files(store: WritableStore, manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """The files of a version, each with the sha256 that the manifest gives it."""
    for name, entry in manifest.files.items():
        with registry_errors():
            data = store.read(layout.file_path(manifest.name, manifest.version, name)).data
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise RegistryError(
                f"{store.uri}: {name} of {manifest.version} is not what was published"
            )
        yield name, data


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As export has it.")
@click.option("--to", "target", required=True, help="URI of the registry that is served from.")
@click.option("--from", "source", help="URI of the registry that has the version.")
@click.option("--from-alias", help="The alias that names the version there.")
@click.option("--tested", help="An alias that must name the same version there.")
@click.option("--version", help="The version, instead of the one that --from-alias names.")
@click.option(
    "--json", "output", type=click.Path(path_type=Path), required=True, help="Write it here."
)
def main(
    recipe: Path,
    overrides: tuple[str, ...],
    target: str,
    source: str | None,
    from_alias: str | None,
    tested: str | None,
    version: str | None,
    output: Path,
) -> None:
    """Take a version over into a registry."""
    try:
        model = read_recipe(recipe, overrides).model.name
        to_store = open_registry(target)
        from_store = to_store if source is None else open_registry(source)
        if version is None:
            if from_alias is None:
                raise UsageError("expected --version or --from-alias: which version?")
            version = tested_version(from_store, model, from_alias, tested)
        take_over(model, version, from_store, to_store)
    except ExportError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    output.write_text(json.dumps(asdict(Published(model, version))), encoding="utf-8")
    click.echo(f"{to_store.uri}: {model} {version} is there, and no alias was moved")


if __name__ == "__main__":
    main()
