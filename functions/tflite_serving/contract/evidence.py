"""What was measured about an artifact before it was published, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tflite_serving.contract.codec import ContractError


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one instance, single-threaded unless the recipe says otherwise."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One form of the model that was measured.

    Attributes:
        name: the quantization variant.
        bytes, gzip_bytes: size of the flatbuffer, plain and compressed.
        sparsity: fraction of zeros among the weights, 0 to 1.
        quality: the gate's metric on the test split.
        latency_ms: of one instance.
        peak_rss_mib: of a fresh process that loads it and answers once.
        chosen: whether it is the one that was published.
        why_not: what kept it from being chosen; None for the chosen one.
    """

    name: str
    bytes: int
    gzip_bytes: int
    sparsity: float
    quality: float
    latency_ms: Latency
    peak_rss_mib: float
    chosen: bool
    why_not: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise ContractError("sparsity", f"expected 0 to 1, got {self.sparsity}")


@dataclass(frozen=True, slots=True)
class Pruning:
    """How weights were set to zero.

    Attributes:
        method: "magnitude": the smallest weights of a layer go first.
        sparsity: the fraction of zeros that was asked for, in the layers that were pruned.
        schedule: "constant" or "polynomial".
        epochs: of training after (or while) pruning.
        layers: the layers that were pruned, by name.
    """

    method: str
    sparsity: float
    schedule: str
    epochs: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compression:
    """What was done to make the model small and fast, and what else was tried."""

    quantization: str
    candidates: tuple[Candidate, ...]
    pruning: Pruning | None = None

    def __post_init__(self) -> None:
        chosen = [candidate.name for candidate in self.candidates if candidate.chosen]
        if chosen != [self.quantization]:
            raise ContractError(
                "candidates", f"expected {self.quantization!r} alone to be chosen, got {chosen}"
            )


@dataclass(frozen=True, slots=True)
class Quality:
    """What compression cost, on examples that neither training nor calibration saw.

    Attributes:
        metric: such as "accuracy"; more is better.
        dataset: where the examples come from.
        examples: how many.
        reference: the Keras model's own figure.
        published: the artifact's.
        drop: reference minus published.
        drop_interval_95: a 95 % interval of the drop over paired examples.
    """

    metric: str
    dataset: str
    examples: int
    reference: float
    published: float
    drop: float
    drop_interval_95: tuple[float, float]


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
class Resources:
    """What serving the artifact costs, measured in a fresh process."""

    cold_load_ms: float
    peak_rss_mib: float
    latency_ms: Latency
    recommended: Recommended


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
