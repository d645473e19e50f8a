"""How clients see the model: the manifest's inputs and outputs, from the source and the recipe."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import numpy.typing as npt

from model_export.data.splits import Split, Splits
from model_export.errors import ConversionError, UsageError
from model_export.outputs import Answers, describe_outputs
from model_export.pictures import fed_spec, picture_spec, read_pictures, tensors
from model_export.recipe import Recipe
from model_export.sections.inputs import InputSection
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import Preprocessing, Step
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import (
    Arrays,
    ClientDType,
    InputSpec,
    OutputSpec,
    Preprocess,
    PreprocessKind,
    Task,
)
from tflite_serving.inputs.complaint import nearest
from tflite_serving.preprocess.pipeline import in_shapes
from tflite_serving.scores import apply_activation, class_scores

if TYPE_CHECKING:
    from model_export.tf.load import SourceModel, TensorInfo
    from model_export.tf.split.pictures import Front

_SCORE_SLACK = 1e-3  # float16 models round


@dataclass(frozen=True, slots=True)
class Interface:
    """The model's inputs and outputs, as the manifest will have them.

    Attributes:
        task: what the model is for: that of its first output.
        inputs, outputs: what clients send and get.
        tensors: names of what the converted model takes; empty where these are the inputs.
        sequence: the step that makes tokens; None if there is none.
        fed: how the whole model is fed its pictures, by name; see `pictures.fed_spec`.
    """

    task: Task
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    tensors: tuple[str, ...] = ()
    sequence: Step | None = None
    fed: Mapping[str, InputSpec] = field(default_factory=dict)

    @property
    def pictures(self) -> dict[str, InputSpec]:
        """The inputs that are pictures, by name."""
        return {spec.name: spec for spec in self.inputs if spec.preprocess.kind == "image"}

    def at(self, thresholds: Mapping[str, tuple[float, ...]]) -> Interface:
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

    def targets(self, split: Split) -> dict[str, npt.NDArray[Any]]:
        """The right answers of every output, by its name; see `Split`."""
        first, *others = self.outputs
        return {
            first.name: split.targets,
            **{output.name: split.others[output.name] for output in others},
        }


def describe_interface(
    source: SourceModel,
    recipe: Recipe,
    folder: Path,
    preprocessing: Preprocessing | None = None,
    answers: Answers | None = None,
    given: tuple[str, ...] = (),
    fronts: Mapping[str, Front] | None = None,
) -> Interface:
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
    names = [info.name for info in source.inputs]
    for info in source.inputs:
        if not info.shape or info.shape[0] is not None:
            raise ConversionError(
                f"input {info.name!r}: expected a shape that leaves the batch open, got "
                f"{list(info.shape)}; build the model without a batch size"
            )
    fronts = fronts or {}
    pictures = {
        info.name: picture_spec(
            info, recipe.inputs.get(info.name, InputSection()), fronts.get(info.name)
        )
        for info in source.inputs
    }
    kinds = _kinds(source.inputs, preprocessing, {name for name, spec in pictures.items() if spec})
    columns = _columns(source.inputs, recipe, kinds, given)
    inputs = tuple(
        pictures[info.name] or _input(info, recipe, kinds[info.name], columns.get(info.name, ()))
        for info in source.inputs
    )
    fields = [field.name for spec in inputs for field in spec.fields]
    for name in recipe.inputs:
        if name not in (*names, *fields):
            raise UsageError(
                f"recipe.inputs.{name}: no such input or column; {nearest(name, fields)}"
            )
    outputs = describe_outputs(source, recipe, folder, answers)
    tensors = tuple(preprocessing.tensors(names)) if preprocessing else ()
    fed = {
        info.name: fed_spec(spec, info, fronts.get(info.name))
        for info in source.inputs
        if (spec := pictures[info.name]) is not None
    }
    return Interface(outputs[0].task, inputs, outputs, tensors, fed=fed)


def _kinds(
    inputs: tuple[TensorInfo, ...], preprocessing: Preprocessing | None, pictures: Collection[str]
) -> dict[str, PreprocessKind]:
    """How clients send each input.

    What a text layer reads is text; single values are the features of a record, if there are
    several inputs and all others are pictures.
    """
    steps = preprocessing.steps if preprocessing else ()
    texts = {
        name
        for step in steps
        for name in step.inputs
        if step.tokens or (step.lookup and step.lookup.words)
    }
    taken = {name for step in steps for name in step.inputs}
    single = {info.name for info in inputs if info.shape[1:] in ((), (1,))}
    are_features = len(inputs) > 1 and len(single) + len(pictures) == len(inputs)
    found: dict[str, PreprocessKind] = {}
    for info in inputs:
        if info.name in pictures:
            found[info.name] = "image"
        elif info.name not in single:
            found[info.name] = "tensor"
        elif info.name in texts:
            found[info.name] = "text"
        else:
            found[info.name] = "record" if are_features or info.name in taken else "tensor"
    return found


def _columns(
    inputs: tuple[TensorInfo, ...],
    recipe: Recipe,
    kinds: Mapping[str, PreprocessKind],
    given: tuple[str, ...],
) -> dict[str, tuple[str, ...]]:
    """What the values of rows of numbers are called: by the recipe, or else by the examples."""
    found = {name: section.columns for name, section in recipe.inputs.items() if section.columns}
    rows = [info for info in inputs if kinds[info.name] == "tensor" and len(info.shape) == 2]
    for name, columns in found.items():
        size = next((info.shape[1] for info in rows if info.name == name), None)
        if size != len(columns):
            raise UsageError(
                f"recipe.inputs.{name}.columns: expected as many as the input has values, "
                f"{'which is no row of numbers' if size is None else size}, got {len(columns)}"
            )
    names = [info.name for info in inputs]
    others = tuple(name for name in given if name not in names)
    unnamed = [info for info in rows if info.name not in (*found, *given)]
    if len(unnamed) == 1 and len(others) == unnamed[0].shape[1] and len(others) > 1:
        found[unnamed[0].name] = others
    return found


def _input(
    info: TensorInfo, recipe: Recipe, kind: PreprocessKind, columns: tuple[str, ...]
) -> InputSpec:
    section = recipe.inputs.get(info.name, InputSection())
    own = [(name, recipe.inputs.get(name, InputSection())) for name in columns]
    try:
        record = Record(tuple(Column(name, None, of.description, of.units) for name, of in own))
        return InputSpec(
            name=info.name,
            dtype=_client_dtype(info, kind),
            shape=info.shape if kind == "tensor" else info.shape[:1],
            preprocess=Preprocess("record", record=record) if columns else Preprocess(kind),
            description=section.description,
            units=section.units,
        )
    except ContractError as error:
        raise UsageError(f"recipe.inputs.{info.name}: {error}") from None


def check_data(splits: Splits, interface: Interface) -> None:
    """Raises `UsageError` unless every example fits the model's inputs and classes."""
    for name in ("train", "validation", "test"):
        split: Split = getattr(splits, name)
        where = f"{splits.source}: {name}"
        for spec in interface.inputs:
            if spec.preprocess.kind == "image":
                continue  # looked at when they are read
            shape = split.inputs[spec.name].shape[1:]
            fits = len(shape) == len(spec.instance_shape) and all(
                want in (None, got) for want, got in zip(spec.instance_shape, shape, strict=True)
            )
            if len(spec.shape) == 1:
                fits = shape in ((), (1,))
            if not fits:
                raise UsageError(
                    f"{where}: {spec.name}: expected examples of shape "
                    f"{list(spec.instance_shape)}, got {list(shape)}"
                )
        _check_targets(split, interface, where)


def _check_targets(split: Split, interface: Interface, where: str) -> None:
    several = len(interface.outputs) > 1
    for output, targets in zip(interface.outputs, interface.targets(split).values(), strict=True):
        place = f"{where}: {output.name}" if several else where
        if output.task != "classification":
            values = output.shape[1]
            if targets.shape[1:] != (values,):
                raise UsageError(
                    f"{place}: expected answers of {values} values, got {targets.shape[1]}"
                )
            continue
        classes = 2 if output.is_binary else output.shape[1] or 0
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= classes:
            raise UsageError(
                f"{place}: expected classes from 0 to {classes - 1}, got {low} to {high}"
                + ('; for numbers, say task = "regression"' if output.is_binary else "")
            )


def check_scores(outputs: Arrays, interface: Interface) -> None:
    """Raises `ConversionError` unless all that are scores are from 0 to 1.

    Args:
        outputs: of the source model, in natural units, by name, [examples, …].
        interface: of the model; a regression's answers must only be finite.
    """
    for output in interface.outputs:
        low, high = float(outputs[output.name].min()), float(outputs[output.name].max())
        if output.task == "regression":
            if not (math.isfinite(low) and math.isfinite(high)):
                raise ConversionError(
                    f"output {output.name!r}: expected numbers, got {low:.4g} to {high:.4g}"
                )
            continue
        # Not `low < … or …`: of NaN, every comparison is false.
        if not (low >= -_SCORE_SLACK and high <= 1 + _SCORE_SLACK):
            raise ConversionError(
                f"output {output.name!r}: expected scores from 0 to 1, got {low:.4g} to "
                f"{high:.4g} on the test split; let the model end in softmax or sigmoid, or say "
                f"outputs.{output.name}.activation; for numbers that are no scores, say "
                f'outputs.{output.name}.task = "regression"'
            )


def cast_inputs(splits: Splits, interface: Interface, folder: Path = Path()) -> Splits:
    """The same examples in the dtypes that clients send.

    Args:
        splits: as the source has them.
        interface: of the model.
        folder: that paths of pictures are relative to.

    Raises:
        UsageError: a value does not survive, such as 0.5 in an integer input.
    """
    specs = {spec.name: spec for spec in interface.inputs}

    def cast_split(split: Split, which: str) -> Split:
        where = f"{splits.source}: {which}"
        return split.given(
            {name: cast_input(x, name, f"{where}: {name}") for name, x in split.inputs.items()}
        )

    def cast_input(x: npt.NDArray[Any], name: str, where: str) -> npt.NDArray[Any]:
        if specs[name].preprocess.kind == "image":
            return read_pictures(x, interface.fed.get(name, specs[name]), folder, where)
        return _cast(x, specs[name], where)

    return splits.each(cast_split)


def fed_inputs(
    asked: Arrays, source: SourceModel, interface: Interface, where: str
) -> dict[str, npt.NDArray[Any]]:
    """Examples as the whole model takes them.

    Args:
        asked: as clients send them; see `cast_inputs`.
        source: the whole model.
        interface: of it.
        where: they come from, for complaints.
    """
    fed = {
        name: tensors(asked[name], interface.fed.get(name, spec), f"{where}: {name}")
        for name, spec in interface.pictures.items()
    }
    shapes = {info.name: info.shape for info in source.inputs if info.name not in fed}
    return {**in_shapes(asked, shapes), **fed}


def _cast(values: npt.NDArray[Any], spec: InputSpec, where: str) -> npt.NDArray[Any]:
    if len(spec.shape) == 1:
        values = values.reshape(len(values))
    if spec.dtype == "string":
        return _strings(values, where)
    dtype = np.dtype(spec.dtype)
    if values.dtype == dtype:
        return values
    try:
        with np.errstate(all="ignore"):
            cast_values = values.astype(dtype)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: expected {dtype} values, got {values.dtype}") from None
    # To float32 everything is rounded; it must only stay finite.
    same = np.isfinite(cast_values) if dtype.kind == "f" else cast_values == values
    if not same.all():
        example = values[~same].flat[0]
        raise UsageError(f"{where}: expected {dtype} values, got {example} ({values.dtype})")
    return cast_values


def _strings(values: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """As objects, each of which takes the room that it needs."""
    if values.dtype.kind not in "USO":
        raise UsageError(f"{where}: expected strings, got {values.dtype} values")
    try:
        texts = [v.decode() if isinstance(v, bytes) else v for v in values.tolist()]
        for text in texts:
            text.encode()
    except (UnicodeError, AttributeError):
        raise UsageError(f"{where}: expected strings of Unicode") from None
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


def _client_dtype(info: TensorInfo, kind: PreprocessKind) -> ClientDType:
    if info.dtype == "string" and kind == "tensor":
        raise ConversionError(
            f"input {info.name!r}: it takes strings, which must be single ones that go to a "
            "TextVectorization or StringLookup of a .keras model; build a model that starts where "
            "strings have become numbers, and give it these"
        )
    if info.dtype not in get_args(ClientDType):
        raise ConversionError(
            f"input {info.name!r}: expected one of {', '.join(get_args(ClientDType))}, "
            f"got {info.dtype}"
        )
    return cast("ClientDType", info.dtype)
