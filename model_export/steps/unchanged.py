"""Finds the published version that an export would only make again."""

from __future__ import annotations

from pathlib import Path

from model_export.artifact.provenance import collect_provenance, source_sha256
from model_export.dataset.casting import cast_inputs
from model_export.dataset.records import arrange, fill
from model_export.dataset.source import load_splits
from model_export.dataset.splits import Splits
from model_export.errors import RegistryError, UsageError
from model_export.recipe.recipe import Recipe
from model_export.registry.operations import open_registry, read_named_alias, read_version
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.manifest import Manifest


def find_unchanged(recipe: Recipe, folder: Path, registry: str) -> Manifest | None:
    """The version that the recipe's alias names, if it was made from the same things.

    Args:
        recipe: Recipe of a classifier with one output, with ``publish.alias``.
        folder: Folder of the recipe.
        registry: URI of the registry.

    Returns:
        None if there is none, or if model, recipe, data or packages have changed.

    Raises:
        UsageError: the recipe names no alias.
    """
    alias = recipe.publish.alias
    if alias is None:
        raise UsageError(f"{recipe.model.name}: expected a recipe with publish.alias, got none")
    try:
        store = open_registry(registry)
        named = read_named_alias(store, recipe.model.name, alias)
        manifest = read_version(store, recipe.model.name, named.version)
        splits = _as_clients_send(recipe, folder, manifest)
    except (RegistryError, UsageError):  # or it took other inputs
        return None
    source = source_sha256(folder / recipe.model.source)
    now = collect_provenance(folder, source, recipe.sha256, splits.sha256)
    before = manifest.provenance
    same = (
        now.source_sha256 == before.source_sha256
        and now.recipe_sha256 == before.recipe_sha256
        and now.data_sha256 == before.data_sha256
        and now.packages == before.packages
    )
    return manifest if same else None


def _as_clients_send(recipe: Recipe, folder: Path, manifest: Manifest) -> Splits:
    splits = arrange(load_splits(recipe.data.source, folder), manifest.inputs)
    return cast_inputs(
        fill(splits, manifest.inputs),
        ModelSignature("classification", manifest.inputs, manifest.outputs),
        folder,
    )
