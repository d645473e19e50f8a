"""Quantizes a float32 flatbuffer, without TensorFlow: variants and calibration."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from litert_quantizer import qtyping
from litert_quantizer.calibrator import Calibrator
from litert_quantizer.quantizer import AlgorithmName, Quantizer
from litert_quantizer.recipe_manager import RecipeManager
from litert_quantizer.utils import qsv_utils

from model_export.dataset.sequence_buckets import in_groups
from model_export.dataset.splits import Split
from model_export.dataset.stratified import classes_in_turn
from model_export.errors import ConversionError
from model_export.recipe.quantize import CalibrationSection, Variant
from tflite_serving.contract.preprocessing import Step

Ranges = Mapping[str, Any]
"""By tensor name, the smallest and largest value that calibration saw."""

STATIC: frozenset[Variant] = frozenset({"static_int8", "full_int8"})
"""The variants that need calibration."""

_Operation = qtyping.TFLOperationName
_EVERYWHERE = ".*"
_RANGES: Mapping[str, Callable[[Any, Any], Any]] = {
    "min_max": qsv_utils.min_max_update,
    "moving_average": qsv_utils.moving_average_update,
}


def quantize(
    flatbuffer: bytes,
    variant: Variant,
    ranges: Ranges,
    *,
    only: Sequence[str] | None = None,
    but: Sequence[str] = (),
    float_inputs: bool = False,
) -> bytes:
    """One variant of the model.

    Args:
        flatbuffer: float32, with inputs ``input_0``, ….
        variant: which.
        ranges: what `calibrate` found; only the static variants look at them.
        only: names of the operators to quantize, by the tensor that each makes; None is all.
        but: names of operators to leave in float.
        float_inputs: whether the model's inputs stay float32 in `full_int8`, too.

    Returns:
        the variant's flatbuffer; weights are quantized per channel.

    Raises:
        ConversionError: the quantizer refuses the model.
    """
    if variant == "float32" or only == []:
        return flatbuffer
    with _quietly(variant):
        quantizer = Quantizer(bytearray(flatbuffer))
        for scope in [_EVERYWHERE] if only is None else map(_scope, only):
            _CONFIGURE[variant](quantizer, scope)
        if variant == "static_int8":
            _leave_in_float(quantizer, _Operation.INPUT, _Operation.OUTPUT)
        if float_inputs:
            _leave_in_float(quantizer, _Operation.INPUT)
        for name in but:
            quantizer.update_quantization_recipe(
                _scope(name), _Operation.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
        found = dict(ranges) if quantizer.need_calibration else None
        quantized = quantizer.quantize(found, enable_progress_report=False).quantized_model
    if quantized is None:
        raise ConversionError(f"{variant}: the quantizer gave no model")
    return bytes(quantized)


def calibrate(
    flatbuffer: bytes,
    calibration: Split,
    method: str = "min_max",
    sequence: Step | None = None,
) -> Ranges:
    """The range of values that each tensor takes.

    The library's own default, a moving average of each example's range, cuts off what only some
    examples reach: on a softmax of three classes it moved scores by 0.17, the true range by 0.004.

    Args:
        flatbuffer: float32, with inputs ``input_0``, ….
        calibration: examples, in the order of the model's inputs.
        method: "min_max" or "moving_average"; see `CalibrationSection`.
        sequence: the step that makes tokens, which are filled up as the function does it.

    Raises:
        ConversionError: the calibrator refuses the model.
    """
    with _quietly("calibration"):
        quantizer = Quantizer(bytearray(flatbuffer))
        _static_int8(quantizer, _EVERYWHERE)
        manager = RecipeManager()
        manager.load_quantization_recipe(quantizer.get_quantization_recipe())
        calibrator = Calibrator(
            bytearray(flatbuffer), num_threads=1, qsv_update_func=_RANGES[method]
        )
        calibrator.calibrate({"serving_default": _samples(calibration, sequence)}, manager)
        ranges: Ranges = calibrator.get_model_qsvs()
    return ranges


def choose_calibration(train: Split, section: CalibrationSection) -> Split:
    """Examples of the training split for calibration: all classes in turn, always the same ones.

    Args:
        train: the training split; never another one, or the gate would measure what it fitted.
        section: of the recipe.
    """
    order = np.random.default_rng(0).permutation(len(train))
    return train.rows(classes_in_turn(train.strata, order)[: section.examples])


@contextlib.contextmanager
def _quietly(what: str) -> Iterator[None]:
    """Keeps the library's reports and progress away, and turns what it raises into one error."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        try:
            yield
        except Exception as error:
            # The library raises ValueError, RuntimeError, KeyError and more for the same reasons.
            raise ConversionError(f"{what}: the model cannot be quantized: {error}") from error


def _scope(name: str) -> str:
    # The library searches in the names of all tensors that an operator makes, each with a ";".
    return f"^{re.escape(name)};"


def _float16(quantizer: Quantizer, scope: str) -> None:
    quantizer.add_weight_only_config(
        scope, _Operation.ALL_SUPPORTED, 16, algorithm_key=AlgorithmName.FLOAT_CASTING
    )


def _weight_int8(quantizer: Quantizer, scope: str) -> None:
    quantizer.add_weight_only_config(scope, _Operation.ALL_SUPPORTED, 8)


def _weight_int4(quantizer: Quantizer, scope: str) -> None:
    quantizer.add_weight_only_config(scope, _Operation.ALL_SUPPORTED, 4)


def _dynamic_int8(quantizer: Quantizer, scope: str) -> None:
    quantizer.add_dynamic_config(scope, _Operation.ALL_SUPPORTED, 8)


def _static_int8(quantizer: Quantizer, scope: str) -> None:
    quantizer.add_static_config(scope, _Operation.ALL_SUPPORTED, 8, 8)


_CONFIGURE: Mapping[Variant, Callable[[Quantizer, str], None]] = {
    "float16": _float16,
    "weight_int8": _weight_int8,
    "weight_int4": _weight_int4,
    "dynamic_int8": _dynamic_int8,
    "static_int8": _static_int8,
    "full_int8": _static_int8,
}


def _leave_in_float(quantizer: Quantizer, *edges: qtyping.TFLOperationName) -> None:
    for edge in edges:
        quantizer.update_quantization_recipe(
            _EVERYWHERE, edge, algorithm_key=AlgorithmName.NO_QUANTIZE
        )


def _samples(calibration: Split, sequence: Step | None) -> list[dict[str, object]]:
    return [
        {f"input_{i}": array[row : row + 1] for i, array in enumerate(group.inputs.values())}
        for group in in_groups(calibration.inputs, sequence)
        for row in range(len(next(iter(group.inputs.values()))))
    ]
