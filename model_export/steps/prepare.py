"""Loads the model and its examples, infers the signature, and predicts the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_export.dataset.casting import cast_inputs
from model_export.dataset.image_reading import check_brightness
from model_export.dataset.preprocessing import preprocess
from model_export.dataset.records import arrange, describe_missing, fill
from model_export.dataset.sequence_buckets import fit_buckets, with_buckets
from model_export.dataset.source import load_given
from model_export.dataset.splits import Splits
from model_export.dataset.validation import check_data
from model_export.progress import Progress
from model_export.quality.criteria import OutputCriterion, find_criteria
from model_export.quality.reference import Reference, ask_reference
from model_export.recipe.gate import GateSection
from model_export.recipe.inputs import InputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.images import Front
from model_export.signature.signature import ModelSignature, describe_signature
from model_export.signature.source_model import SourceModel
from model_export.steps.extract_preprocessing import cut_off_pictures, cut_off_preprocessing
from model_export.tf.open_model import load_model
from tflite_serving.contract.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class PreparedExport:
    """What the steps after this one need beside the model itself.

    Attributes:
        signature: what clients will see.
        preprocessing: the layers that were cut off; None if there are none.
        assets: files that these need, by name.
        criteria: what each output is judged by.
        client_splits: The examples, as clients send them.
        splits: the same, as what is converted takes them.
        reference: the whole model's answers to them.
        is_whole: whether nothing was cut off, so that these are also those of what is converted.
    """

    signature: ModelSignature
    preprocessing: Preprocessing | None
    assets: Mapping[str, bytes]
    criteria: tuple[OutputCriterion, ...]
    client_splits: Splits
    splits: Splits
    reference: Reference
    is_whole: bool

    @property
    def budgets(self) -> dict[str, GateSection]:
        """Of quality, by output name."""
        return {each.output.name: each.gate for each in self.criteria}

    def of_one_length(self) -> PreparedExport:
        """The same, with all sequences of the largest length."""
        assert self.preprocessing is not None
        assert self.signature.sequence is not None
        assert self.signature.sequence.tokens is not None
        longest = self.signature.sequence.tokens.length
        return self._with(with_buckets(self.preprocessing, (longest,)))

    def _with(self, preprocessing: Preprocessing) -> PreparedExport:
        signature = replace(self.signature, sequence=preprocessing.sequence)
        return replace(self, signature=signature, preprocessing=preprocessing)


def load(recipe: Recipe, folder: Path, progress: Progress, path: Path | None = None) -> SourceModel:
    """Loads the model of a recipe.

    Args:
        recipe: what to do.
        folder: of the recipe.
        progress: told of the step.
        path: Absolute path of the model; the recipe's by default.

    Raises:
        ExportError: its class says which exit code.
    """
    trains = recipe.prune.method != "none" and recipe.prune.epochs > 0
    with progress.step("load") as step:
        model = recipe.model if path is None else replace(recipe.model, source=str(path))
        source = load_model(model, recipe.data, folder, trains=trains, log=progress.log)
        step.result = recipe.model.source
    return source


def prepare(
    source: SourceModel,
    recipe: Recipe,
    folder: Path,
    progress: Progress,
    examples: Any = None,
) -> tuple[SourceModel, PreparedExport]:
    """Splits the model, loads the examples, checks that they fit it, and asks it.

    Args:
        source: the model.
        recipe: what to do.
        folder: of the recipe.
        progress: told of every step.
        examples: Splits in memory; see `load_given`.

    Returns:
        what is pruned and converted: the model without the layers that the function computes in
        its stead; and all else.

    Raises:
        ExportError: its class says which exit code.
    """
    sized, fronts = cut_off_pictures(source, recipe, progress)
    core, preprocessing, assets = cut_off_preprocessing(sized, recipe, progress)
    signature, client_splits = _read_data(
        source, preprocessing, fronts, recipe, folder, examples, progress
    )
    shapes = {info.name: len(info.shape) for info in source.inputs}
    if preprocessing is None and any(len(s.shape) != shapes[s.name] for s in signature.inputs):
        # Nothing was cut off, but what clients send as single values are rows of one to the model.
        preprocessing = Preprocessing(steps=())
    # Before the model is asked, which may take long.
    find_criteria(recipe, signature.outputs, folder)
    signature, criteria, reference = ask_reference(
        source, signature, client_splits, recipe, folder, progress
    )
    splits, counts = preprocess(client_splits, core, preprocessing, assets, signature)
    if preprocessing is not None and preprocessing.sequence is not None:
        preprocessing = fit_buckets(preprocessing, counts, core, splits, recipe.sequence, progress)
        signature = replace(signature, sequence=preprocessing.sequence)
    is_whole = core is source
    return core, PreparedExport(
        signature, preprocessing, assets, criteria, client_splits, splits, reference, is_whole
    )


def _read_data(
    source: SourceModel,
    preprocessing: Preprocessing | None,
    fronts: Mapping[str, Front],
    recipe: Recipe,
    folder: Path,
    examples: Any,
    progress: Progress,
) -> tuple[ModelSignature, Splits]:
    with progress.step("data") as step:
        given = load_given(recipe.data.source, folder, examples)
        answers = given.answers(tuple(info.name for info in source.outputs))
        signature = describe_signature(
            source, recipe, folder, preprocessing, answers, given.names, fronts
        )
        tasks = {output.name: output.task for output in signature.outputs}
        splits = arrange(given.read(tasks), signature.inputs)
        check_data(splits, signature)
        inputs = describe_missing(signature.inputs, recipe, splits.train, preprocessing)
        signature = replace(signature, inputs=inputs)
        splits = fill(splits, inputs)
        splits = cast_inputs(splits, signature, folder)
        for name, spec in signature.pictures.items():
            where = f"{splits.source}: train: {name}"
            section = recipe.inputs.get(name, InputSection())
            check_brightness(splits.train.inputs[name], section, name, where)
            if None not in spec.shape[1:]:
                progress.log(
                    f"{name}: pictures of any other size than {spec.shape[2]} by {spec.shape[1]} "
                    f"will be refused, unless inputs.{name}.resize says how they become so large"
                )
        sizes = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        step.result = ", ".join(f"{len(split)} {name}" for name, split in sizes.items())
    return signature, splits
