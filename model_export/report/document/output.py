"""The report of one output, as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_export.quality.classes import ClassChange, Confusion
from model_export.quality.score_calibration import Reliability
from model_export.quality.thresholds import ThresholdCurve
from tflite_serving.contract.evidence import OutputQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """What compression did to one value of a regression, in its units.

    Attributes:
        index: of the value in the output.
        deviation: standard deviation of the true values.
        reference_error, published_error: mean absolute error.
        reference_bias, published_bias: mean of the answer minus the truth.
        moved: by how much the published answer is from the reference's, at most.
    """

    index: int
    deviation: float
    reference_error: float
    published_error: float
    reference_bias: float
    published_bias: float
    moved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The answers of a regression.

    Attributes:
        changes: of every value, in the output's order.
        plotted: index of the value that moved most, measured by its deviation.
        points: truth, the reference's answer and the published one of some examples, those among
            them that moved most; of the plotted value.
    """

    changes: tuple[ValueChange, ...]
    plotted: int
    points: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedExample:
    """A test example that the published model answers otherwise than the reference.

    Attributes:
        id: such as "test[17]".
        truth: label of the right class, the right labels, or the right value.
        reference, published: the same, as it was answered.
        reference_score, published_score: of one class; None for labels and for a regression.
        pictures: by input name, a data URI, of inputs that are pictures or look like some.
        values: all others, by input name or by column, as people read them, shortened; and the
            paths of pictures that came as files.
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
class OutputReport:
    """Everything that an export found out about one output.

    Attributes:
        task: of the output.
        description, units: of it, as in the manifest.
        quality: on the test split.
        interval_method: how its interval was found.
        thresholds: the least score with which a label is answered, by label; empty where the best
            score decides.
        reference_thresholds: The same of the Keras model as it is used, which the published one is
            compared with.
        threshold_curve: of a single score; else None.
        classes: empty for a regression.
        confusion: None for labels that do not exclude one another, and for a regression.
        reliability: None for a regression.
        values: None for all but a regression.
        changed: the most telling ones first; not necessarily all.
        changed_total: how many there are.
    """

    task: str
    description: str
    units: str
    quality: OutputQuality
    interval_method: str
    thresholds: Mapping[str, float]
    reference_thresholds: Mapping[str, float]
    threshold_curve: ThresholdCurve | None
    classes: tuple[ClassChange, ...]
    confusion: Confusion | None
    reliability: Reliability | None
    values: Values | None
    changed: tuple[ChangedExample, ...]
    changed_total: int

    @property
    def name(self) -> str:
        """Of the output."""
        return self.quality.output
