"""What comes before all else: the model, its interface, the examples, and the model's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_export.criteria import Criterion, find_criteria
from model_export.cut_off import cut_off_pictures, cut_off_preprocessing
from model_export.data.casting import cast_inputs
from model_export.data.checking import check_data
from model_export.data.preprocessing import preprocess
from model_export.data.source import load_given
from model_export.data.splits import Splits
from model_export.errors import UsageError
from model_export.interface import Interface, describe_interface
from model_export.pictures.reading import check_brightness
from model_export.progress import Progress
from model_export.recipe import Recipe
from model_export.records import arrange, describe_missing, fill
from model_export.reference import Reference, ask_reference
from model_export.sections.gate import GateSection
from model_export.sections.inputs import InputSection
from model_export.sections.model import DataSection, ModelSection
from model_export.sequences import fit_buckets, with_buckets
from model_export.source_model import SourceModel
from model_export.user_code import import_object
from tflite_serving.contract.preprocessing import Preprocessing

if TYPE_CHECKING:
    from model_export.tf.split.pictures import Front


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
        is_whole: whether nothing was cut off, so that these are also those of what is converted.
    """

    interface: Interface
    preprocessing: Preprocessing | None
    assets: Mapping[str, bytes]
    criteria: tuple[Criterion, ...]
    asked: Splits
    splits: Splits
    reference: Reference
    is_whole: bool

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
    trains = recipe.prune.method != "none" and recipe.prune.epochs > 0
    with progress.step("load") as step:
        source = load_model(recipe.model, recipe.data, folder, trains=trains, tell=progress.tell)
        step.result = recipe.model.source
    return source


def load_model(
    model: ModelSection,
    data: DataSection,
    folder: Path,
    *,
    trains: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> SourceModel:
    """Loads the model of a recipe's section.

    Args:
        model, data: as in a recipe.
        folder: that their paths and modules are looked up in.
        trains: whether it will be fine-tuned, with the loss that it was compiled with.
        tell: told what cannot be kept of the model.

    Raises:
        ExportError: its class says which exit code.
    """
    # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
    from model_export.tf.load import load_source

    # The module of the examples may register the model's classes with Keras.
    if ":" in data.source and not data.source.endswith(".npz"):
        import_object(data.source, folder)
    custom = _custom_objects(model.custom_objects, folder) if model.custom_objects else None
    return load_source(
        folder / model.source,
        custom_objects=custom,
        unsafe_load=model.unsafe_load,
        compiled=trains,
        tell=tell,
    )


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
    sized, fronts = cut_off_pictures(source, recipe, progress)
    core, preprocessing, assets = cut_off_preprocessing(sized, recipe, progress)
    interface, asked = _read_data(source, preprocessing, fronts, recipe, folder, progress)
    shapes = {info.name: len(info.shape) for info in source.inputs}
    if preprocessing is None and any(len(s.shape) != shapes[s.name] for s in interface.inputs):
        # Nothing was cut off, but what clients send as single values are rows of one to the model.
        preprocessing = Preprocessing(steps=())
    # Before the model is asked, which may take long.
    find_criteria(recipe, interface.outputs, folder)
    interface, criteria, reference = ask_reference(
        source, interface, asked, recipe, folder, progress
    )
    splits, counts = preprocess(asked, core, preprocessing, assets, interface)
    if preprocessing is not None and preprocessing.sequence is not None:
        preprocessing = fit_buckets(preprocessing, counts, core, splits, recipe.sequence, progress)
        interface = replace(interface, sequence=preprocessing.sequence)
    is_whole = core is source
    return core, Prepared(
        interface, preprocessing, assets, criteria, asked, splits, reference, is_whole
    )


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
        for name, spec in interface.pictures.items():
            where = f"{splits.source}: train: {name}"
            section = recipe.inputs.get(name, InputSection())
            check_brightness(splits.train.inputs[name], section, name, where)
            if None not in spec.shape[1:]:
                progress.tell(
                    f"{name}: pictures of any other size than {spec.shape[2]} by {spec.shape[1]} "
                    f"will be refused, unless inputs.{name}.resize says how they become so large"
                )
        sizes = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        step.result = ", ".join(f"{len(split)} {name}" for name, split in sizes.items())
    return interface, splits
