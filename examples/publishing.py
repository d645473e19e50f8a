"""Exports an example and publishes it, or uses again what a former run published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from model_export import Progress, export, find_unchanged, native_logs_held_back, read_recipe
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
    published = find_unchanged(recipe, folder, registry)
    if published is not None:
        console.print(
            f"reused {published.version}: same model, recipe, data and packages "
            "(`make clean` to start over)"
        )
        return published
    with native_logs_held_back():
        return export(
            recipe,
            folder=folder,
            registry=registry,
            work=model.parent,
            command=f"python -m model_export export examples/{folder.name}/{path.name}",
            progress=Progress(console),
        ).manifest
