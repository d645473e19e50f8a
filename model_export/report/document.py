"""What the report tells, as data: ``report.json`` is this document, ``report.html`` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tflite_serving.contract.evidence import Compression, Provenance, Quality, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit of the recipe's gate, and what the published candidate has.

    Attributes:
        key: of the recipe, such as "gate.max_drop".
        limit: its value.
        value: what was measured; the upper end of the interval where that is what counts.
    """

    key: str
    limit: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """What compression did to one class.

    Attributes:
        label: of the class.
        examples: of it in the test split.
        reference, published: recall: the fraction of them that each model gets right.
    """

    label: str
    examples: int
    reference: float
    published: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of the test split by right class (row) and answered class (column)."""

    labels: tuple[str, ...]
    reference: tuple[tuple[int, ...], ...]
    published: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Answers whose score lies in one interval.

    Attributes:
        low, high: of the score of what is answered.
        examples: how many.
        score: their mean score; None if there are none.
        accuracy: fraction of them that are right; None if there are none.
    """

    low: float
    high: float
    examples: int
    score: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Whether scores mean what they say: Guo et al. (2017), https://arxiv.org/abs/1706.04599.

    Attributes:
        reference_error, published_error: expected calibration error, 0 to 1.
        reference, published: the bins.
    """

    reference_error: float
    published_error: float
    reference: tuple[ReliabilityBin, ...]
    published: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """The weights of one operator in the published flatbuffer.

    Attributes:
        layer: of the Keras model; None where it is not known.
        name: of the tensor that the operator makes.
        kind: of the operator, such as "CONV_2D".
        dtype: of the weights, such as "int8".
        bits: of one weight.
        weights: how many.
        bytes: that they take in the flatbuffer.
        sparsity: fraction of zeros, 0 to 1.
    """

    layer: str | None
    name: str
    kind: str
    dtype: str
    bits: int
    weights: int
    bytes: int
    sparsity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedExample:
    """A test example that the published model answers otherwise than the reference.

    Attributes:
        id: such as "test[17]".
        truth: label of the right class, the right labels, or the right value.
        reference, published: the same, as it was answered.
        reference_score, published_score: of one class; None for labels and for a regression.
        pictures: by input name, a PNG as base64, of inputs that look like images.
        values: by input name, the values of inputs that do not, shortened.
    """

    id: str
    truth: str
    reference: str
    published: str
    reference_score: float | None
    published_score: float | None
    pictures: Mapping[str, str]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The least score with which a label is answered.

    Attributes:
        output: name of the output.
        label: that is answered from there on.
        value: of the threshold, 0 to 1.
    """

    output: str
    label: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that an export found out.

    Attributes:
        name, version, created_at, task: of the artifact.
        verdict: in one sentence.
        quality, compression, resources, provenance: as in the manifest.
        prefer: what the gate prefers among candidates that pass.
        output: name of the output that agreement, classes, confusion, reliability and changed are
            about, where there are several; else None.
        thresholds: of every output that has some.
        units: of each output that has some, by name.
        agreement: fraction of examples that get the reference's answer; None for a regression.
        budgets: every limit that the recipe sets.
        classes: empty for a regression.
        confusion: None for labels that do not exclude one another, and for a regression.
        reliability: None for a regression.
        layers: of the published flatbuffer, in its order.
        changed: the most telling ones first; not necessarily all.
        changed_total: how many there are.
        recipe: after overrides, as TOML.
        reproduce: the shell command that makes this artifact again.
    """

    name: str
    version: str
    created_at: str
    task: str
    verdict: str
    quality: Quality
    compression: Compression
    resources: Resources
    provenance: Provenance
    prefer: str
    output: str | None
    thresholds: tuple[Threshold, ...]
    units: Mapping[str, str]
    agreement: float | None
    budgets: tuple[Budget, ...]
    classes: tuple[ClassChange, ...]
    confusion: Confusion | None
    reliability: Reliability | None
    layers: tuple[LayerCost, ...]
    changed: tuple[ChangedExample, ...]
    changed_total: int
    recipe: str
    reproduce: str
