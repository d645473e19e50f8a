"""Compares the function's predictions with the reference's."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.image_reading import PictureFile
from model_export.verification.examples import Questions
from model_export.verification.predictions import Answers, answers_of
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays, InputSpec, OutputSpec
from tflite_serving.dialects.answers import label_names

_WORST = 5
_LONGEST = 60  # characters of what was sent


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one answer is from the reference's.

    Attributes:
        id: of the question.
        sent: what was asked, shortened.
        reference, served: the labels with their scores, or the values.
        largest: difference of a score or value.
        outputs: the same of each output, by name.
    """

    id: str
    sent: str
    reference: str
    served: str
    largest: float
    outputs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class OutputParity:
    """What a comparison found of one output.

    Attributes:
        output: its name.
        label_agreement: fraction of the questions with the same labels; None of a regression.
        largest, mean: absolute difference of a score or value.
    """

    output: str
    label_agreement: float | None
    largest: float
    mean: float


@dataclass(frozen=True, slots=True)
class Parity:
    """What a comparison found.

    Attributes:
        model, version: that were asked.
        against: what they were compared with.
        questions: how many.
        label_agreement: fraction of the questions that both answer with the same labels, in all
            outputs; None of a model without classes.
        largest, mean: absolute difference of a score or value, of whatever output.
        worst: those that differ most, the worst first; none that does not differ. Beside scores,
            the values of a regression count in standard deviations.
        outputs: the same of each output.
    """

    model: str
    version: str
    against: str
    questions: int
    label_agreement: float | None
    largest: float
    mean: float
    worst: tuple[Difference, ...]
    outputs: tuple[OutputParity, ...]


def compare(manifest: Manifest, questions: Questions, served: Answers) -> Parity:
    """Compares all answers.

    Args:
        manifest: of the version that answered.
        questions: with the reference's answers.
        served: what it answered.
    """
    reference = answers_of(manifest, questions.outputs)
    gaps = differences(reference, served)
    units = {spec.name: _unit(spec, reference, manifest) for spec in manifest.outputs}
    largest = np.stack([gap.max(axis=1) for gap in gaps.values()]).max(axis=0)
    scaled = np.stack([gap.max(axis=1) / units[name] for name, gap in gaps.items()]).max(axis=0)
    worst = np.argsort(-scaled, kind="stable")[:_WORST]
    return Parity(
        model=manifest.name,
        version=manifest.version,
        against=questions.source,
        questions=len(questions),
        label_agreement=_agreement(reference, served),
        largest=float(largest.max()),
        mean=float(np.concatenate([gap.ravel() for gap in gaps.values()]).mean()),
        worst=tuple(
            Difference(
                questions.ids[row],
                sent_in_words(manifest.inputs, questions.inputs, row),
                _shown(manifest, reference, row),
                _shown(manifest, served, row),
                float(largest[row]),
                {name: float(gap[row].max()) for name, gap in gaps.items()},
            )
            for row in worst
            if largest[row] > 0
        ),
        outputs=tuple(
            OutputParity(
                name,
                _share(_same(reference, served, name)) if name in reference.labels else None,
                float(gap.max()),
                float(gap.mean()),
            )
            for name, gap in gaps.items()
        ),
    )


def differences(reference: Answers, served: Answers) -> dict[str, npt.NDArray[np.float64]]:
    """By output name, [questions, values], how far each value is from the reference's."""
    return {
        name: np.abs(served.values[name].astype(np.float64) - values)
        for name, values in reference.values.items()
    }


def sent_in_words(specs: Sequence[InputSpec], inputs: Arrays, row: int) -> str:
    """One question, short enough for a line of a table."""
    values: dict[str, npt.NDArray[Any]] = {}
    for spec in specs:
        given = inputs[spec.name][row]
        value = np.asarray(given.path[-_LONGEST:] if isinstance(given, PictureFile) else given)
        columns = value if spec.fields != (spec,) else [value]
        values |= {field.name: each for field, each in zip(spec.fields, columns, strict=True)}
    if len(values) == 1:
        return _value_in_words(next(iter(values.values())))
    return _shortened(", ".join(f"{name}={_value_in_words(v)}" for name, v in values.items()))


def _value_in_words(value: npt.NDArray[Any]) -> str:
    if value.ndim:
        return f"{'×'.join(map(str, value.shape))} {value.dtype.name}"
    if value.dtype.kind == "S":
        return f"a file of {len(base64.b64decode(value.item())):,} bytes"
    single = value.item()
    if single is None or single != single:  # noqa: PLR0124  # NaN
        return "missing"
    return _shortened(repr(single)) if isinstance(single, str) else f"{single:g}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _agreement(reference: Answers, served: Answers) -> float | None:
    if not reference.labels:
        return None
    return _share(np.all([_same(reference, served, name) for name in reference.labels], axis=0))


def _same(reference: Answers, served: Answers, name: str) -> npt.NDArray[np.bool_]:
    both = zip(reference.labels[name], served.labels[name], strict=True)
    return np.array([one == other for one, other in both])


def _share(same: npt.NDArray[np.bool_]) -> float:
    return float(same.mean())


def _unit(spec: OutputSpec, reference: Answers, manifest: Manifest) -> float:
    """What one output's differences are counted in, where others have another scale."""
    if spec.has_classes or len(manifest.outputs) == 1:
        return 1.0
    return float(reference.values[spec.name].std()) or 1.0


def _shown(manifest: Manifest, answers: Answers, row: int) -> str:
    told = [_output_shown(spec, answers, row) for spec in manifest.outputs]
    if len(told) == 1:
        return told[0]
    return "; ".join(
        f"{spec.name}: {text}" for spec, text in zip(manifest.outputs, told, strict=True)
    )


def _output_shown(spec: OutputSpec, answers: Answers, row: int) -> str:
    values: npt.NDArray[Any] = answers.values[spec.name][row]
    if not spec.has_classes:
        return ", ".join(f"{value:.4g}" for value in values)
    scores = dict(zip(label_names(spec), values, strict=True))
    labels = answers.labels[spec.name][row]
    return ", ".join(f"{label} ({scores[label]:.3f})" for label in labels) or "no label"
