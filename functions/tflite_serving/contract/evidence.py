"""Evidence in a manifest: measured quality, latency and compression, and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tflite_serving.contract.codec import ContractError


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one instance, single-threaded unless the recipe says otherwise."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class FloatOperator:
    """An operator that was left in float in a quantized model.

    Attributes:
        name: Name of the operator's output tensor.
        layer: Name of the Keras layer; None if unknown.
        kind: Type of the operator, such as "CONV_2D".
        why: Reason. "quality": int8 costs too much quality there; "speed": int8 would be slower;
            "range": its input has values of very different scales, of which 8 bits hold the largest
            alone.
        error: Root mean square of the change in the model's output over calibration examples, when
            this operator alone is quantized; None for other reasons than quality.
    """

    name: str
    layer: str | None
    kind: str
    why: Literal["quality", "speed", "range"]
    error: float | None


@dataclass(frozen=True, slots=True)
class OutputQuality:
    """Cost of compression in quality for one of several outputs, on the test split.

    Attributes:
        output: Name of the output.
        metric, lower_is_better: As in `Quality`.
        reference, quality: Metric of the Keras model and of the candidate.
        drop, drop_interval_95, agreement, worst_class_drop, calibration_error: As in `Candidate`.
    """

    output: str
    metric: str
    lower_is_better: bool
    reference: float
    quality: float
    drop: float
    drop_interval_95: tuple[float, float]
    agreement: float | None = None
    worst_class_drop: float | None = None
    calibration_error: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A measured candidate: one pruned or quantized form of the model.

    Attributes:
        name: Name, unique among the candidates: the variant, with "_mixed" if parts stayed in
            float.
        variant: Variant of quantization.
        bytes, gzip_bytes: Size of the flatbuffer in bytes, plain and compressed.
        sparsity: Fraction of zeros among the weights, 0 to 1.
        quality: Gate's metric on the test split; of several outputs, that of the first. So are all
            figures down to `calibration_error`.
        drop: Difference by which the metric is worse than the reference's.
        drop_interval_95: Confidence interval of the drop over paired examples, 95 %.
        agreement: Fraction of examples with the reference's prediction; None for a regression.
        worst_class_drop: Largest drop in recall of a single class; None for a regression.
        calibration_error: Expected calibration error, 0 to 1; None for a regression.
        latency_ms: Latency of one instance.
        batch_latency_ms: Latency of a batch of `Compression.batch` instances.
        cold_load_ms: Time for import of the runtime, load, and the first prediction, in a fresh
            process.
        peak_rss_mib: Peak memory of a fresh process that loads the model, and predicts one instance
            and one batch.
        kept_in_float: Operators that were not quantized, where the rest was.
        outputs: Quality of each output, where there are several.
        passes: Whether the candidate keeps the budget.
        chosen: Whether the candidate was published.
        why_not: Reason for which it was not chosen; None for the chosen one.
    """

    name: str
    variant: str
    bytes: int
    gzip_bytes: int
    sparsity: float
    quality: float
    drop: float
    drop_interval_95: tuple[float, float]
    agreement: float | None
    worst_class_drop: float | None
    calibration_error: float | None
    latency_ms: Latency
    batch_latency_ms: Latency
    cold_load_ms: float
    peak_rss_mib: float
    kept_in_float: tuple[FloatOperator, ...] = ()
    outputs: tuple[OutputQuality, ...] = ()
    passes: bool = True
    chosen: bool = False
    why_not: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise ContractError("sparsity", f"expected 0 to 1, got {self.sparsity}")


@dataclass(frozen=True, slots=True)
class FailedCandidate:
    """A candidate that could not be made, or that the runtime could not run.

    Attributes:
        name, variant: As in `Candidate`.
        why_not: Description of the failure.
    """

    name: str
    variant: str
    why_not: str


@dataclass(frozen=True, slots=True)
class PrunedLayer:
    """A pruned layer: its name, and the fraction of weights set to zero, 0 to 1."""

    name: str
    sparsity: float


@dataclass(frozen=True, slots=True)
class Pruning:
    """Parameters and result of pruning.

    Attributes:
        method: Method of pruning; "magnitude" sets the smallest weights to zero first.
        sparsity: Requested fraction of zeros in the pruned layers, 0 to 1.
        scope: Scope of the comparison of weights: "layer" or "global".
        block: Shape of the blocks of weights that are pruned together, outputs by inputs.
        schedule: Schedule of the sparsity: "constant" or "polynomial".
        epochs: Epochs of training after (or while) pruning; fewer than requested if it stopped
            early.
        distilled: Whether knowledge was distilled from the unpruned model.
        layers: Pruned layers, with their final sparsity.
    """

    method: str
    sparsity: float
    scope: str
    block: tuple[int, ...]
    schedule: str
    epochs: int
    distilled: bool
    layers: tuple[PrunedLayer, ...]


@dataclass(frozen=True, slots=True)
class Compression:
    """Compression of the published model, and all candidates.

    Attributes:
        quantization: Name of the published candidate.
        candidates: Measured candidates.
        float32_bytes: Size in bytes of the flatbuffer from which all candidates were made.
        batch: Number of instances in the batch of `Candidate.batch_latency_ms`.
        pruning: Parameters and result of pruning; None if nothing was pruned.
        failed: Candidates that could not be measured.
    """

    quantization: str
    candidates: tuple[Candidate, ...]
    float32_bytes: int
    batch: int
    pruning: Pruning | None = None
    failed: tuple[FailedCandidate, ...] = ()

    def __post_init__(self) -> None:
        chosen = [candidate.name for candidate in self.candidates if candidate.chosen]
        if chosen != [self.quantization]:
            raise ContractError(
                "candidates", f"expected {self.quantization!r} alone to be chosen, got {chosen}"
            )

    @property
    def chosen(self) -> Candidate:
        """The published candidate."""
        return next(candidate for candidate in self.candidates if candidate.chosen)


@dataclass(frozen=True, slots=True)
class Quality:
    """Cost of compression in quality, on examples used neither for training nor for calibration.

    Attributes:
        metric: Name of the metric, such as "accuracy"; of several outputs, that of the first. The
            others' quality is with the chosen candidate.
        lower_is_better: Whether lower values of the metric are better.
        dataset: Source of the examples.
        examples: Number of examples.
        reference: Metric of the Keras model.
        published: Metric of the artifact.
        drop: Difference by which the artifact is worse.
        drop_interval_95: Confidence interval of the drop over paired examples, 95 %.
        interval_method: Method by which the interval was computed.
    """

    metric: str
    lower_is_better: bool
    dataset: str
    examples: int
    reference: float
    published: float
    drop: float
    drop_interval_95: tuple[float, float]
    interval_method: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """Runtime requirements of the flatbuffer.

    Attributes:
        runtime: Name of the package that runs it.
        min_version: Version of the package with which it was measured.
        operators: Names of its TFLite operators, sorted.
        needs_flex: Whether it needs TensorFlow's own operators, which this function does not have.
    """

    runtime: str
    min_version: str
    operators: tuple[str, ...]
    needs_flex: bool = False


@dataclass(frozen=True, slots=True)
class Recommended:
    """Recommended settings of the function, from the measured cost."""

    memory_mib: int
    cpu: float
    concurrency: int
    threads: int


@dataclass(frozen=True, slots=True)
class LengthLatency:
    """Latency of one instance whose sequences are padded to a number of tokens."""

    tokens: int
    latency_ms: Latency


@dataclass(frozen=True, slots=True)
class Resources:
    """Cost of serving the artifact, measured in a fresh process.

    Attributes:
        cold_load_ms: Time for import of the runtime, load, and the first prediction.
        peak_rss_mib: Peak memory after one instance and one batch.
        latency_ms: Latency of one instance; of sequences, one of the median length's bucket.
        recommended: Settings that fit the cost.
        by_length: Latency for each bucket of sequences, the shortest first.
    """

    cold_load_ms: float
    peak_rss_mib: float
    latency_ms: Latency
    recommended: Recommended
    by_length: tuple[LengthLatency, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Sources from which the artifact was made.

    Attributes:
        source_sha256: Hash of the Keras model; of all files of a SavedModel folder.
        recipe_sha256: Hash of the recipe after overrides.
        data_sha256: Hash of the splits.
        packages: Versions of the packages, by name.
        git_commit: Commit of the recipe's git repository; None outside of one.
        host_cpu: Processor on which the measurements were made.
    """

    source_sha256: str
    recipe_sha256: str
    data_sha256: str
    packages: Mapping[str, str]
    git_commit: str | None
    host_cpu: str
