"""Arranges examples as records, and fills in their missing values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.splits import Split, Splits
from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection
from model_export.recipe.recipe import Recipe
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.record import Column, Record, Value, check_value
from tflite_serving.contract.tensors import InputSpec, Preprocess

Array = npt.NDArray[Any]
_NUMBERS = ("mean", "median")
_WORDS = ("refuse", *_NUMBERS, "most_frequent", "mask")


def arrange(splits: Splits, inputs: Sequence[InputSpec]) -> Splits:
    """The same examples under the names of the model's inputs.

    Args:
        splits: whose inputs may be columns of an input, under the names of these.
        inputs: of the model.

    Raises:
        UsageError: the names do not fit, or a column holds no numbers.
    """

    def side_by_side(split: Split, which: str) -> Split:
        found = dict(split.inputs)
        for spec in inputs:
            fields = spec.fields
            there = [field.name for field in fields if field.name in found]
            if fields == (spec,) or not there:
                continue
            if len(there) < len(fields):
                raise UsageError(
                    f"{splits.source}: {which}: expected the columns "
                    f"{', '.join(field.name for field in fields)}, got {', '.join(found)}"
                )
            columns = [found.pop(field.name) for field in fields]
            for field, column in zip(fields, columns, strict=True):
                where = f"{splits.source}: {which}: {field.name}"
                if column.dtype.kind not in "biuf":
                    raise UsageError(f"{where}: expected numbers, got {column.dtype} values")
                if column.size != len(column):
                    raise UsageError(
                        f"{where}: expected one value an example, got the shape "
                        f"{list(column.shape[1:])}"
                    )
            found[spec.name] = np.stack([column.reshape(len(column)) for column in columns], axis=1)
        return split.given(found)

    return splits.each(side_by_side).named(tuple(spec.name for spec in inputs))


def describe_missing(
    inputs: Sequence[InputSpec],
    recipe: Recipe,
    train: Split,
    preprocessing: Preprocessing | None,
) -> tuple[InputSpec, ...]:
    """The same inputs with what stands for missing values, learned from the training split.

    Args:
        inputs: of the model.
        recipe: with a policy for each input or column.
        train: arranged; missing values are NaN, or None among strings.
        preprocessing: the layers that were cut off: a lookup may know what is missing.

    Raises:
        UsageError: the policy does not fit the input, or nothing can be learned.
    """
    described = []
    for spec in inputs:
        policy = recipe.inputs.get(spec.name, InputSection()).missing
        record = spec.preprocess.record
        if spec.preprocess.kind != "record":
            if policy is not None:
                raise UsageError(
                    f"recipe.inputs.{spec.name}.missing: expected none for an input of kind "
                    f"{spec.preprocess.kind!r}; values of a row may be missing if it has columns"
                )
            described.append(spec)
            continue
        if record is not None and record.columns:
            columns = tuple(
                _with_missing(column, spec, recipe, train.inputs[spec.name][:, index])
                for index, column in enumerate(record.columns)
            )
            record = Record(columns)
        else:
            mask = _mask(spec.name, preprocessing)
            values = train.inputs[spec.name].reshape(len(train))
            missing = _stands(policy, values, spec.dtype, f"recipe.inputs.{spec.name}", mask)
            record = None if missing is None else Record(missing=missing)
        described.append(replace(spec, preprocess=Preprocess("record", record=record)))
    return tuple(described)


def _with_missing(column: Column, spec: InputSpec, recipe: Recipe, values: Array) -> Column:
    """The column with what stands for missing values: by its own policy, or that of all."""
    of_all = recipe.inputs.get(spec.name, InputSection()).missing
    own = recipe.inputs.get(column.name, InputSection()).missing
    name = column.name if own is not None else spec.name
    policy = of_all if own is None else own
    where = f"recipe.inputs.{name}"
    return replace(column, missing=_stands(policy, values, spec.dtype, where, of=column.name))


def _stands(
    policy: Value | None,
    values: Array,
    dtype: str,
    where: str,
    mask: Value | None = None,
    of: str = "",
) -> Value | None:
    """What stands for a missing value, by a policy; None if it must be there."""
    if policy is None or policy == "refuse":
        return mask if policy is None else None
    if policy == "mask":
        if mask is None:
            raise UsageError(
                f"{where}.missing: expected layers that all have the same mask to take the input"
            )
        return mask
    if policy in (*_NUMBERS, "most_frequent"):
        return _learned(str(policy), values[~missing_of(values)], dtype, where, of)
    value = float(policy) if dtype == "float32" and type(policy) is int else policy
    try:
        check_value(value, dtype, "missing")
    except ContractError as error:
        words = f"; or one of {', '.join(_WORDS)}" if isinstance(value, str) else ""
        raise UsageError(f"{where}.{error}{words}") from None
    return value


def _learned(policy: str, there: Array, dtype: str, where: str, of: str) -> Value:
    if policy in _NUMBERS and dtype in ("string", "bool"):
        raise UsageError(f"{where}.missing: expected 'most_frequent' for {dtype}, got {policy!r}")
    if len(there) == 0:
        what = f" of {of!r}" if of else ""
        raise UsageError(
            f"{where}.missing: there is no value{what} in the training split to learn from"
        )
    if policy == "most_frequent":
        kept, counts = np.unique(there, return_counts=True)
        found = kept[counts.argmax()]
    else:
        found = there.mean(dtype=np.float64) if policy == "mean" else np.median(there)
    if dtype == "string":
        return str(found)
    if dtype == "bool":
        return bool(found)
    return float(np.float32(found)) if dtype == "float32" else round(float(found))


def _mask(name: str, preprocessing: Preprocessing | None) -> Value | None:
    """What all layers that take an input count as missing; None if they differ, or others do."""
    if preprocessing is None or name in preprocessing.kept:
        return None
    masks: set[Value | None] = set()
    for step in preprocessing.steps:
        if name not in step.inputs:
            continue
        if step.lookup is not None and step.lookup.words is None:
            masked, numbers = step.lookup.vocabulary.masked, step.lookup.vocabulary.integers
            masks.add(int(masked) if masked is not None and numbers else masked)
        else:
            masks.add(step.hashing.masked if step.hashing is not None else None)
    return masks.pop() if len(masks) == 1 else None


def fill(splits: Splits, inputs: Sequence[InputSpec]) -> Splits:
    """The same examples with something in the place of every missing value.

    Args:
        splits: arranged.
        inputs: of the model, with what stands for missing values.

    Raises:
        UsageError: a value is missing that must be there, or is an infinity.
    """

    def filled(split: Split, which: str) -> Split:
        found, missing = dict(split.inputs), {}
        for spec in inputs:
            values = split.inputs[spec.name]
            gaps = missing_of(values)
            where = f"{splits.source}: {which}"
            if gaps.any():
                found[spec.name] = _filled(values, gaps, spec, where)
                missing[spec.name] = gaps.reshape(-1) if len(spec.shape) == 1 else gaps
        return replace(split, inputs=found, missing=missing)

    return splits.each(filled)


def missing_of(values: Array) -> npt.NDArray[np.bool_]:
    """Which values are missing, in their shape: NaN, or None among strings."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype == object:
        return np.array([value is None for value in values.flat], bool).reshape(values.shape)
    return np.zeros(values.shape, bool)


def _filled(values: Array, gaps: npt.NDArray[np.bool_], spec: InputSpec, where: str) -> Array:
    fields = spec.fields
    has_columns = fields != (spec,)
    defaults: list[Mapping[str, Any] | Value | None] = []
    for index, field in enumerate(fields):
        record = field.preprocess.record
        default = None if record is None else record.missing
        is_missing = (gaps[:, index] if has_columns else gaps).any()
        if default is None and is_missing:
            if spec.preprocess.kind != "record":
                what = "finite numbers, got NaN" if spec.dtype != "string" else "strings, got None"
                raise UsageError(
                    f"{where}: {spec.name}: expected {what}; leave out the examples without a value"
                )
            raise UsageError(
                f"{where}: {field.name}: a value is missing; say what stands for such ones: "
                f"inputs.{field.name}.missing"
            )
        defaults.append(default)
    stands = np.array(
        [0 if default is None else default for default in defaults] if has_columns else defaults,
        values.dtype,
    )
    return np.where(gaps, stands if has_columns else stands[0], values)
