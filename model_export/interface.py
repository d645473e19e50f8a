"""How clients see the model: the manifest's inputs and outputs, from the source and the recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import numpy.typing as npt

from model_export.data import Split, Splits
from model_export.errors import ConversionError, UsageError
from model_export.recipe import ModelTask, Recipe
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import (
    Arrays,
    ClientDType,
    InputSpec,
    OutputSpec,
    Preprocess,
    PreprocessKind,
)
from tflite_serving.scores import apply_activation, class_scores

if TYPE_CHECKING:
    from model_export.tf.load import SourceModel, TensorInfo

_SCORE_SLACK = 1e-3  # float16 models round


@dataclass(frozen=True, slots=True)
class Interface:
    """The model's inputs and outputs, as the manifest will have them.

    Attributes:
        task: what the model is for.
        inputs, outputs: what clients send and get.
        tensors: names of what the converted model takes; empty where these are the inputs.
    """

    task: ModelTask
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    tensors: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the classes; none for a regression."""
        return self.outputs[0].labels or ()

    def natural(self, raw: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The source model's raw outputs with the activations that the function will apply."""
        return {
            output.name: apply_activation(raw[output.name], output.activation)
            for output in self.outputs
        }

    def scores(self, outputs: Arrays) -> npt.NDArray[Any]:
        """What the gate judges, from outputs in natural units.

        Returns:
            [examples, classes] scores; of a regression, [examples, values].
        """
        output = outputs[self.outputs[0].name]
        return class_scores(output) if self.task == "classification" else output


def describe_interface(
    source: SourceModel,
    recipe: Recipe,
    folder: Path,
    preprocessing: Preprocessing | None = None,
) -> Interface:
    """Reads the interface off the model, and adds what the recipe says of it.

    Args:
        source: the loaded model.
        recipe: with labels, and notes on inputs.
        folder: of the recipe.
        preprocessing: the layers that were cut off.

    Raises:
        ConversionError: the model is no classifier that can be served.
        UsageError: the recipe does not fit the model.
    """
    names = [info.name for info in source.inputs]
    for info in source.inputs:
        if not info.shape or info.shape[0] is not None:
            raise ConversionError(
                f"input {info.name!r}: expected a shape that leaves the batch open, got "
                f"{list(info.shape)}; build the model without a batch size"
            )
    for name in recipe.inputs:
        if name not in names:
            raise UsageError(f"recipe.inputs.{name}: no such input; the model has {names}")
    kinds = _kinds(source.inputs, preprocessing)
    inputs = tuple(
        InputSpec(
            name=info.name,
            dtype=_client_dtype(info, kinds[info.name]),
            shape=info.shape if kinds[info.name] == "tensor" else info.shape[:1],
            preprocess=Preprocess(kinds[info.name]),
            description=recipe.inputs[info.name].description if info.name in recipe.inputs else "",
            units=recipe.inputs[info.name].units if info.name in recipe.inputs else "",
        )
        for info in source.inputs
    )
    if len(source.outputs) != 1:
        raise ConversionError(
            f"expected one output, got {len(source.outputs)}: "
            "a classifier with several outputs cannot be exported yet"
        )
    tensors = tuple(preprocessing.tensors(names)) if preprocessing else ()
    return Interface(recipe.model.task, inputs, (_output(source, recipe, folder),), tensors)


def _kinds(
    inputs: tuple[TensorInfo, ...], preprocessing: Preprocessing | None
) -> dict[str, PreprocessKind]:
    """How clients send each input.

    What a text layer reads is text; several single values are the features of a record.
    """
    steps = preprocessing.steps if preprocessing else ()
    texts = {name for step in steps for name in step.inputs if step.lookup and step.lookup.words}
    taken = {name for step in steps for name in step.inputs}
    single = {info.name for info in inputs if info.shape[1:] in ((), (1,))}
    are_features = len(inputs) > 1 and len(single) == len(inputs)
    found: dict[str, PreprocessKind] = {}
    for info in inputs:
        if info.name not in single:
            found[info.name] = "tensor"
        elif info.name in texts:
            found[info.name] = "text"
        else:
            found[info.name] = "record" if are_features or info.name in taken else "tensor"
    return found


def check_data(splits: Splits, interface: Interface) -> None:
    """Raises `UsageError` unless every example fits the model's inputs and classes."""
    for name in ("train", "validation", "test"):
        split: Split = getattr(splits, name)
        where = f"{splits.source}: {name}"
        for spec in interface.inputs:
            shape = split.inputs[spec.name].shape[1:]
            fits = len(shape) == len(spec.instance_shape) and all(
                want in (None, got) for want, got in zip(spec.instance_shape, shape, strict=True)
            )
            if spec.preprocess.kind != "tensor":
                fits = shape in ((), (1,))
            if not fits:
                raise UsageError(
                    f"{where}: {spec.name}: expected examples of shape "
                    f"{list(spec.instance_shape)}, got {list(shape)}"
                )
        _check_targets(split, interface, where)


def _check_targets(split: Split, interface: Interface, where: str) -> None:
    if interface.task == "regression":
        values = interface.outputs[0].shape[1]
        if split.targets.shape[1:] != (values,):
            raise UsageError(
                f"{where}: expected answers of {values} values, got {split.targets.shape[1]}"
            )
        return
    low, high = int(split.targets.min()), int(split.targets.max())
    if low < 0 or high >= len(interface.labels):
        raise UsageError(
            f"{where}: expected classes from 0 to {len(interface.labels) - 1}, got {low} to {high}"
        )


def check_scores(outputs: Arrays, interface: Interface) -> None:
    """Raises `ConversionError` unless a classifier answers with scores from 0 to 1.

    Args:
        outputs: of the source model, in natural units, by name, [examples, …].
        interface: of the model; a regression's answers must only be finite.
    """
    name = interface.outputs[0].name
    low, high = float(outputs[name].min()), float(outputs[name].max())
    if interface.task == "regression":
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ConversionError(f"output {name!r}: expected numbers, got {low:.4g} to {high:.4g}")
        return
    # Not `low < … or …`: of NaN, every comparison is false.
    if not (low >= -_SCORE_SLACK and high <= 1 + _SCORE_SLACK):
        raise ConversionError(
            f"output {name!r}: expected scores from 0 to 1, got {low:.4g} to {high:.4g} on the "
            "test split; let the model end in softmax or sigmoid, or give a .keras file whose "
            "last layer is a Dense one without activation"
        )


def cast_inputs(splits: Splits, interface: Interface) -> Splits:
    """The same examples in the dtypes that clients send.

    Raises:
        UsageError: a value does not survive, such as 0.5 in an integer input.
    """
    specs = {spec.name: spec for spec in interface.inputs}

    def cast_split(split: Split, which: str) -> Split:
        where = f"{splits.source}: {which}"
        return Split(
            {name: _cast(x, specs[name], f"{where}: {name}") for name, x in split.inputs.items()},
            split.targets,
        )

    return splits.each(cast_split)


def _cast(values: npt.NDArray[Any], spec: InputSpec, where: str) -> npt.NDArray[Any]:
    if spec.preprocess.kind != "tensor":
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


def _output(source: SourceModel, recipe: Recipe, folder: Path) -> OutputSpec:
    info = source.outputs[0]
    regression = recipe.model.task == "regression"
    if len(info.shape) != 2 or info.shape[1] is None:
        wanted = (
            "values of shape [batch, values]" if regression else "scores of shape [batch, classes]"
        )
        raise ConversionError(f"output {info.name!r}: expected {wanted}, got {list(info.shape)}")
    if regression:
        if recipe.model.labels is not None:
            raise UsageError("recipe.model.labels: a regression has no classes to name")
        return OutputSpec(
            info.name, "float32", info.shape, description="predicted values", task="regression"
        )
    classes = 2 if info.shape[1] == 1 else info.shape[1]
    try:
        return OutputSpec(
            name=info.name,
            dtype="float32",
            shape=info.shape,
            labels=_labels(recipe, folder, classes),
            activation=source.activation,
            description="score of each class",
        )
    except ContractError as error:
        raise UsageError(f"recipe.model.{error}") from None


def _labels(recipe: Recipe, folder: Path, classes: int) -> tuple[str, ...]:
    labels = recipe.model.labels
    if labels is None:
        return tuple(str(index) for index in range(classes))
    if isinstance(labels, str):
        try:
            text = (folder / labels).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"recipe.model.labels: {folder / labels}: {error}") from None
        return tuple(text.splitlines())
    return labels
