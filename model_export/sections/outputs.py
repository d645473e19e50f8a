"""``[outputs.NAME]``: what an output is for."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.sections.checks import check, check_own_metric
from model_export.sections.model import ModelTask
from tflite_serving.contract.tensors import Activation


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSection:
    """``[outputs.NAME]``: what an output is for, and its budget; what is not said is inferred.

    Attributes:
        task, labels: as in ``[model]``, for this output.
        activation: what makes scores of its values; None reads it off the model.
        threshold: the least score that counts as yes: of a single score one, of several labels one
            for all or one for each. None chooses the best on the validation split.
        description: what it is, for people.
        units: of a regression's values, for people.
        metric, lower_is_better, max_drop: as in ``[gate]``, for this output.
    """

    task: ModelTask | None = None
    labels: tuple[str, ...] | str | None = None
    activation: Activation | None = None
    threshold: float | tuple[float, ...] | None = None
    description: str = ""
    units: str = ""
    metric: str | None = None
    lower_is_better: bool | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        given = self.threshold
        for each in given if isinstance(given, tuple) else () if given is None else (given,):
            check("threshold", each, "0 to 1", 0 <= each <= 1)
        check_own_metric(self.metric, self.lower_is_better)
