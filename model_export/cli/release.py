"""The commands ``promote`` and ``rollback``, which move aliases."""

from __future__ import annotations

import click

from model_export.cli.exit_codes import reports_errors
from model_export.registry.operations import open_registry
from model_export.registry.release import Release, roll_back
from model_export.registry.release import promote as do_promote


@click.command()
@click.argument("name")
@click.argument("source")
@click.argument("alias")
@click.option("--registry", required=True, help="URI of the registry.")
@reports_errors
def promote(name: str, source: str, alias: str, registry: str) -> None:
    """Release a version: point ALIAS of model NAME to SOURCE, a version or another alias.

    Running functions follow within ALIAS_REFRESH_SECONDS; nothing is deployed. A canary or a shadow
    of ALIAS ends, and is named.
    """
    store = open_registry(registry)
    _tell_release(do_promote(store, name, source, alias))


@click.command()
@click.argument("name")
@click.argument("alias")
@click.option("--registry", required=True, help="URI of the registry.")
@reports_errors
def rollback(name: str, alias: str, registry: str) -> None:
    """Take a release back: point ALIAS of model NAME to the version that it named before.

    Again takes back the release before that. A canary or a shadow of ALIAS ends, and is named.
    """
    store = open_registry(registry)
    _tell_release(roll_back(store, name, alias))


def _tell_release(release: Release) -> None:
    alias = release.alias
    before = "new" if release.before is None else f"before: {release.before}"
    click.echo(
        f"{alias.model}@{alias.alias}: {alias.version}, "
        + (before if release.is_change else "as before")
        + (f"; ended: {release.ended}" if release.ended else "")
    )
