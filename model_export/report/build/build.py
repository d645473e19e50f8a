"""Builds the report document from the findings of an export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tomli_w

from model_export.artifact.write import ManifestDraft
from model_export.dataset.splits import Split, targets_of
from model_export.quality.criteria import OutputCriterion
from model_export.quantization.candidate import Answered
from model_export.recipe.gate import GateSection
from model_export.recipe.recipe import Recipe
from model_export.report.build.output import build_output
from model_export.report.build.shown_inputs import InputsShown
from model_export.report.document.output import OutputReport
from model_export.report.document.report import Budget, LayerCost, Report
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.codec import encode
from tflite_serving.contract.evidence import Candidate, Quality
from tflite_serving.contract.tensors import Arrays

_MOST_CHANGED, _LEAST_CHANGED = 24, 4
"""Examples that are shown: of all outputs together, and of each however many there are."""
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class ExportFindings:
    """What an export found out about the candidate that it publishes.

    Attributes:
        description: of the artifact.
        answered: the candidate, with its answers to the test split.
        reference: the Keras model's answers to it.
        test: the test split.
        signature: what clients see.
        criteria: what each output is judged by.
    """

    description: ManifestDraft
    answered: Answered
    reference: Arrays
    test: Split
    signature: ModelSignature
    criteria: tuple[OutputCriterion, ...]


def build_report(
    findings: ExportFindings, recipe: Recipe, version: str, created_at: str, command: str
) -> Report:
    """The report.

    Args:
        findings: of the export.
        recipe: after overrides.
        version: of the artifact.
        created_at: RFC 3339.
        command: that makes the artifact again.
    """
    description = findings.description
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
        budgets=tuple(_budgets(recipe.gate, findings, chosen)),
        outputs=tuple(_outputs(findings)),
        layers=_layers(findings.answered),
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
    if len(figures) > _MOST_TOLD:
        return f"{chosen.name} keeps the budgets of {len(figures)} outputs: {size}."
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


def _outputs(findings: ExportFindings) -> Iterator[OutputReport]:
    signature, criteria = findings.signature, findings.criteria
    reference = signature.scores(findings.reference)
    published = signature.scores(findings.answered.outputs)
    targets = targets_of(findings.test, signature.outputs)
    inputs = InputsShown(findings.test, signature.inputs)
    for criterion in criteria:
        name = criterion.output.name
        yield build_output(
            criterion,
            findings.answered.comparisons[name],
            (reference[name], published[name], targets[name]),
            inputs,
            max(_MOST_CHANGED // len(criteria), _LEAST_CHANGED),
        )


def _budgets(gate: GateSection, findings: ExportFindings, chosen: Candidate) -> Iterator[Budget]:
    for criterion in findings.criteria:
        name, own = criterion.output.name, criterion.gate
        comparison = findings.answered.comparisons[name]
        place = "gate" if criterion.is_only else f"outputs.{name}"
        drop = comparison.drop if own.confidence is None else comparison.interval[1]
        yield Budget(key=f"{place}.max_drop", limit=own.allowed_drop, value=drop, output=name)
        worst, most = comparison.worst_class_drop, own.max_class_drop
        if most is not None and worst is not None:
            yield Budget(key="gate.max_class_drop", limit=most, value=worst, output=name)
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
