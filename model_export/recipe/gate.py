"""``[gate]``: the quality budget, and the preference among candidates that keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model_export.recipe.checks import check, check_own_metric

Preference = Literal["latency", "size", "quality"]
_USUAL_DROP = 0.01
_USUAL_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSection:
    """``[gate]``: the budget that a candidate must keep.

    Attributes:
        metric: of quality, on the test split: "accuracy", "top_<k>", "macro_f1", "roc_auc",
            "log_loss", "mae", "rmse", or ``module:function`` of your own; see `find_metric`. None
            is the usual one of the task.
        lower_is_better: what a metric of your own means; None for the others, which know.
        max_drop: by how much the metric may be worse than the Keras model's; None is 0.01, but for
            a regression, whose scale nobody else knows.
        confidence: when set, the upper end of this interval of the drop must keep the budget,
            not the drop itself.
        max_class_drop: by how much the recall of any single class may be worse.
        prefer: what the published candidate is best at, among those that pass and of which none is
            significantly better in quality.
        spend_budget: Whether the preference decides among all that pass, even where one of them is
            significantly better in quality.
        max_bytes, max_latency_ms, max_rss_mib: further budgets: size of the flatbuffer, p50 of one
            instance, peak memory of a process that loads it and answers.
    """

    metric: str | None = None
    lower_is_better: bool | None = None
    max_drop: float | None = None
    confidence: float | None = None
    max_class_drop: float | None = None
    prefer: Preference = "latency"
    spend_budget: bool = False
    max_bytes: int | None = None
    max_latency_ms: float | None = None
    max_rss_mib: float | None = None

    def __post_init__(self) -> None:
        confidence = self.confidence
        check("confidence", confidence, "0.5 to 1", confidence is None or 0.5 <= confidence < 1)
        check_own_metric(self.metric, self.lower_is_better)

    @property
    def sure(self) -> float:
        """`confidence`, or what differences must be significant at where there is none."""
        return _USUAL_CONFIDENCE if self.confidence is None else self.confidence

    @property
    def allowed_drop(self) -> float:
        """`max_drop`, or what it is by default."""
        return _USUAL_DROP if self.max_drop is None else self.max_drop
