"""Predictions in one form, from a response's JSON or from a model's raw outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from model_export.errors import ParityError
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays, OutputSpec
from tflite_serving.dialects.answers import label_names
from tflite_serving.runtime.postprocess import answered_classes, answered_labels, class_scores

Labels = tuple[tuple[str, ...], ...]


class OtherVersionError(ParityError):
    """Another version answered than the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to questions, in their order.

    Attributes:
        values: by output name, [questions, classes], the score of every class or label; of a
            regression, [questions, values].
        labels: by name of an output that has classes, what each question is answered: one class,
            or any number of labels.
    """

    values: Arrays
    labels: Mapping[str, Labels]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


def answers_of(manifest: Manifest, outputs: Arrays) -> Answers:
    """What a model's outputs say.

    Args:
        manifest: names the labels and thresholds.
        outputs: by output name, [questions, …], in natural units.
    """
    values = {spec.name: _values(spec, outputs[spec.name]) for spec in manifest.outputs}
    labels = {
        spec.name: _labels(spec, values[spec.name]) for spec in manifest.outputs if spec.has_classes
    }
    return Answers(values, labels)


def read_answers(manifest: Manifest, body: bytes) -> Answers:
    """Reads an answer of the simple dialect.

    Args:
        manifest: of the version that must have answered.
        body: JSON.

    Raises:
        OtherVersionError: another one did.
        ParityError: it is no such answer, or its labels are not those that its scores say.
    """
    try:
        answer = orjson.loads(body)
        version = answer["model"]["version"]
        if version != manifest.version:
            raise OtherVersionError(
                f"{manifest.name}: expected the version {manifest.version}, got {version}"
            )
        rows = answer["predictions"]
        if len(manifest.outputs) == 1:
            rows = [{manifest.outputs[0].name: row} for row in rows]
        read = {
            spec.name: [_read(spec, row[spec.name]) for row in rows] for spec in manifest.outputs
        }
        values = {
            name: np.array([numbers for numbers, _ in column], dtype=np.float32)
            for name, column in read.items()
        }
        told = {
            spec.name: tuple(labels for _, labels in read[spec.name])
            for spec in manifest.outputs
            if spec.has_classes
        }
    except (ValueError, LookupError, TypeError):
        shown = body.decode(errors="replace")[:300]
        raise ParityError(f"{manifest.name}: expected predictions, got {shown}") from None
    for name, column in values.items():
        if not np.isfinite(column).all():  # null is no number
            raise ParityError(f"{manifest.name}: expected finite numbers in {name!r}, got others")
    _check_labels(manifest, values, told)
    return Answers(values, told)


def _values(spec: OutputSpec, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return class_scores(output) if spec.task == "classification" else output


def _labels(spec: OutputSpec, values: npt.NDArray[Any]) -> Labels:
    names = label_names(spec)
    if spec.task == "multi_label":
        chosen = answered_labels(values, spec.thresholds or ())
        return tuple(tuple(names[index] for index in np.flatnonzero(row)) for row in chosen)
    threshold = (spec.thresholds or (0.5,))[0] if spec.is_binary else None
    return tuple((names[index],) for index in answered_classes(values, threshold).tolist())


def _read(spec: OutputSpec, row: Mapping[str, Any]) -> tuple[list[float], tuple[str, ...]]:
    """One prediction: its values in the order of the manifest, and what it answers."""
    if not spec.has_classes:
        return (row["values"] if "values" in row else [row["value"]]), ()
    scores = [row["scores"][name] for name in label_names(spec)]
    return scores, tuple(row["labels"]) if spec.task == "multi_label" else (row["label"],)


def _check_labels(manifest: Manifest, values: Arrays, told: Mapping[str, Labels]) -> None:
    for spec in manifest.outputs:
        if not spec.has_classes:
            continue
        meant = _labels(spec, values[spec.name])
        for row, (expected, got) in enumerate(zip(meant, told[spec.name], strict=True)):
            if expected != got:
                raise ParityError(
                    f"{manifest.name}: predictions[{row}]: expected the label {_shown(expected)}, "
                    f"as its scores say, got {_shown(got)}"
                )


def _shown(labels: tuple[str, ...]) -> str:
    return ", ".join(map(repr, labels)) or "none"
