"""What is known of a candidate when the gate decides: its quality, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_export.measure.timing import Timing
from model_export.quality.comparison import Comparison
from model_export.quantization.candidate import Candidate
from tflite_serving.contract.tensors import Arrays


@dataclass(frozen=True, slots=True, eq=False)
class CandidateQuality:
    """The quality of a candidate on the test split.

    Attributes:
        predictions: Predictions by output name, [examples, …], in natural units.
        comparisons: Comparisons with the reference's predictions, by output name, one or more.
    """

    predictions: Arrays
    comparisons: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedCandidate:
    """A candidate that was compared with the reference, and timed.

    Attributes:
        candidate: The candidate.
        quality: Its quality on the test split.
        timing: Its latency, cold load and memory.
        gzip_bytes: Size of its flatbuffer, compressed as storage and HTTP would.
    """

    candidate: Candidate
    quality: CandidateQuality
    timing: Timing
    gzip_bytes: int

    @property
    def name(self) -> str:
        """Name of the candidate, unique in an export."""
        return self.candidate.name

    @property
    def bytes(self) -> int:
        """Size of its flatbuffer."""
        return len(self.candidate.flatbuffer)

    @property
    def p50_ms(self) -> float:
        """Median latency of one instance, in milliseconds."""
        return self.timing.latency_ms.p50

    @property
    def comparisons(self) -> Mapping[str, Comparison]:
        """Comparisons with the reference's predictions, by output name."""
        return self.quality.comparisons
