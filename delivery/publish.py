"""Takes a version over into a registry, and lets an alias name it.

    python -m delivery.release recipe.toml --from build/delivery/registry --from-alias candidate \
      --to gs://my-models --alias staging
    python -m delivery.release recipe.toml --to gs://my-models --alias production --version VERSION

The second form releases, or goes back to, what the registry has already.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from model_export.errors import ExportError, RegistryError, UsageError
from model_export.recipe import read_recipe
from model_export.registry.release import promote
from model_export.registry.store import WritableStore
from model_export.registry.verbs import (
    open_registry,
    publish,
    read_named_alias,
    read_version,
    registry_errors,
)
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import MANIFEST_FILE


@dataclass(frozen=True, slots=True)
class Released:
    """What a release came to.

    Attributes:
        model: its name.
        version: that answers now.
        alias: that names it.
        before: the last other version that the alias named; None if there was none.
        ended: The canary and the shadow of the alias that it ended; empty if there was none.
    """

    model: str
    version: str
    alias: str
    before: str | None
    ended: str = ""


def release(
    model: str, version: str, alias: str, source: WritableStore, target: WritableStore
) -> Released:
    """Copies a version unless it is there, and points the alias to it.

    Args:
        model: its name.
        version: of it.
        alias: to move; made if there is none.
        source: has the version, unless the target has it.
        target: the registry that is served from.

    Raises:
        RegistryError: neither has the version, a file is not what its manifest says, or a registry
            refused.
        ConflictError: somebody else moved the alias meanwhile.
    """
    if source is not target and not _has(target, model, version):
        _copy(model, version, source, target)
    done = promote(target, model, version, alias)
    # Whoever releases the same again wants to go back to what was before it all the same.
    others = [change.version for change in done.alias.history if change.version != version]
    return Released(model, version, alias, others[-1] if others else None, done.ended)


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


def _copy(model: str, version: str, source: WritableStore, target: WritableStore) -> None:
    manifest = read_version(source, model, version)
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        folder = Path(temporary)
        for path in (*manifest.files, MANIFEST_FILE):
            with registry_errors():
                data = source.read(layout.file_path(model, version, path)).data
            entry = manifest.files.get(path)
            if entry is not None and hashlib.sha256(data).hexdigest() != entry.sha256:
                raise RegistryError(f"{source.uri}: {path} of {version} is not what was published")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        publish(target, manifest, folder)


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As export has it.")
@click.option("--to", "target", required=True, help="URI of the registry that is served from.")
@click.option("--alias", required=True, help="The alias to move.")
@click.option("--from", "source", help="URI of the registry that has the version.")
@click.option("--from-alias", help="The alias that names the version there.")
@click.option("--tested", help="An alias that must name the same version there.")
@click.option("--version", help="The version, instead of the one that --from-alias names.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write the outcome here.")
def main(
    recipe: Path,
    overrides: tuple[str, ...],
    target: str,
    alias: str,
    source: str | None,
    from_alias: str | None,
    tested: str | None,
    version: str | None,
    output: Path | None,
) -> None:
    """Take a version over into a registry, and let an alias name it."""
    try:
        model = read_recipe(recipe, overrides).model.name
        to_store = open_registry(target)
        from_store = to_store if source is None else open_registry(source)
        if version is None:
            if from_alias is None:
                raise UsageError("expected --version or --from-alias: which version?")
            version = tested_version(from_store, model, from_alias, tested)
        released = release(model, version, alias, from_store, to_store)
    except ExportError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    if output is not None:
        output.write_text(json.dumps(asdict(released)), encoding="utf-8")
    ended = f"; ended: {released.ended}" if released.ended else ""
    was = f", before {released.before}" if released.before else ""
    click.echo(f"{to_store.uri}: {model}@{alias} is {version}{was}{ended}")


if __name__ == "__main__":
    main()
