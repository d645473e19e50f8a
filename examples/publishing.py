"""Exports an example and publishes it, or uses again what a former run published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from model_export.artifact import provenance
from model_export.cli.native_logs import native_logs_held_back
from model_export.dataset.casting import cast_inputs
from model_export.dataset.records import arrange, fill
from model_export.dataset.source import load_splits
from model_export.dataset.splits import Splits
from model_export.errors import RegistryError, UsageError
from model_export.progress import Progress
from model_export.recipe.recipe import Recipe, read_recipe
from model_export.registry.open import open_writable
from model_export.registry.operations import read_named_alias, read_version
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.manifest import Manifest


def export_once(path: Path, model: Path, settings: Sequence[str], console: Console) -> Manifest:
    """Exports to the registry beside the model, unless the alias names what it would make.

    Args:
        path: of the recipe.
        model: the ``.keras`` file, in place of the recipe's.
        settings: overrides of the recipe, as ``--set`` takes them.
        console: told of it.

    Raises:
        ExportError: its class says which exit code.
    """
    recipe = read_recipe(path, [f'model.source="{model}"', *settings])
    folder, registry = path.parent, str(model.parent / "registry")
    published = _published(recipe, folder, registry)
    if published is not None:
        console.print(
            f"reused {published.version}: same model, recipe, data and packages "
            "(`make clean` to start over)"
        )
        return published
    with native_logs_held_back():
        from model_export.pipeline import Request, export

        request = Request(
            recipe=recipe,
            folder=folder,
            registry=registry,
            work=model.parent,
            command=f"python -m model_export export examples/{folder.name}/{path.name}",
        )
        return export(request, Progress(console)).manifest


def _published(recipe: Recipe, folder: Path, registry: str) -> Manifest | None:
    """What the alias names, if this recipe would make the same again."""
    assert recipe.publish.alias is not None
    try:
        store = open_writable(registry)
        alias = read_named_alias(store, recipe.model.name, recipe.publish.alias)
        manifest = read_version(store, recipe.model.name, alias.version)
        asked = _asked(recipe, folder, manifest)
    except (RegistryError, UsageError):  # or it took other inputs
        return None
    source_sha256 = provenance.source_sha256(Path(recipe.model.source))
    now = provenance.collect_provenance(folder, source_sha256, recipe.sha256, asked.sha256)
    before = manifest.provenance
    same = (
        now.source_sha256 == before.source_sha256
        and now.recipe_sha256 == before.recipe_sha256
        and now.data_sha256 == before.data_sha256
        and now.packages == before.packages
    )
    return manifest if same else None


def _asked(recipe: Recipe, folder: Path, manifest: Manifest) -> Splits:
    """The examples as clients of this version send them."""
    splits = arrange(load_splits(recipe.data.source, folder), manifest.inputs)
    return cast_inputs(
        fill(splits, manifest.inputs),
        ModelSignature("classification", manifest.inputs, manifest.outputs),
        folder,
    )
