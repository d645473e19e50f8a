"""Lets an alias name a published version, and takes that back.

    python -m delivery.release build/delivery/published.json --registry gs://my-models \
      --alias production --json build/delivery/released.json
    python -m delivery.release --back build/delivery/released.json --registry gs://my-models

The second form undoes the first, unless somebody moved the alias in between. With ``--to ALIAS`` it
points the alias to what another alias names.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from delivery.documents import read_fields
from delivery.publish import Published
from model_export import (
    ExportError,
    RegistryError,
    UsageError,
    WritableStore,
    change_alias,
    open_registry,
    promote,
    read_named_alias,
)
from tflite_serving.contract.alias import AliasDocument


@dataclass(frozen=True, slots=True)
class Released:
    """What a release did to an alias.

    Attributes:
        model: Name of the model.
        version: Version that the alias names now.
        alias: Alias that names it.
        before: Version that the alias named before; None if the alias is new, or was not moved
            because it named the version already.
        ended: The canary and the shadow of the alias that it ended; empty if there was none.
    """

    model: str
    version: str
    alias: str
    before: str | None
    ended: str = ""

    @classmethod
    def read(cls, path: Path) -> Released:
        """What release.sh left in a file."""
        return read_fields(path, cls)


def release(store: WritableStore, published: Published, alias: str) -> Released:
    """Points an alias to a version.

    Args:
        store: Registry that is served from.
        published: Version in it.
        alias: Alias to move; made if there is none.

    Raises:
        RegistryError: there is no such version, or the registry refused.
        ConflictError: somebody else moved the alias meanwhile.
    """
    done = promote(store, published.model, published.version, alias)
    before = done.before if done.is_change else None
    return Released(published.model, published.version, alias, before, done.ended)


def take_back(store: WritableStore, released: Released, to: str | None = None) -> str:
    """Points an alias to the version that it named before a release.

    Args:
        store: Registry that is served from.
        released: The release to undo.
        to: Alias whose version it is to name instead; None for its own former one.

    Returns:
        The version that the alias names now.

    Raises:
        RegistryError: the alias named no other version before, names another one since, or the
            registry refused.
        ConflictError: somebody else moved the alias meanwhile.
    """
    where = f"{store.uri}: {released.model}@{released.alias}"
    before = released.before
    if to is not None:
        before = read_named_alias(store, released.model, to).version
    if before is None:
        raise RegistryError(f"{where}: this run did not move it from another version to this one")

    def choose(document: AliasDocument | None) -> str:
        now = None if document is None else document.version
        if now != released.version:
            raise RegistryError(
                f"{where}: expected {released.version}, which this run released, got {now}: "
                "somebody moved it since"
            )
        return before

    return change_alias(store, released.model, released.alias, choose, "rollback").alias.version


@click.command()
@click.argument("published", type=click.Path(path_type=Path), required=False)
@click.option("--back", type=click.Path(path_type=Path), help="The release to undo.")
@click.option("--to", help="With --back: an alias that names the version to go to.")
@click.option("--registry", required=True, help="URI of the registry that is served from.")
@click.option("--alias", help="The alias to move.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write the outcome here.")
def main(
    published: Path | None,
    back: Path | None,
    to: str | None,
    registry: str,
    alias: str | None,
    output: Path | None,
) -> None:
    """Let an alias name a published version, or take that back."""
    try:
        store = open_registry(registry)
        if back is not None:
            undone = Released.read(back)
            version = take_back(store, undone, to)
            click.echo(f"TAKEN BACK: {store.uri}: {undone.model}@{undone.alias} is {version} again")
            return
        if published is None or alias is None:
            raise UsageError("expected --back, or what was published and --alias")
        released = release(store, Published.read(published), alias)
    except ExportError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    if output is not None:
        output.write_text(json.dumps(asdict(released)), encoding="utf-8")
    ended = f"; ended: {released.ended}" if released.ended else ""
    was = f", before {released.before}" if released.before else ""
    click.echo(f"{store.uri}: {released.model}@{alias} is {released.version}{was}{ended}")


if __name__ == "__main__":
    main()
