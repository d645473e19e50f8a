"""Specifications of inputs and outputs, as clients see them and as the model's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import Image
from tflite_serving.contract.record import Record

Shape = tuple[int | None, ...]
"""The sizes of a tensor's axes; None where any size will do. The first axis is the batch."""

Arrays = Mapping[str, npt.NDArray[Any]]
"""Values of several inputs or outputs by name; the first axis of each is the batch."""

ClientDType = Literal["float32", "uint8", "int32", "int64", "bool", "string"]
TensorDType = Literal["float32", "float16", "uint8", "int8", "int16", "int32", "int64", "bool"]
_QUANTIZED = ("int8", "uint8", "int16")
Task = Literal["classification", "multi_label", "regression", "embedding", "question_answering"]
Activation = Literal["softmax", "sigmoid", "none"]
PreprocessKind = Literal["tensor", "image", "text", "record"]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Kind of an input, and the parameters of its conversion to a tensor.

    Attributes:
        kind: Input kind; with "tensor", clients send numbers in the input's own shape.
        image: Specification of an image; for the kind "image" alone.
        record: Names and defaults of values; for the kind "record" alone. None where the input is
            one value that is required.
    """

    kind: PreprocessKind = "tensor"
    image: Image | None = None
    record: Record | None = None

    def __post_init__(self) -> None:
        if (self.kind == "image") != (self.image is not None):
            raise ContractError("image", "expected one for the kind 'image' alone")
        if self.record is not None and self.kind != "record":
            raise ContractError("record", "expected one for the kind 'record' alone")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input as clients see it.

    Attributes:
        name: Key by which clients send the input.
        dtype: Data type of a value that a client sends.
        shape: Shape of a batch; the first axis is the batch.
        preprocess: Conversion by the function before the model is run.
        description: Description for people.
        units: Unit of a value, for people, such as "gray level, 0 to 1".
    """

    name: str
    dtype: ClientDType
    shape: Shape
    preprocess: Preprocess = Preprocess()
    description: str = ""
    units: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_shape(self.shape)
        if self.preprocess.image is not None:
            _check_image(self, self.preprocess.image)
        if self.preprocess.record is not None:
            self.preprocess.record.check(self.dtype, self.shape)

    @property
    def instance_shape(self) -> Shape:
        """Shape of one instance: `shape` without the batch axis."""
        return self.shape[1:]

    @property
    def fields(self) -> tuple[InputSpec, ...]:
        """Fields that clients send by name: the input's columns, or else the input itself."""
        record = self.preprocess.record
        if record is None or not record.columns:
            return (self,)
        return tuple(
            InputSpec(
                column.name,
                self.dtype,
                self.shape[:1],
                Preprocess("record", record=Record(missing=column.missing)),
                column.description,
                column.units,
            )
            for column in record.columns
        )


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output as clients see it.

    Attributes:
        name: Key of the output in responses.
        dtype: Data type of a value in responses.
        shape: Shape of a batch; the first axis is the batch.
        labels: Names of the classes, one for each score; None where the output has no scores, or
            its classes have no names but their index. A single score of a classification has two:
            the negative class and the positive one.
        activation: Activation that the function applies to the model's outputs to get scores;
            "none" when the model ends in scores by itself.
        description: Description for people.
        task: Task of the output. A "classification" predicts one class, "multi_label" any number of
            labels, each with a score of its own.
        thresholds: Least scores with which a class or label is predicted: of a single score, the
            positive class; of "multi_label", each label. None where the best class is predicted; a
            single score then has 0.5.
        units: Unit of a regression's values, for people, such as "EUR".
    """

    name: str
    dtype: ClientDType
    shape: Shape
    labels: tuple[str, ...] | None = None
    activation: Activation = "none"
    description: str = ""
    task: Task = "classification"
    thresholds: tuple[float, ...] | None = None
    units: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_shape(self.shape)
        self._check_labels()
        self._check_thresholds()
        if self.units and self.task != "regression":
            raise ContractError(
                "units",
                f"expected none for {self.task}, whose scores have none, got {self.units!r}",
            )

    @property
    def is_binary(self) -> bool:
        """Whether this is a classification with a single score: that of the positive class."""
        return self.task == "classification" and self.shape[1:] == (1,)

    @property
    def has_classes(self) -> bool:
        """Whether the values are scores of classes or labels."""
        return self.task in ("classification", "multi_label")

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        if self.task == "regression":
            raise ContractError("labels", "expected none for a regression, which has no classes")
        if len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise ContractError("labels", f"expected each label once, got {twice!r} twice")
        scores = self.shape[-1]
        if len(self.shape) != 2 or scores is None:
            raise ContractError(
                "labels",
                "expected none, or the shape [null, classes], got labels for "
                f"{show_shape(self.shape)}",
            )
        expected = 2 if self.is_binary else scores
        if len(self.labels) != expected:
            raise ContractError(
                "labels",
                f"expected {expected} labels for the shape {show_shape(self.shape)}, "
                f"got {len(self.labels)}",
            )

    def _check_thresholds(self) -> None:
        if self.task == "multi_label":
            if len(self.shape) != 2 or self.shape[1] is None:
                raise ContractError(
                    "shape", f"expected [null, labels], got {show_shape(self.shape)}"
                )
            if self.activation == "softmax":
                raise ContractError(
                    "activation", "expected 'sigmoid' or 'none' for multi_label, got 'softmax'"
                )
            expected = self.shape[1]
        else:
            expected = 1 if self.is_binary else 0
        thresholds = self.thresholds
        if thresholds is None:
            if self.task == "multi_label":
                raise ContractError("thresholds", f"expected {expected} of them, got none")
            return
        if len(thresholds) != expected:
            raise ContractError(
                "thresholds",
                f"expected {expected or 'none'} for {self.task} of the shape "
                f"{show_shape(self.shape)}, got {len(thresholds)}",
            )
        for index, threshold in enumerate(thresholds):
            if not 0 <= threshold <= 1:
                raise ContractError(f"thresholds[{index}]", f"expected 0 to 1, got {threshold}")


@dataclass(frozen=True, slots=True)
class TensorBinding:
    """One tensor of the flatbuffer's signature, and the input or output that it represents.

    Attributes:
        name: Name of the input or output.
        tensor: Key of the tensor in the TFLite signature.
        dtype: Data type of the tensor itself.
        shape: Shape of the tensor itself; the first axis is the batch.
        scale, zero_point: Quantization parameters, ``real = (quantized - zero_point) * scale``, per
            tensor, as in the TensorFlow Lite 8-bit quantization specification; None where the
            tensor is not quantized.
    """

    name: str
    tensor: str
    dtype: TensorDType
    shape: Shape
    scale: float | None = None
    zero_point: int | None = None

    def __post_init__(self) -> None:
        if (self.scale is None) != (self.zero_point is None):
            raise ContractError("scale", "expected scale and zero_point together or neither")
        if self.scale is None or self.zero_point is None:
            return
        if self.dtype not in _QUANTIZED:
            raise ContractError(
                "scale", f"expected one for {', '.join(_QUANTIZED)} alone, got one for {self.dtype}"
            )
        # Computing is in float32, where a scale can vanish, or make infinity of a 16-bit value.
        smallest = float(np.finfo(np.float32).tiny)
        largest = float(np.finfo(np.float32).max) / 2**16
        if not smallest <= self.scale <= largest:
            raise ContractError(
                "scale",
                f"expected a positive number, {smallest:.4g} to {largest:.4g}, got {self.scale}",
            )
        limits = np.iinfo(self.dtype)
        if not limits.min <= self.zero_point <= limits.max:
            raise ContractError(
                "zero_point",
                f"expected {limits.min} to {limits.max} ({self.dtype}), got {self.zero_point}",
            )

    def to_tensor(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Converts natural units to the tensor's: quantized, if it is, and in its dtype.

        Args:
            values: Values of any shape; float32 where the tensor is quantized.

        Returns:
            Values of the same shape, in `dtype`; those beyond the quantized range saturate.
        """
        dtype = np.dtype(self.dtype)
        if self.scale is None or self.zero_point is None:
            return values.astype(dtype, copy=False)
        limits = np.iinfo(dtype)
        with np.errstate(over="ignore"):  # infinity saturates like any other large value
            quantized = np.rint(values / np.float32(self.scale)) + self.zero_point
        return np.asarray(np.clip(quantized, limits.min, limits.max), dtype=dtype)

    def to_natural(self, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Converts the tensor's units to natural ones: float32 where it is quantized.

        Args:
            tensor: Values of any shape, in `dtype`.

        Returns:
            Values of the same shape.
        """
        if self.scale is None or self.zero_point is None:
            return tensor
        return (tensor.astype(np.float32) - self.zero_point) * np.float32(self.scale)


@dataclass(frozen=True, slots=True)
class Tensors:
    """Mapping of inputs and outputs to the flatbuffer's tensors.

    Attributes:
        inputs, outputs: Bindings of the manifest's inputs and outputs.
        signature: Key of the TFLite signature.
    """

    inputs: tuple[TensorBinding, ...]
    outputs: tuple[TensorBinding, ...]
    signature: str = "serving_default"


def show_shape(shape: Shape) -> str:
    """A shape, formatted as in documents: ``[null, 8, 8, 1]``."""
    return "[" + ", ".join("null" if size is None else str(size) for size in shape) + "]"


def _check_name(name: str) -> None:
    if not name or not name.isprintable():
        raise ContractError("name", f"expected a printable name, got {name!r}")


def _check_image(spec: InputSpec, image: Image) -> None:
    if len(spec.shape) != 4 or spec.shape[3] != image.channels:
        raise ContractError(
            "shape",
            f"expected [null, height, width, {image.channels}] for pictures of mode "
            f"{image.mode!r}, got {show_shape(spec.shape)}",
        )
    if image.resize is not None and spec.shape[1:3] != (None, None):
        raise ContractError(
            "shape", f"expected open sizes beside a resize, got {show_shape(spec.shape)}"
        )
    if spec.dtype not in ("float32", "uint8") or (spec.dtype == "uint8" and image.is_scaled):
        raise ContractError(
            "dtype", f"expected float32, or uint8 without scale and offset, got {spec.dtype}"
        )


def _check_shape(shape: Shape) -> None:
    if not shape or shape[0] is not None:
        raise ContractError("shape", f"expected null first, for the batch, got {show_shape(shape)}")
    if any(size is not None and size < 1 for size in shape):
        raise ContractError("shape", f"expected positive sizes or null, got {show_shape(shape)}")
