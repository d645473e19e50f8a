"""Takes a release back: an alias names again what it named before.

    python -m delivery.rollback recipe.toml --registry gs://my-models --alias production
    python -m delivery.rollback recipe.toml --registry gs://my-models --alias production \
      --version VERSION

The second form goes back to a version of choice, which the alias must have named once: what was
never released needs a delivery. A version that was taken back itself is refused, unless
``--even-if-taken-back`` says that it is meant.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from model_export import (
    ExportError,
    UsageError,
    WritableStore,
    change_alias,
    open_registry,
    read_recipe,
    rollback,
    standing_versions,
)
from tflite_serving.contract.alias import AliasDocument


def go_back(
    store: WritableStore,
    model: str,
    alias: str,
    version: str,
    *,
    even_if_taken_back: bool = False,
) -> AliasDocument:
    """Points an alias to a version that it named before.

    Args:
        store: Registry that is served from.
        model: Name of the model.
        alias: Alias of the model.
        version: Id of the version.
        even_if_taken_back: Whether a version will do that the alias was rolled back from.

    Returns:
        The alias as it is now.

    Raises:
        UsageError: the alias never named the version, or it was taken back.
        RegistryError: the version is gone, or the registry refused.
        ConflictError: somebody else moved the alias meanwhile.
    """

    def choose(document: AliasDocument | None) -> str | None:
        history = () if document is None else document.history
        former = list(dict.fromkeys(change.version for change in reversed(history)))
        kept = set(standing_versions(history))
        standing = [each for each in former if each in kept]
        if version not in former:
            raise UsageError(
                f"{model}@{alias}: expected a version that it named before, got {version}; these "
                f"are {', '.join(standing) or 'none'}. Another one is released by a delivery"
            )
        if version not in standing and not even_if_taken_back:
            raise UsageError(
                f"{model}@{alias}: expected a version that stands, got {version}, which was taken "
                f"back; these stand: {', '.join(standing)}. If it is meant all the same, say "
                "--even-if-taken-back"
            )
        is_done = document is not None and document.version == version and not document.shares
        return None if is_done else version

    return change_alias(store, model, alias, choose, "rollback").alias


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As export has it.")
@click.option("--registry", required=True, help="URI of the registry that is served from.")
@click.option("--alias", required=True, help="The alias that clients follow.")
@click.option("--version", default="", help="The version; the one before by default.")
@click.option("--even-if-taken-back", is_flag=True, help="Lets it be one that was taken back.")
def main(
    recipe: Path,
    overrides: tuple[str, ...],
    registry: str,
    alias: str,
    version: str,
    even_if_taken_back: bool,  # noqa: FBT001  # click gives flags by name
) -> None:
    """Let an alias name what it named before."""
    try:
        model = read_recipe(recipe, overrides).model.name
        store = open_registry(registry)
        if version:
            now = go_back(store, model, alias, version, even_if_taken_back=even_if_taken_back)
        else:
            now = rollback(store, model, alias).alias
    except ExportError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(f"{store.uri}: {model}@{alias} is {now.version}")


if __name__ == "__main__":
    main()
