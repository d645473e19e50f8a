"""The export, from recipe to registry: the steps in order."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_export import gate, package
from model_export.candidates import Candidate, Reference, make_candidate, weigh
from model_export.data import Splits, import_object, load_splits
from model_export.describe import describe
from model_export.errors import RegistryError, UsageError
from model_export.fold_shapes import fold_batch_shapes
from model_export.interface import (
    Interface,
    cast_inputs,
    check_data,
    check_scores,
    describe_interface,
)
from model_export.progress import Progress
from model_export.quality import accuracy
from model_export.quantize import choose_calibration
from model_export.recipe import Recipe
from model_export.registry.opening import open_writable
from model_export.registry.store import WritableStore
from model_export.registry.verbs import move_alias, publish, registry_errors
from model_export.report.page import render
from tflite_serving.contract.evidence import Pruning
from tflite_serving.contract.manifest import Manifest

if TYPE_CHECKING:
    from model_export.tf.load import SourceModel


@dataclass(frozen=True, slots=True)
class Export:
    """What an export came to.

    Attributes:
        manifest: of the artifact.
        registry: URI of where it was published; None after a dry run.
        alias: the alias that names it now; None if none was moved.
    """

    manifest: Manifest
    registry: str | None
    alias: str | None


def export(recipe: Recipe, folder: Path, registry: str | None, progress: Progress) -> Export:
    """Exports one model.

    Args:
        recipe: what to do.
        folder: of the recipe; its paths are relative to it.
        registry: where to publish; None measures and judges, and publishes nothing.
        progress: told of every step.

    Raises:
        ExportError: its class says which exit code.
    """
    # First of all: a wrong address should not cost the minutes that an export takes.
    store = None if registry is None else _open(registry)
    source = _load(recipe, folder, progress)
    interface = describe_interface(source, recipe, folder)
    splits = _read_data(recipe, folder, interface, progress)
    reference = _ask_reference(source, interface, splits, progress)
    pruning = _prune(source, recipe, splits, progress)
    float32 = _convert(source, progress)
    candidates = _make_candidates(float32, recipe, interface, splits, progress)
    measured = [weigh(c, reference, interface, splits.test, recipe.gate) for c in candidates]
    verdict = gate.judge(measured, recipe.gate)
    variant = gate.require_choice(verdict)
    chosen = next(candidate for candidate in candidates if candidate.variant == variant)
    description = describe(recipe, folder, interface, splits, reference, pruning, verdict, chosen)
    with tempfile.TemporaryDirectory(prefix="artifact-") as name:
        artifact = Path(name)
        manifest = package.write_artifact(
            artifact,
            description,
            chosen.flatbuffer,
            package.choose_golden(splits.test, reference.outputs, chosen.measurement.outputs),
            datetime.now(UTC),
            {"report.html": render(description)},
        )
        if store is None:
            return Export(manifest, None, None)
        return _publish(manifest, artifact, store, recipe.publish.alias, progress)


def _open(registry: str) -> WritableStore:
    with registry_errors():
        return open_writable(registry)


def _load(recipe: Recipe, folder: Path, progress: Progress) -> SourceModel:
    with progress.step("load") as step:
        # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
        from model_export.tf.load import load_source

        model = recipe.model
        custom = _custom_objects(model.custom_objects, folder) if model.custom_objects else None
        source = load_source(
            folder / model.source, custom_objects=custom, unsafe_load=model.unsafe_load
        )
        step.result = model.source
    return source


def _custom_objects(reference: str, folder: Path) -> Mapping[str, Any]:
    found = import_object(reference, folder)
    if not isinstance(found, Mapping):
        raise UsageError(
            f"recipe.model.custom_objects: {reference}: expected a dict of classes and functions "
            f"by name, got {type(found).__name__}"
        )
    return found


def _read_data(recipe: Recipe, folder: Path, interface: Interface, progress: Progress) -> Splits:
    with progress.step("data") as step:
        names = tuple(spec.name for spec in interface.inputs)
        splits = load_splits(recipe.data.source, folder).named(names)
        check_data(splits, interface)
        sizes = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        step.result = ", ".join(f"{len(split)} {name}" for name, split in sizes.items())
    return cast_inputs(splits, interface)


def _ask_reference(
    source: SourceModel, interface: Interface, splits: Splits, progress: Progress
) -> Reference:
    with progress.step("reference") as step:
        outputs = interface.natural(source.predict(splits.test.inputs))
        check_scores(outputs, interface)
        quality = accuracy(interface.scores(outputs), splits.test.classes)
        step.result = f"accuracy {quality:.4f} on the test split"
    return Reference(outputs, quality)


def _prune(
    source: SourceModel, recipe: Recipe, splits: Splits, progress: Progress
) -> Pruning | None:
    if recipe.prune.method == "none":
        return None
    from model_export.tf.load import KerasSource
    from model_export.tf.prune import prune

    if not isinstance(source, KerasSource):
        raise UsageError(
            "recipe.prune: a SavedModel cannot be pruned, because it cannot be trained on; "
            "give the .keras file, or set prune.method = 'none'"
        )
    with progress.step("prune") as step:
        pruning = prune(source.model, recipe.prune, splits.train, splits.validation, progress.tell)
        layers = ", ".join(pruning.layers)
        step.result = f"{pruning.sparsity:.0%} of {layers}; {pruning.epochs} epochs"
    return pruning


def _convert(source: SourceModel, progress: Progress) -> bytes:
    with progress.step("convert") as step:
        from model_export.tf.convert import convert_float32

        float32 = fold_batch_shapes(convert_float32(source))
        step.result = f"{len(float32):,} bytes"
    return float32


def _make_candidates(
    float32: bytes, recipe: Recipe, interface: Interface, splits: Splits, progress: Progress
) -> list[Candidate]:
    calibration = choose_calibration(splits.train)
    candidates = []
    for variant in recipe.quantize.variants:
        with progress.step(variant) as step:
            made = make_candidate(variant, float32, interface, calibration, splits.test)
            p50 = made.measurement.latency_ms.p50
            step.result = f"{len(made.flatbuffer):,} bytes, p50 {p50:.4f} ms"
        candidates.append(made)
    return candidates


def _publish(
    manifest: Manifest, artifact: Path, store: WritableStore, alias: str | None, progress: Progress
) -> Export:
    with progress.step("publish") as step:
        publish(store, manifest, artifact)
        if alias is not None:
            try:
                move_alias(store, manifest.name, alias, manifest.version, "publish")
            except RegistryError as error:
                raise type(error)(
                    f"{manifest.version} is published, but the alias {alias!r} was not moved to "
                    f"it: {error}"
                ) from error
        step.result = f"{manifest.version} to {store.uri}"
    return Export(manifest, store.uri, alias)
