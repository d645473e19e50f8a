"""Golden examples: a few real inputs with the Keras model's predictions.

They travel in the artifact as ``golden.npz``. A function that cannot reproduce them does not
serve the version: another processor, another runtime or a damaged conversion shows here, before
a client sees it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tensors import InputSpec, OutputSpec, Shape, show_shape

GOLDEN_FILE = "golden.npz"

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A prediction that differs by more than its tolerance.

    Attributes:
        id: Id of the example.
        output: Name of the output.
        gap: Absolute difference of a value, the largest one beyond tolerance.
        tolerance: Tolerance of that value.
    """

    id: str
    output: str
    gap: float
    tolerance: float


@dataclass(frozen=True)
class GoldenExamples:
    """A batch of inputs with the reference's predictions.

    Attributes:
        ids: Origin of each example, such as ``test[17]``; as many as the batch has rows.
        inputs: Arrays by input name, [examples, …], in natural units and the client's dtype. Images
            are [examples] files in base64, or numbers.
        outputs: Reference's predictions by output name, [examples, …], in natural units.
        tolerance: Largest absolute difference by output name that still counts as the same
            prediction, of all values or [values] for each. It covers the measured effect of
            quantization.
        missing: Masks by input name, in its shape, of the values that a client left out; their
            defaults are among `inputs`.
    """

    ids: tuple[str, ...]
    inputs: Tensors
    outputs: Tensors
    tolerance: Tensors
    missing: Tensors = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.ids:
            raise ContractError("ids", "expected at least one example, got none")
        for kind, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
            for name, tensor in tensors.items():
                if tensor.ndim == 0 or len(tensor) != len(self.ids):
                    raise ContractError(
                        f"{kind}[{name!r}]",
                        f"expected {len(self.ids)} rows, got the shape {list(tensor.shape)}",
                    )
        for name, tensor in self.missing.items():
            of_input = name in self.inputs and tensor.shape == self.inputs[name].shape
            if not of_input or tensor.dtype != np.bool_:
                raise ContractError(
                    f"missing[{name!r}]",
                    "expected true or false for each value of an input of this name",
                )
        for name, tensor in self.outputs.items():
            if tensor.dtype.kind not in "biuf":
                raise ContractError(f"outputs[{name!r}]", f"expected numbers, got {tensor.dtype}")
        self._check_tolerance()

    def _check_tolerance(self) -> None:
        if set(self.tolerance) != set(self.outputs):
            raise ContractError(
                "tolerance", f"expected {sorted(self.outputs)}, got {sorted(self.tolerance)}"
            )
        for name, tensor in self.tolerance.items():
            wanted = self.outputs[name].shape[1:]
            if tensor.dtype.kind not in "iuf" or tensor.shape not in ((), wanted):
                raise ContractError(
                    f"tolerance[{name!r}]",
                    f"expected a number, or one for each value, {list(wanted)}, got {tensor.dtype} "
                    f"of the shape {list(tensor.shape)}",
                )

    def check_specs(self, inputs: tuple[InputSpec, ...], outputs: tuple[OutputSpec, ...]) -> None:
        """Raises `ContractError` unless the examples fit these inputs and outputs."""
        for kind, specs, tensors in (
            ("inputs", inputs, self.inputs),
            ("outputs", outputs, self.outputs),
        ):
            names = sorted(spec.name for spec in specs)
            if sorted(tensors) != names:
                raise ContractError(f"golden.{kind}", f"expected {names}, got {sorted(tensors)}")
            for spec in specs:
                tensor = tensors[spec.name]
                expected, shape = _shape(spec, tensor), tensor.shape
                if len(shape) != len(expected) or any(
                    want not in (None, got) for want, got in zip(expected, shape, strict=True)
                ):
                    raise ContractError(
                        f"golden.{kind}[{spec.name!r}]",
                        f"expected the shape {show_shape(expected)}, got {list(shape)}",
                    )

    def differences(self, answers: Tensors) -> list[Difference]:
        """Examples whose predictions differ by more than the tolerance.

        Args:
            answers: Predictions by output name.

        Raises:
            ContractError: A prediction has another shape.
        """
        found: list[Difference] = []
        for name, expected in self.outputs.items():
            if answers[name].shape != expected.shape:
                raise ContractError(
                    f"golden.outputs[{name!r}]",
                    f"expected an answer of the shape {list(expected.shape)}, "
                    f"got {list(answers[name].shape)}",
                )
            gaps = np.abs(answers[name].astype(np.float64) - expected.astype(np.float64))
            most = np.broadcast_to(self.tolerance[name], gaps.shape)
            gaps, most = (each.reshape(len(self.ids), -1) for each in (gaps, most))
            beyond = ~(gaps <= most)  # a NaN is beyond, too
            for row in np.flatnonzero(beyond.any(axis=1)):
                value = np.where(beyond[row], gaps[row], -1).argmax()
                gap, tolerance = float(gaps[row, value]), float(most[row, value])
                found.append(Difference(self.ids[row], name, gap, tolerance))
        return found


def _shape(spec: InputSpec | OutputSpec, tensor: npt.NDArray[Any]) -> Shape:
    is_picture = isinstance(spec, InputSpec) and spec.preprocess.kind == "image"
    return (None,) if is_picture and tensor.dtype.kind == "S" else spec.shape


def write_golden(golden: GoldenExamples) -> bytes:
    """Serializes the examples as an npz file, reproducibly."""
    arrays: dict[str, npt.NDArray[Any]] = {"ids": np.array(golden.ids, dtype=np.str_)}
    for name in golden.inputs:
        arrays[f"inputs/{name}"] = golden.inputs[name]
    for name in golden.missing:
        arrays[f"missing/{name}"] = golden.missing[name]
    for name in golden.outputs:
        arrays[f"outputs/{name}"] = golden.outputs[name]
        arrays[f"tolerance/{name}"] = golden.tolerance[name]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_golden(data: bytes) -> GoldenExamples:
    """Reads an npz file of `write_golden`; pickled objects are refused.

    Raises:
        ContractError: The file is damaged, or holds something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        return GoldenExamples(
            ids=tuple(str(example) for example in arrays["ids"]),
            inputs=_section(arrays, "inputs"),
            outputs=_section(arrays, "outputs"),
            missing=_section(arrays, "missing"),
            tolerance=_section(arrays, "tolerance"),
        )
    except ContractError as error:
        raise error.within("golden") from None
    except Exception as error:
        # A damaged archive fails in zipfile, zlib, numpy or ast, each with its own exception.
        raise ContractError("golden", f"expected an npz of golden examples, got {error}") from None


def _section(arrays: Tensors, section: str) -> dict[str, npt.NDArray[Any]]:
    prefix = section + "/"
    return {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
