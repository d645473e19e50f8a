"""What comes before all else: the model, its interface, the examples, and the model's answers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_export.comparison import PairedComparison
from model_export.criteria import Criterion, find_criteria
from model_export.data.casting import cast_inputs, fed_inputs
from model_export.data.checking import check_data
from model_export.data.source import load_given
from model_export.data.splits import Split, Splits
from model_export.errors import UsageError
from model_export.interface import Interface, check_scores, describe_interface
from model_export.pictures import check_brightness, one_size, tensors
from model_export.progress import Progress
from model_export.recipe import Recipe
from model_export.records import arrange, describe_missing, fill
from model_export.sections.gate import GateSection
from model_export.sections.inputs import InputSection
from model_export.sections.outputs import OutputSection
from model_export.sequences import choose_buckets, padding_matters, with_buckets
from model_export.thresholds import choose_thresholds
from model_export.user_code import import_object
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import Arrays
from tflite_serving.errors import UnknownValue
from tflite_serving.preprocess.pipeline import Pipeline

if TYPE_CHECKING:
    from model_export.tf.load import SourceModel
    from model_export.tf.split.pictures import Front


@dataclass(frozen=True, slots=True)
class Reference:
    """What the Keras model itself answers, before anything is done to it.

    Attributes:
        outputs: to the test split, by name, [examples, …], in natural units.
        test, validation: to compare candidates with, by output name.
    """

    outputs: Arrays
    test: Mapping[str, PairedComparison]
    validation: Mapping[str, PairedComparison]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the steps after this one need beside the model itself.

    Attributes:
        interface: what clients will see.
        preprocessing: the layers that were cut off; None if there are none.
        assets: files that these need, by name.
        criteria: what each output is judged by.
        asked: the examples, as clients send them.
        splits: the same, as what is converted takes them.
        reference: the whole model's answers to them.
    """

    interface: Interface
    preprocessing: Preprocessing | None
    assets: Mapping[str, bytes]
    criteria: tuple[Criterion, ...]
    asked: Splits
    splits: Splits
    reference: Reference

    @property
    def budgets(self) -> dict[str, GateSection]:
        """Of quality, by output name."""
        return {each.output.name: each.gate for each in self.criteria}

    def of_one_length(self) -> Prepared:
        """The same, with all sequences of the largest length."""
        assert self.preprocessing is not None
        assert self.interface.sequence is not None
        assert self.interface.sequence.tokens is not None
        longest = self.interface.sequence.tokens.length
        return self._with(with_buckets(self.preprocessing, (longest,)))

    def _with(self, preprocessing: Preprocessing) -> Prepared:
        interface = replace(self.interface, sequence=preprocessing.sequence)
        return replace(self, interface=interface, preprocessing=preprocessing)


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
    sized, fronts = _split_pictures(source, recipe, progress)
    core, preprocessing, assets = _split(sized, recipe, progress)
    interface, asked = _read_data(source, preprocessing, fronts, recipe, folder, progress)
    shapes = {info.name: len(info.shape) for info in source.inputs}
    if preprocessing is None and any(len(s.shape) != shapes[s.name] for s in interface.inputs):
        # Nothing was cut off, but what clients send as single values are rows of one to the model.
        preprocessing = Preprocessing(steps=())
    find_criteria(
        recipe, interface.outputs, folder
    )  # before the model is asked, which may take long
    interface, criteria, reference = _ask_reference(
        source, interface, asked, recipe, folder, progress
    )
    splits, counts = _preprocess(asked, core, preprocessing, assets, interface)
    if preprocessing is not None and preprocessing.sequence is not None:
        preprocessing = _choose_buckets(preprocessing, counts, core, splits, recipe, progress)
        interface = replace(interface, sequence=preprocessing.sequence)
    return core, Prepared(interface, preprocessing, assets, criteria, asked, splits, reference)


def _split_pictures(
    source: SourceModel, recipe: Recipe, progress: Progress
) -> tuple[SourceModel, Mapping[str, Front]]:
    from model_export.tf.load import KerasSource
    from model_export.tf.split.pictures import split_pictures

    if not isinstance(source, KerasSource):
        return source, {}
    tensors = [name for name, section in recipe.inputs.items() if section.kind == "tensor"]
    parts = split_pictures(source, recipe.model.source, tensors)
    cut = [layer for front in parts.fronts.values() for layer in front.layers]
    if cut:
        with progress.step("split") as step:
            step.result = f"{', '.join(cut)}: left to the function"
    return parts.core, parts.fronts


def _split(
    source: SourceModel, recipe: Recipe, progress: Progress
) -> tuple[SourceModel, Preprocessing | None, Mapping[str, bytes]]:
    from model_export.tf.load import KerasSource
    from model_export.tf.split.cutting import SplitModel, split
    from model_export.tf.task_source import TaskSource

    parts: SplitModel | None = None
    if isinstance(source, KerasSource):
        parts = split(source, recipe.model.source)
    elif isinstance(source, TaskSource):
        from model_export.tf.split.tasks import split_task  # which imports KerasHub

        parts = split_task(source, recipe.model.source)
    if parts is None:
        return source, None, {}
    with progress.step("split") as step:
        layers = ", ".join(cut.layer for cut in parts.preprocessing.steps)
        step.result = f"{layers}: left to the function"
    return parts.core, parts.preprocessing, parts.assets


def _preprocess(
    asked: Splits,
    core: SourceModel,
    preprocessing: Preprocessing | None,
    assets: Mapping[str, bytes],
    interface: Interface,
) -> tuple[Splits, list[int]]:
    """The examples as the model takes them, made with the function's own code.

    Returns:
        the examples, and how many tokens those of the training split have.
    """
    shapes = {info.name: info.shape for info in core.inputs}
    counts: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory(prefix="assets-") as folder:
        files = {name: Path(folder) / name for name in assets}
        for name, data in assets.items():
            files[name].write_bytes(data)
        pipeline = Pipeline(preprocessing or Preprocessing(steps=()), shapes, files)

    def change(split: Split, which: str) -> Split:
        pictures = {
            name: one_size(
                tensors(split.inputs[name], spec, f"{asked.source}: {which}: {name}"),
                f"{asked.source}: {which}: {name}",
            )
            for name, spec in interface.pictures.items()
        }
        inputs = {**split.inputs, **pictures}
        try:
            return split.given(pipeline.run(inputs, counts.setdefault(which, [])))
        except UnknownValue as error:
            raise UsageError(
                f"{asked.source}: {which}: {error.input}[{error.index}]: {error.value!r} is not in "
                "the layer's vocabulary, which allows no others (num_oov_indices = 0)"
            ) from None

    return asked.each(change), counts["train"]


def _choose_buckets(
    preprocessing: Preprocessing,
    counts: list[int],
    core: SourceModel,
    splits: Splits,
    recipe: Recipe,
    progress: Progress,
) -> Preprocessing:
    """Lengths that sequences are filled up to: one, where padding changes what is answered."""
    step = preprocessing.sequence
    assert step is not None
    assert step.tokens is not None
    longest = step.tokens.length
    with progress.step("sequences") as told:
        buckets = choose_buckets(counts, longest, recipe.sequence)
        whole = splits.train.inputs
        if len(buckets) > 1 and padding_matters(core.predict, step, whole, buckets):
            buckets = (longest,)
            progress.tell("padding changes what the model answers, so that all of it is kept")
        cut = sum(count > longest for count in counts)
        told.result = (
            f"filled up to {', '.join(map(str, buckets))} tokens; {cut} of {len(counts)} training "
            "examples are longer"
        )
    return with_buckets(preprocessing, buckets)


def _custom_objects(reference: str, folder: Path) -> Mapping[str, Any]:
    found = import_object(reference, folder)
    if not isinstance(found, Mapping):
        raise UsageError(
            f"recipe.model.custom_objects: {reference}: expected a dict of classes and functions "
            f"by name, got {type(found).__name__}"
        )
    return found


def _read_data(
    source: SourceModel,
    preprocessing: Preprocessing | None,
    fronts: Mapping[str, Front],
    recipe: Recipe,
    folder: Path,
    progress: Progress,
) -> tuple[Interface, Splits]:
    with progress.step("data") as step:
        given = load_given(recipe.data.source, folder)
        answers = given.answers(tuple(info.name for info in source.outputs))
        interface = describe_interface(
            source, recipe, folder, preprocessing, answers, given.names, fronts
        )
        tasks = {output.name: output.task for output in interface.outputs}
        splits = arrange(given.read(tasks), interface.inputs)
        check_data(splits, interface)
        inputs = describe_missing(interface.inputs, recipe, splits.train, preprocessing)
        interface = replace(interface, inputs=inputs)
        splits = fill(splits, inputs)
        splits = cast_inputs(splits, interface, folder)
        for name in interface.pictures:
            where = f"{splits.source}: train: {name}"
            section = recipe.inputs.get(name, InputSection())
            check_brightness(splits.train.inputs[name], section, name, where)
        sizes = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        step.result = ", ".join(f"{len(split)} {name}" for name, split in sizes.items())
    return interface, splits


def _ask_reference(
    source: SourceModel,
    interface: Interface,
    splits: Splits,
    recipe: Recipe,
    folder: Path,
    progress: Progress,
) -> tuple[Interface, tuple[Criterion, ...], Reference]:
    """Asks the whole model, and chooses the thresholds that the recipe does not say."""

    def ask(split: Split, which: str) -> dict[str, Any]:
        inputs = fed_inputs(split.inputs, source, interface, f"{splits.source}: {which}")
        return interface.natural(source.predict(inputs))

    with progress.step("reference") as step:
        outputs = ask(splits.test, "test")
        check_scores(outputs, interface)
        validation = ask(splits.validation, "validation")
        thresholds = _choose(recipe, interface, validation, splits.validation, folder)
        interface = interface.at(thresholds)
        criteria = find_criteria(recipe, interface.outputs, folder)
        confidence = recipe.gate.confidence or 0.95
        reference = Reference(
            outputs,
            _pair(criteria, interface, outputs, splits.test, confidence),
            _pair(criteria, interface, validation, splits.validation, confidence),
        )
        told = _told(criteria, reference.test)
        step.result = f"{told} on the test split{_listed(thresholds)}"
    return interface, criteria, reference


def _choose(
    recipe: Recipe, interface: Interface, outputs: Arrays, split: Split, folder: Path
) -> dict[str, tuple[float, ...]]:
    """The thresholds of those outputs that have some, and of which the recipe says none."""
    scores, targets = interface.scores(outputs), interface.targets(split)
    return {
        name: choose_thresholds(each.metric, scores[name], targets[name])
        for each in find_criteria(recipe, interface.outputs, folder)
        for name in [each.output.name]
        if each.output.thresholds is not None
        and recipe.outputs.get(name, OutputSection()).threshold is None
    }


def _pair(
    criteria: tuple[Criterion, ...],
    interface: Interface,
    outputs: Arrays,
    split: Split,
    confidence: float,
) -> dict[str, PairedComparison]:
    scores, targets = interface.scores(outputs), interface.targets(split)
    return {
        name: PairedComparison(
            each.metric, each.output.labels, scores[name], targets[name], confidence
        )
        for each in criteria
        for name in [each.output.name]
    }


def _told(criteria: tuple[Criterion, ...], test: Mapping[str, PairedComparison]) -> str:
    return ", ".join(f"{each.name} {test[each.output.name].reference:.4f}" for each in criteria)


def _listed(thresholds: Mapping[str, tuple[float, ...]]) -> str:
    found = [f"{threshold:g}" for each in thresholds.values() for threshold in each]
    most = 4
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"; threshold {', '.join(found[:most])}{more}" if found else ""
