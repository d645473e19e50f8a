"""What a function is asked, and what the model that it was made from answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model_export.data import load_given, with_gaps
from model_export.errors import UsageError
from model_export.interface import Interface, cast_inputs, check_data
from model_export.records import arrange, fill
from model_export.registry.store import WritableStore
from model_export.registry.verbs import registry_errors
from tflite_serving.contract import layout
from tflite_serving.contract.golden import GoldenExamples, read_golden
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays
from tflite_serving.preprocess.pipeline import in_shapes


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
        return read_golden(store.read(path).data)


def golden_questions(golden: GoldenExamples) -> Questions:
    """An artifact's own golden examples."""
    return Questions("its golden examples", golden.ids, _as_sent(golden), golden.outputs)


def _as_sent(golden: GoldenExamples) -> Arrays:
    return {
        name: with_gaps(values, golden.missing.get(name)) for name, values in golden.inputs.items()
    }


def model_questions(model: Path, source: str, folder: Path, manifest: Manifest) -> Questions:
    """The test split of a data source, and what a Keras model answers to it.

    Args:
        model: the Keras file, or a SavedModel.
        source: as `data.source` of a recipe.
        folder: that the source is looked up in.
        manifest: of the artifact.

    Raises:
        ExportError: the model or the examples cannot be had, or do not fit the artifact.
    """
    from model_export.tf.load import load_source

    loaded = load_source(model)
    names = tuple(spec.name for spec in manifest.inputs)
    for what, has, wanted in (
        ("inputs", loaded.inputs, names),
        ("outputs", loaded.outputs, tuple(spec.name for spec in manifest.outputs)),
    ):
        found = tuple(info.name for info in has)
        if found != wanted:
            raise UsageError(
                f"{model}: expected the {what} {', '.join(wanted)}, as the artifact has them, got "
                f"{', '.join(found)}"
            )
    interface = Interface(manifest.task, manifest.inputs, manifest.outputs)
    tasks = {output.name: output.task for output in manifest.outputs}
    splits = arrange(load_given(source, folder).read(tasks), interface.inputs)
    check_data(splits, interface)
    test = cast_inputs(fill(splits, interface.inputs), interface).test
    shapes = {info.name: info.shape for info in loaded.inputs}
    outputs = interface.natural(loaded.predict(in_shapes(test.inputs, shapes)))
    ids = tuple(f"test[{row}]" for row in range(len(test)))
    return Questions(f"{model.name} on the test split", ids, test.as_sent, outputs)
