"""How clients see the model: the manifest's inputs and outputs, from the source and the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from model_export.recipe.recipe import Recipe
from model_export.signature.images import Front, fed_spec
from model_export.signature.inputs import describe_inputs
from model_export.signature.outputs import Answers, describe_outputs
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.preprocessing import Preprocessing, Step
from tflite_serving.contract.tensors import Arrays, InputSpec, OutputSpec, Task
from tflite_serving.runtime.postprocess import apply_activation, class_scores


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """The model's inputs and outputs, as the manifest will have them.

    Attributes:
        task: what the model is for: that of its first output.
        inputs, outputs: what clients send and get.
        tensors: names of what the converted model takes; empty where these are the inputs.
        sequence: the step that makes tokens; None if there is none.
        model_input_specs: how the whole model is fed its pictures, by name; see `fed_spec`.
    """

    task: Task
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    tensors: tuple[str, ...] = ()
    sequence: Step | None = None
    model_input_specs: Mapping[str, InputSpec] = field(default_factory=dict)

    @property
    def pictures(self) -> dict[str, InputSpec]:
        """The inputs that are pictures, by name."""
        return {spec.name: spec for spec in self.inputs if spec.preprocess.kind == "image"}

    def at(self, thresholds: Mapping[str, tuple[float, ...]]) -> ModelSignature:
        """The same with these thresholds, by output name."""
        outputs = tuple(
            replace(output, thresholds=thresholds.get(output.name, output.thresholds))
            for output in self.outputs
        )
        return replace(self, outputs=outputs)

    def natural(self, raw: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The source model's raw outputs with the activations that the function will apply."""
        return {
            output.name: apply_activation(raw[output.name], output.activation)
            for output in self.outputs
        }

    def scores(self, outputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """What the gate judges, from outputs in natural units.

        Returns:
            by output name, [examples, classes] scores, a single one as those of two classes; of a
            regression, [examples, values].
        """
        return {
            output.name: class_scores(outputs[output.name])
            if output.is_binary
            else outputs[output.name]
            for output in self.outputs
        }


def describe_signature(
    source: SourceModel,
    recipe: Recipe,
    folder: Path,
    preprocessing: Preprocessing | None = None,
    answers: Answers | None = None,
    given: tuple[str, ...] = (),
    fronts: Mapping[str, Front] | None = None,
) -> ModelSignature:
    """Reads the interface off the model, and adds what the recipe says of it.

    Args:
        source: the loaded model.
        recipe: with labels, and notes on inputs.
        folder: of the recipe.
        preprocessing: the layers that were cut off.
        answers: all right answers, as `describe_outputs` takes them.
        given: what the examples call their inputs, which may be columns of the model's.
        fronts: what the model does first to its pictures, by input name.

    Raises:
        ConversionError: the model has an input or output that cannot be served.
        UsageError: the recipe does not fit the model.
    """
    fronts = fronts or {}
    inputs = describe_inputs(source, recipe, preprocessing, given, fronts)
    outputs = describe_outputs(source, recipe, folder, answers)
    tensors = tuple(preprocessing.tensors([spec.name for spec in inputs])) if preprocessing else ()
    model_input_specs = {
        spec.name: fed_spec(spec, info, fronts.get(spec.name))
        for spec, info in zip(inputs, source.inputs, strict=True)
        if spec.preprocess.kind == "image"
    }
    return ModelSignature(
        outputs[0].task, inputs, outputs, tensors, model_input_specs=model_input_specs
    )
