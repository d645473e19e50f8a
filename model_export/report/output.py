"""What the report tells of one output of the model, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tflite_serving.contract.evidence import OutputQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """What compression did to one class.

    Attributes:
        label: of the class.
        examples: of it in the test split.
        reference, published: recall: the fraction of them that each model gets right.
        reference_precision, published_precision: of the examples that each model says to be of the
            class, the fraction that is; None where it says so of none.
    """

    label: str
    examples: int
    reference: float
    published: float
    reference_precision: float | None = None
    published_precision: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionCount:
    """How many examples of one class get one answer.

    Attributes:
        truth, answer: labels; the same where the answer is right.
        reference, published: how many, of each model.
    """

    truth: str
    answer: str
    reference: int
    published: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """What is taken for what.

    Attributes:
        labels: of all classes.
        counts: all that are not 0 for both models, by right class and answer: of a thousand
            classes, few of a million are.
    """

    labels: tuple[str, ...]
    counts: tuple[ConfusionCount, ...]


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
class ThresholdPoint:
    """What a threshold would come to on the test split.

    Attributes:
        threshold: from which on a score means the positive class.
        reference, published: the metric that thresholds are chosen by.
        precision, recall: of the positive class, as the published model answers; the precision is
            None where it never answers it.
    """

    threshold: float
    reference: float
    published: float
    precision: float | None
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCurve:
    """What the thresholds from 0 to 1 would come to.

    Attributes:
        metric: that the threshold was chosen by, on the validation split.
        points: by threshold.
    """

    metric: str
    points: tuple[ThresholdPoint, ...]


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
