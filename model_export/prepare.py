"""What comes before all else: the model, its interface, the examples, and the model's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_export.comparison import PairedComparison
from model_export.data import Split, Splits, import_object, load_splits
from model_export.errors import UsageError
from model_export.interface import (
    Arrays,
    Interface,
    cast_inputs,
    check_data,
    check_scores,
    describe_interface,
)
from model_export.metrics import Metric, find_metric
from model_export.progress import Progress
from model_export.recipe import Recipe

if TYPE_CHECKING:
    from model_export.tf.load import SourceModel


@dataclass(frozen=True, slots=True)
class Reference:
    """What the Keras model itself answers, before anything is done to it.

    Attributes:
        outputs: to the test split, by name, [examples, …], in natural units.
        test, validation: to compare candidates with.
    """

    outputs: Arrays
    test: PairedComparison
    validation: PairedComparison


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the steps after this one need beside the model itself.

    Attributes:
        interface: what clients will see.
        metric: of quality.
        splits: the examples.
        reference: the model's answers to them.
    """

    interface: Interface
    metric: Metric
    splits: Splits
    reference: Reference


def load(recipe: Recipe, folder: Path, progress: Progress) -> SourceModel:
    """Loads the model of a recipe.

    Raises:
        ExportError: its class says which exit code.
    """
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


def prepare(source: SourceModel, recipe: Recipe, folder: Path, progress: Progress) -> Prepared:
    """Loads the examples, checks that they fit the model, and asks it.

    Args:
        source: the model.
        recipe: what to do.
        folder: of the recipe.
        progress: told of every step.

    Raises:
        ExportError: its class says which exit code.
    """
    interface = describe_interface(source, recipe, folder)
    metric = find_metric(recipe.gate, interface.task, len(interface.labels), folder)
    splits = _read_data(recipe, folder, interface, progress)
    reference = _ask_reference(source, interface, metric, splits, recipe, progress)
    return Prepared(interface, metric, splits, reference)


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
        splits = load_splits(recipe.data.source, folder, interface.task).named(names)
        check_data(splits, interface)
        sizes = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        step.result = ", ".join(f"{len(split)} {name}" for name, split in sizes.items())
    return cast_inputs(splits, interface)


def _ask_reference(
    source: SourceModel,
    interface: Interface,
    metric: Metric,
    splits: Splits,
    recipe: Recipe,
    progress: Progress,
) -> Reference:
    def paired(outputs: Arrays, split: Split) -> PairedComparison:
        return PairedComparison(
            metric,
            interface.labels or None,
            interface.scores(outputs),
            split.targets,
            recipe.gate.confidence or 0.95,
        )

    with progress.step("reference") as step:
        outputs = interface.natural(source.predict(splits.test.inputs))
        check_scores(outputs, interface)
        test = paired(outputs, splits.test)
        validation = interface.natural(source.predict(splits.validation.inputs))
        step.result = f"{metric.name} {test.reference:.4f} on the test split"
    return Reference(outputs, test, paired(validation, splits.validation))
