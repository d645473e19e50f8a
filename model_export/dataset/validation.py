"""Validates examples against the model's inputs and classes."""

from __future__ import annotations

from model_export.dataset.splits import Split, Splits, targets_of
from model_export.errors import UsageError
from model_export.signature.signature import ModelSignature


def check_data(splits: Splits, signature: ModelSignature) -> None:
    """Raises `UsageError` unless every example fits the model's inputs and classes."""
    for name in ("train", "validation", "test"):
        split: Split = getattr(splits, name)
        where = f"{splits.source}: {name}"
        for spec in signature.inputs:
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
        _check_targets(split, signature, where)


def _check_targets(split: Split, signature: ModelSignature, where: str) -> None:
    several = len(signature.outputs) > 1
    for output, targets in zip(
        signature.outputs, targets_of(split, signature.outputs).values(), strict=True
    ):
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
            if low == 1 and high == classes:
                hint = "; count them from 0"
            else:
                hint = '; for numbers, say task = "regression"' if output.is_binary else ""
            raise UsageError(
                f"{place}: expected classes from 0 to {classes - 1}, got {low} to {high}{hint}"
            )
