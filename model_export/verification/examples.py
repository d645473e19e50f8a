"""Examples for verification, with the reference model's predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_export.dataset.casting import cast_inputs, fed_inputs
from model_export.dataset.missing import with_gaps
from model_export.dataset.records import arrange, fill
from model_export.dataset.source import load_given
from model_export.dataset.validation import check_data
from model_export.errors import UsageError
from model_export.recipe.model import DataSection, ModelSection
from model_export.registry.operations import registry_errors
from model_export.registry.store import WritableStore
from model_export.signature.images import fed_spec
from model_export.signature.signature import ModelSignature
from model_export.signature.source_model import SourceModel
from model_export.tf.open_model import load_model
from tflite_serving.contract import layout
from tflite_serving.contract.golden import GoldenExamples, read_golden
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays, InputSpec


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, and what the reference answers.

    Attributes:
        source: where they come from, for people.
        ids: of each, such as "test[17]".
        inputs: by input name, [questions, …], as clients send them.
        outputs: by output name, [questions, …], what the reference answers, in natural units.
    """

    source: str
    ids: tuple[str, ...]
    inputs: Arrays
    outputs: Arrays

    def __len__(self) -> int:
        return len(self.ids)

    def first(self, count: int) -> Questions:
        """The first of them."""
        return Questions(
            self.source,
            self.ids[:count],
            {name: values[:count] for name, values in self.inputs.items()},
            {name: values[:count] for name, values in self.outputs.items()},
        )


def golden_examples(store: WritableStore, manifest: Manifest) -> GoldenExamples:
    """The golden examples of an artifact.

    Raises:
        RegistryError: they cannot be read.
    """
    path = layout.file_path(manifest.name, manifest.version, manifest.golden)
    with registry_errors():
        return read_golden(store.read(path, manifest.files[manifest.golden].bytes).data)


def golden_questions(golden: GoldenExamples) -> Questions:
    """An artifact's own golden examples."""
    return Questions("its golden examples", golden.ids, _as_sent(golden), golden.outputs)


def _as_sent(golden: GoldenExamples) -> Arrays:
    return {
        name: with_gaps(values, golden.missing.get(name)) for name, values in golden.inputs.items()
    }


def model_questions(
    model: ModelSection, data: DataSection, folder: Path, manifest: Manifest, limit: int | None
) -> Questions:
    """The test split of a data source, and what a Keras model answers to it.

    Args:
        model, data: as in a recipe.
        folder: that their paths and modules are looked up in.
        manifest: of the artifact.
        limit: how many at most; None is all.

    Raises:
        ExportError: the model or the examples cannot be had, or do not fit the artifact.
    """
    loaded, name, source = load_model(model, data, folder), model.source, data.source
    names = tuple(spec.name for spec in manifest.inputs)
    for what, has, wanted in (
        ("inputs", loaded.inputs, names),
        ("outputs", loaded.outputs, tuple(spec.name for spec in manifest.outputs)),
    ):
        found = tuple(info.name for info in has)
        if found != wanted:
            raise UsageError(
                f"{name}: expected the {what} {', '.join(wanted)}, as the artifact has them, got "
                f"{', '.join(found)}"
            )
    signature = ModelSignature(
        manifest.task,
        manifest.inputs,
        manifest.outputs,
        model_input_specs=_fed(loaded, manifest, name),
    )
    tasks = {output.name: output.task for output in manifest.outputs}
    splits = load_given(source, folder).read(tasks)
    if limit is not None:
        splits = splits.each(lambda split, _: split.first(limit))
    splits = arrange(splits, signature.inputs)
    check_data(splits, signature)
    test = cast_inputs(fill(splits, signature.inputs), signature, folder).test
    outputs = signature.natural(
        loaded.predict(fed_inputs(test.inputs, loaded, signature, f"{source}: test"))
    )
    ids = tuple(f"test[{row}]" for row in range(len(test)))
    for output, values in outputs.items():
        endless = ~np.isfinite(values).all(axis=1)
        if endless.any():
            raise UsageError(
                f"{name}: {ids[int(endless.argmax())]}: expected finite numbers in the output "
                f"{output!r}, got {values[endless][0].tolist()}"
            )
    return Questions(f"{Path(name).name} on the test split", ids, test.as_sent, outputs)


def _fed(source: SourceModel, manifest: Manifest, where: str) -> dict[str, InputSpec]:
    """How the whole model is fed the inputs that are pictures."""
    pictures = {spec.name: spec for spec in manifest.inputs if spec.preprocess.kind == "image"}
    if not pictures:
        return {}
    from model_export.tf.preprocessing.images import split_pictures
    from model_export.tf.source import KerasSource

    others = [info.name for info in source.inputs if info.name not in pictures]
    fronts = split_pictures(source, where, others).fronts if isinstance(source, KerasSource) else {}
    return {
        info.name: fed_spec(pictures[info.name], info, fronts.get(info.name))
        for info in source.inputs
        if info.name in pictures
    }
