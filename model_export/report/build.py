"""Puts the report together from what the steps of an export found."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w
from PIL import Image

from model_export.answers import answers, right_answers, same_answers
from model_export.calibration import reliability
from model_export.candidates import Answered
from model_export.comparison import confusion
from model_export.data.splits import Split
from model_export.interface import Interface
from model_export.package import Description
from model_export.pictures.encoding import thumbnail
from model_export.recipe import Recipe
from model_export.report.document import Budget, ChangedExample, LayerCost, Report, Threshold
from model_export.sections.gate import GateSection
from tflite_serving.contract.codec import encode
from tflite_serving.contract.evidence import Candidate, Quality
from tflite_serving.contract.tensors import Arrays, OutputSpec
from tflite_serving.scores import answered_labels

_MOST_CHANGED = 24
_MOST_VALUES = 12
_LONGEST_TEXT = 300
_SIDES = range(4, 513)
_LARGEST_SHOWN = 256
_REGRESSION_TOLERANCE = 0.1
"""Of the targets' standard deviation: by how much a value must move to count as changed."""

Scores = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """What an export found out about the candidate that it publishes.

    Attributes:
        description: of the artifact.
        answered: the candidate, with its answers to the test split.
        reference: the Keras model's answers to it.
        test: the test split.
        interface: what clients see.
        budgets: of quality, by output name.
    """

    description: Description
    answered: Answered
    reference: Arrays
    test: Split
    interface: Interface
    budgets: Mapping[str, GateSection]


def build_report(
    findings: Findings, recipe: Recipe, version: str, created_at: str, command: str
) -> Report:
    """The report.

    Args:
        findings: of the export.
        recipe: after overrides.
        version: of the artifact.
        created_at: RFC 3339.
        command: that makes the artifact again.
    """
    description, interface, test = findings.description, findings.interface, findings.test
    # One page has room for one output; the figures of the others are in the tables.
    output, comparison = interface.outputs[0], findings.answered.first
    reference = interface.scores(findings.reference)[output.name]
    published = interface.scores(findings.answered.outputs)[output.name]
    both = reference, published, test.targets, output.thresholds
    changed = list(_changed(reference, published, test, output))
    chosen = description.compression.chosen
    return Report(
        name=description.name,
        version=version,
        created_at=created_at,
        task=description.task,
        verdict=verdict(chosen, description.quality, description.compression.float32_bytes),
        quality=description.quality,
        compression=description.compression,
        resources=description.resources,
        provenance=description.provenance,
        prefer=recipe.gate.prefer,
        output=output.name if len(interface.outputs) > 1 else None,
        thresholds=tuple(_thresholds(interface.outputs)),
        units={each.name: each.units for each in interface.outputs if each.units},
        agreement=comparison.agreement,
        budgets=tuple(_budgets(recipe.gate, findings, chosen)),
        classes=comparison.classes,
        confusion=confusion(output.labels or (), *both)
        if output.task == "classification"
        else None,
        reliability=reliability(*both) if output.has_classes else None,
        layers=_layers(findings.answered),
        changed=tuple(
            _example(row, reference, published, test, output) for row in changed[:_MOST_CHANGED]
        ),
        changed_total=len(changed),
        recipe=to_toml(recipe),
        reproduce=command,
    )


def verdict(chosen: Candidate, quality: Quality, float32_bytes: int) -> str:
    """One sentence: what was chosen, and what it cost."""
    share = chosen.bytes / float32_bytes
    size = f"{share * 100:.0f} % of the float32 size" if share < 1 else "no smaller than float32"
    figures = [
        (f"{each.output} {each.metric}", each.reference, each.quality, each.drop)
        for each in chosen.outputs
    ] or [(quality.metric, quality.reference, quality.published, quality.drop)]
    changes = (
        f"the same {name}, {after:.4f}"
        if drop == 0
        else f"{name} {after:.4f} instead of {before:.4f}"
        for name, before, after, drop in figures
    )
    return f"{chosen.name} keeps the budget: {size}, and {', '.join(changes)}."


def to_toml(recipe: Recipe) -> str:
    """The recipe as it would be written, every key of it."""
    return tomli_w.dumps(_without_none(encode(recipe)), multiline_strings=False)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item not in (None, {})}
    return value


def _thresholds(outputs: Sequence[OutputSpec]) -> Iterator[Threshold]:
    for output in outputs:
        labels = (output.labels or ())[1:] if output.is_binary else output.labels or ()
        for label, value in zip(labels, output.thresholds or (), strict=False):
            yield Threshold(output=output.name, label=label, value=value)


def _budgets(gate: GateSection, findings: Findings, chosen: Candidate) -> Iterator[Budget]:
    comparisons = findings.answered.comparisons
    for name, comparison in comparisons.items():
        own = findings.budgets[name]
        place = f"outputs.{name}" if len(comparisons) > 1 else "gate"
        drop = comparison.drop if own.confidence is None else comparison.interval[1]
        yield Budget(key=f"{place}.max_drop", limit=own.max_drop, value=drop)
        worst = comparison.worst_class_drop
        if own.max_class_drop is not None and worst is not None:
            yield Budget(key=f"{place}.max_class_drop", limit=own.max_class_drop, value=worst)
    limits = {
        "max_bytes": (gate.max_bytes, chosen.bytes),
        "max_latency_ms": (gate.max_latency_ms, chosen.latency_ms.p50),
        "max_rss_mib": (gate.max_rss_mib, chosen.peak_rss_mib),
    }
    for key, (limit, value) in limits.items():
        if limit is not None:
            yield Budget(key=f"gate.{key}", limit=float(limit), value=float(value))


def _layers(answered: Answered) -> tuple[LayerCost, ...]:
    return tuple(
        LayerCost(
            layer=operator.layer,
            name=operator.name,
            kind=operator.kind,
            dtype=operator.weights.dtype,
            bits=operator.weights.bits,
            weights=operator.weights.count,
            bytes=operator.weights.bytes,
            sparsity=operator.weights.sparsity,
        )
        for operator in answered.form.facts.operators
        if operator.weights
    )


def _changed(
    reference: Scores, published: Scores, test: Split, output: OutputSpec
) -> Sequence[int]:
    """Rows whose answer changed, those first that lost a right answer with the most certainty."""
    rows = np.arange(len(test))
    if output.task == "regression":
        moved = np.abs(published - reference).max(axis=1)
        rows = rows[moved > _REGRESSION_TOLERANCE * float(np.std(test.targets))]
        return [int(row) for row in rows[np.argsort(-moved[rows], kind="stable")]]
    targets, thresholds = test.targets, output.thresholds
    changed = rows[~same_answers(reference, published, targets, thresholds)]
    lost = right_answers(reference, targets, thresholds)[changed]
    certainty = np.zeros(len(changed))
    if output.task == "classification":
        certainty = reference[changed, answers(reference, thresholds)[changed]]
    return [int(row) for row in changed[np.lexsort((-certainty, ~lost))]]


def _example(
    row: int, reference: Scores, published: Scores, test: Split, output: OutputSpec
) -> ChangedExample:
    inputs = {name: array[row] for name, array in test.inputs.items()}
    pictures = {name: _picture(value, test.inputs[name]) for name, value in inputs.items()}
    found = {name: picture for name, picture in pictures.items() if picture is not None}
    before, after = _answer(reference[row], output), _answer(published[row], output)
    return ChangedExample(
        id=f"test[{row}]",
        truth=_truth(test.targets[row], output),
        reference=before[0],
        published=after[0],
        reference_score=before[1],
        published_score=after[1],
        pictures=found,
        values={name: _shown(value) for name, value in inputs.items() if name not in found},
    )


def _truth(target: Any, output: OutputSpec) -> str:
    if output.task == "regression":
        return _numbers(target)
    labels = output.labels or ()
    return _listed(labels, target) if output.task == "multi_label" else labels[target]


def _answer(scores: Scores, output: OutputSpec) -> tuple[str, float | None]:
    if output.task == "regression":
        return _numbers(scores), None
    if np.isnan(scores).any():
        return "no answer (NaN)", None
    labels = output.labels or ()
    if output.task == "multi_label":
        return _listed(labels, answered_labels(scores, output.thresholds or 0.5)), None
    best = int(answers(scores[np.newaxis], output.thresholds)[0])
    return labels[best], float(scores[best])


def _listed(labels: Sequence[str], on: Any) -> str:
    return (
        ", ".join(label for label, is_on in zip(labels, on, strict=True) if is_on) or "none of them"
    )


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"a file of {len(value)} bytes"
    if not isinstance(value, str):
        return _numbers(value)
    return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"


def _numbers(values: Any) -> str:
    flat = np.ravel(values)
    shown = ", ".join(f"{value:.4g}" for value in flat[:_MOST_VALUES])
    return f"{shown}, … ({flat.size} values)" if flat.size > _MOST_VALUES else shown


def _picture(value: Any, all_values: npt.NDArray[Any]) -> str | None:
    """A PNG as base64, if the value has the shape of an image: gray, RGB, or gray with an axis."""
    if isinstance(value, str):
        return None
    if all_values.dtype == object:
        return base64.b64encode(thumbnail(value, _LARGEST_SHOWN)).decode()
    if value.ndim == 3 and value.shape[2] == 1:
        value = value[:, :, 0]
    is_gray, is_color = value.ndim == 2, value.ndim == 3 and value.shape[2] == 3
    if not (is_gray or is_color) or not all(side in _SIDES for side in value.shape[:2]):
        return None
    # By the whole split, so that a dark image stays dark.
    low, high = float(all_values.min()), float(all_values.max())
    if low >= 0:
        low, high = 0.0, next((top for top in (1.0, 255.0) if high <= top), high)
    pixels = np.clip((value.astype(np.float64) - low) / max(high - low, 1e-12), 0, 1) * 255
    file = io.BytesIO()
    Image.fromarray(np.rint(pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
