"""The report as dataclasses: ``report.json`` is this document, ``report.html`` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.report.document.output import OutputReport
from tflite_serving.contract.evidence import Compression, Provenance, Quality, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit of the recipe's gate, and what the published candidate has.

    Attributes:
        key: of the recipe, such as "gate.max_drop".
        limit: its value.
        value: what was measured; the upper end of the interval where that is what counts.
        output: name of the output whose quality it limits; None if it limits something else.
    """

    key: str
    limit: float
    value: float
    output: str | None = None


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
class Report:
    """Everything that an export found out.

    Attributes:
        name, version, created_at, task: of the artifact.
        verdict: in one sentence.
        quality, compression, resources, provenance: as in the manifest.
        prefer: what the gate prefers among candidates that pass.
        budgets: every limit that the recipe sets.
        outputs: in the model's order.
        layers: of the published flatbuffer, in its order.
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
    budgets: tuple[Budget, ...]
    outputs: tuple[OutputReport, ...]
    layers: tuple[LayerCost, ...]
    recipe: str
    reproduce: str
