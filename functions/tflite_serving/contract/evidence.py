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
    """One operator of a quantized model that was left in float.

    Attributes:
        name: of the tensor that the operator makes.
        layer: of the Keras model; None where it is not known.
        kind: such as "CONV_2D".
        why: "quality": int8 costs too much of it there; "speed": int8 would be slower; "range": it
            is given values of all sizes, of which 8 bits hold the largest alone.
        error: root mean square of the change in the model's output, over calibration examples,
            when this operator alone is quantized; None where that is not why.
    """

    name: str
    layer: str | None
    kind: str
    why: Literal["quality", "speed", "range"]
    error: float | None


@dataclass(frozen=True, slots=True)
class OutputQuality:
    """What compression cost one output of several, on the test split.

    Attributes:
        output: its name.
        metric, lower_is_better: as in `Quality`.
        reference, quality: the metric of the Keras model and of the candidate.
        drop, drop_interval_95, agreement, worst_class_drop, calibration_error: as in `Candidate`.
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
    """One form of the model that was measured.

    Attributes:
        name: unique among the candidates: the variant, with "_mixed" if parts stayed in float.
        variant: of quantization.
        bytes, gzip_bytes: size of the flatbuffer, plain and compressed.
        sparsity: fraction of zeros among the weights, 0 to 1.
        quality: the gate's metric on the test split; of several outputs, that of the first. So
            are all figures down to `calibration_error`.
        drop: by how much that is worse than the reference's.
        drop_interval_95: a 95 % interval of the drop over paired examples.
        agreement: fraction of examples that get the reference's answer; None for a regression.
        worst_class_drop: the largest drop in recall of a single class; None for a regression.
        calibration_error: expected calibration error, 0 to 1; None for a regression.
        latency_ms: of one instance.
        batch_latency_ms: of a batch of `Compression.batch` instances.
        cold_load_ms: import of the runtime, load, and the first answer, in a fresh process.
        peak_rss_mib: of a fresh process that loads it and answers one instance and one batch.
        kept_in_float: operators that were not quantized, where the rest was.
        outputs: the quality of each output, where there are several.
        passes: whether it keeps the budget.
        chosen: whether it is the one that was published.
        why_not: what kept it from being chosen; None for the chosen one.
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
    """A form of the model that could not be made, or that the runtime could not run.

    Attributes:
        name, variant: as in `Candidate`.
        why_not: what failed.
    """

    name: str
    variant: str
    why_not: str


@dataclass(frozen=True, slots=True)
class PrunedLayer:
    """One layer whose weights were set to zero; its name, and the fraction, 0 to 1."""

    name: str
    sparsity: float


@dataclass(frozen=True, slots=True)
class Pruning:
    """How weights were set to zero.

    Attributes:
        method: "magnitude": the smallest weights go first.
        sparsity: the fraction of zeros that was asked for, in the layers that were pruned.
        scope: "layer" or "global".
        block: weights that went together, outputs by inputs.
        schedule: "constant" or "polynomial".
        epochs: of training after (or while) pruning; fewer than asked for if it stopped early.
        distilled: whether the unpruned model taught.
        layers: the layers that were pruned, as they are in the end.
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
    """What was done to make the model small and fast, and what else was tried.

    Attributes:
        quantization: name of the candidate that was published.
        candidates: all that were measured.
        float32_bytes: size of the flatbuffer that all candidates were made from.
        batch: instances in the batch of `Candidate.batch_latency_ms`.
        pruning: None if nothing was pruned.
        failed: the forms that could not be measured.
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
        """The candidate that was published."""
        return next(candidate for candidate in self.candidates if candidate.chosen)


@dataclass(frozen=True, slots=True)
class Quality:
    """What compression cost, on examples that neither training nor calibration saw.

    Attributes:
        metric: such as "accuracy"; of several outputs, that of the first. The others' quality is
            with the chosen candidate.
        lower_is_better: what the metric means.
        dataset: where the examples come from.
        examples: how many.
        reference: the Keras model's own figure.
        published: the artifact's.
        drop: by how much the artifact is worse.
        drop_interval_95: a 95 % interval of the drop over paired examples.
        interval_method: how the interval was found.
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
    """What must be there to run the flatbuffer.

    Attributes:
        runtime: the package that runs it.
        min_version: the version that it was measured with.
        operators: the TFLite operators in it, sorted.
        needs_flex: whether it needs TensorFlow's own operators; this function has none.
    """

    runtime: str
    min_version: str
    operators: tuple[str, ...]
    needs_flex: bool = False


@dataclass(frozen=True, slots=True)
class Recommended:
    """Settings of the function that fit the measured cost."""

    memory_mib: int
    cpu: float
    concurrency: int
    threads: int


@dataclass(frozen=True, slots=True)
class LengthLatency:
    """Of one instance whose sequences are filled up to so many tokens."""

    tokens: int
    latency_ms: Latency


@dataclass(frozen=True, slots=True)
class Resources:
    """What serving the artifact costs, measured in a fresh process.

    Attributes:
        cold_load_ms: import of the runtime, load, and the first answer.
        peak_rss_mib: after one instance and one batch.
        latency_ms: of one instance; of sequences, one as long as the bucket of the median length.
        recommended: settings that fit.
        by_length: the latency for each bucket of sequences, the shortest first.
    """

    cold_load_ms: float
    peak_rss_mib: float
    latency_ms: Latency
    recommended: Recommended
    by_length: tuple[LengthLatency, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the artifact was made from.

    Attributes:
        source_sha256: of the Keras model; of all files of a SavedModel folder.
        recipe_sha256: of the recipe after overrides.
        data_sha256: of the splits.
        packages: version by name.
        git_commit: of the recipe's repository; None outside of one.
        host_cpu: the processor that the measurements hold for.
    """

    source_sha256: str
    recipe_sha256: str
    data_sha256: str
    packages: Mapping[str, str]
    git_commit: str | None
    host_cpu: str
