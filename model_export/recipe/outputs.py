"""``[outputs.NAME]``: task, labels, threshold, metric and budget of an output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model_export.recipe.checks import check, check_own_metric
from model_export.recipe.model import ModelTask
from tflite_serving.contract.tensors import Activation


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSection:
    """``[outputs.NAME]``: what an output is for, and its budget; what is not said is inferred.

    Attributes:
        task, labels: as in ``[model]``, for this output.
        activation: what makes scores of its values; None reads it off the model.
        threshold: The least score that counts as yes: of a single score one, of several labels one
            for all or one for each; None is 0.5. The Keras model is judged at it, too. "tuned"
            chooses on the validation split what is significantly better than 0.5, at which the
            Keras model is judged then.
        description: what it is, for people.
        units: of a regression's values, for people.
        metric, lower_is_better, max_drop: as in ``[gate]``, for this output.
    """

    task: ModelTask | None = None
    labels: tuple[str, ...] | str | None = None
    activation: Activation | None = None
    threshold: float | tuple[float, ...] | Literal["tuned"] | None = None
    description: str = ""
    units: str = ""
    metric: str | None = None
    lower_is_better: bool | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        for each in self.thresholds:
            check("threshold", each, "0 to 1", 0 <= each <= 1)
        check_own_metric(self.metric, self.lower_is_better)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The numbers of `threshold`; empty where it has none."""
        given = self.threshold
        if given is None or given == "tuned":
            return ()
        return given if isinstance(given, tuple) else (given,)
