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
    Interface,
    cast_inputs,
    check_data,
    check_scores,
    describe_interface,
)
from model_export.metrics import Metric, find_metric
from model_export.progress import Progress
from model_export.recipe import Recipe
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import Arrays
from tflite_serving.errors import UnknownValue
from tflite_serving.preprocess.pipeline import Pipeline, in_shapes

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
        preprocessing: the layers that were cut off; None if there are none.
        metric: of quality.
        asked: the examples, as clients send them.
        splits: the same, as what is converted takes them.
        reference: the whole model's answers to them.
    """

    interface: Interface
    preprocessing: Preprocessing | None
    metric: Metric
    asked: Splits
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


def prepare(
    source: SourceModel, recipe: Recipe, folder: Path, progress: Progress
) -> tuple[SourceModel, Prepared]:
    """Splits the model, loads the examples, checks that they fit it, and asks it.

    Args:
        source: the model.
        recipe: what to do.
        folder: of the recipe.
        progress: told of every step.

    Returns:
        what is pruned and converted: the model without the layers that the function computes in
        its stead; and all else.

    Raises:
        ExportError: its class says which exit code.
    """
    core, preprocessing = _split(source, recipe, progress)
    interface = describe_interface(source, recipe, folder, preprocessing)
    if preprocessing is None and any(s.preprocess.kind != "tensor" for s in interface.inputs):
        # Nothing was cut off, but what clients send as single values are rows of one to the model.
        preprocessing = Preprocessing(steps=())
    metric = find_metric(recipe.gate, interface.task, len(interface.labels), folder)
    asked = _read_data(recipe, folder, interface, progress)
    reference = _ask_reference(source, interface, metric, asked, recipe, progress)
    splits = _preprocess(asked, core, preprocessing)
    return core, Prepared(interface, preprocessing, metric, asked, splits, reference)


def _split(
    source: SourceModel, recipe: Recipe, progress: Progress
) -> tuple[SourceModel, Preprocessing | None]:
    from model_export.tf.load import KerasSource
    from model_export.tf.split.cutting import split

    parts = split(source, recipe.model.source) if isinstance(source, KerasSource) else None
    if parts is None:
        return source, None
    with progress.step("split") as step:
        layers = ", ".join(cut.layer for cut in parts.preprocessing.steps)
        step.result = f"{layers}: left to the function"
    return parts.core, parts.preprocessing


def _preprocess(asked: Splits, core: SourceModel, preprocessing: Preprocessing | None) -> Splits:
    """The examples as the model takes them, made with the function's own code."""
    shapes = {info.name: info.shape for info in core.inputs}
    pipeline = Pipeline(preprocessing or Preprocessing(steps=()), shapes)

    def change(split: Split, which: str) -> Split:
        try:
            return Split(pipeline.run(split.inputs), split.targets)
        except UnknownValue as error:
            raise UsageError(
                f"{asked.source}: {which}: {error.input}[{error.index}]: {error.value!r} is not in "
                "the layer's vocabulary, which allows no others (num_oov_indices = 0)"
            ) from None

    return asked.each(change)


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
        shapes = {info.name: info.shape for info in source.inputs}
        outputs = interface.natural(source.predict(in_shapes(splits.test.inputs, shapes)))
        check_scores(outputs, interface)
        test = paired(outputs, splits.test)
        validation = interface.natural(source.predict(in_shapes(splits.validation.inputs, shapes)))
        step.result = f"{metric.name} {test.reference:.4f} on the test split"
    return Reference(outputs, test, paired(validation, splits.validation))
