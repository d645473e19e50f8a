"""Renders the predictions of one output as JSON, for the simple dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.dialects.options import Options
from tflite_serving.runtime.postprocess import answered_classes, answered_labels, class_scores

Array = npt.NDArray[Any]
_HALF = 0.5


class Answer(Protocol):
    """One output's way of answering, worked out once for each model."""

    def rows(self, values: Array, options: Options | None) -> list[bytes]:
        """The JSON of each instance.

        Args:
            values: [batch, values], in natural units and finite.
            options: of the request; None where it has none.
        """


def answer_of(output: OutputSpec) -> Answer:
    """How an output is answered.

    - a classification: ``{"label", "score", "scores"}``; the score is that of the label.
    - several labels: ``{"labels", "scores"}``.
    - a regression: ``{"value"}``, or ``{"values"}`` if it has several.

    Where a threshold is not 0.5, or is the request's own, a ``threshold`` stands before the scores:
    without it, the label of the lower score would seem wrong. Of a single score it is the least
    score of the second label; of several labels, an object with the least score of each.
    """
    match output.task:
        case "regression":
            return _Values(output)
        case "multi_label":
            return _Labels(output)
        case _:
            return _Classes(output)


class _Classes:
    def __init__(self, output: OutputSpec) -> None:
        self._labels = label_names(output)
        self._json_labels = tuple(map(orjson.dumps, self._labels))
        self._scores = _scores_template(self._json_labels)
        self._threshold = (output.thresholds or (_HALF,))[0] if output.is_binary else None
        self._row = self._template(self._threshold, is_shown=self._threshold not in (None, _HALF))

    def _template(self, threshold: float | None, *, is_shown: bool) -> bytes:
        """A row with places for the label, its score, and all scores."""
        shown = b'"threshold":%b,' % dumps(threshold) if is_shown else b""
        return b'{"label":%%b,"score":%%b,%b"scores":%b}' % (shown, self._scores)

    def rows(self, values: Array, options: Options | None) -> list[bytes]:
        scores, threshold, template = class_scores(values), self._threshold, self._row
        if options is not None:
            if threshold is not None and options.threshold is not None:
                threshold = options.threshold
                template = self._template(threshold, is_shown=True)
            if options.top_k is not None:
                return self._best(scores, threshold, options)
        labels, rows = self._json_labels, []
        for row, best in zip(
            _number_rows(scores), answered_classes(scores, threshold).tolist(), strict=True
        ):
            numbers = row.split(b",")
            rows.append(template % (labels[best], numbers[best], *numbers))
        return rows

    def _best(self, scores: Array, threshold: float | None, options: Options) -> list[bytes]:
        is_shown = threshold is not None and (options.threshold is not None or threshold != _HALF)
        shown = {"threshold": threshold} if is_shown else {}
        return [
            dumps(
                {
                    "label": self._labels[best],
                    "score": row[best],
                    **shown,
                    "scores": _best(row, self._labels, options.top_k),
                }
            )
            for row, best in zip(scores, answered_classes(scores, threshold).tolist(), strict=True)
        ]


class _Labels:
    def __init__(self, output: OutputSpec) -> None:
        self._labels = label_names(output)
        self._json_labels = tuple(map(orjson.dumps, self._labels))
        self._scores = _scores_template(self._json_labels)
        self._thresholds = tuple(output.thresholds or (_HALF,) * len(self._labels))
        self._is_shown = any(threshold != _HALF for threshold in self._thresholds)
        self._row = self._template(self._thresholds, is_shown=self._is_shown)

    def _template(self, thresholds: Sequence[float], *, is_shown: bool) -> bytes:
        """A row with places for the labels, and all scores."""
        by_label = dumps(dict(zip(self._labels, thresholds, strict=True))).replace(b"%", b"%%")
        shown = b'"threshold":%b,' % by_label if is_shown else b""
        return b'{"labels":[%%b],%b"scores":%b}' % (shown, self._scores)

    def rows(self, values: Array, options: Options | None) -> list[bytes]:
        thresholds, template, is_shown = self._thresholds, self._row, self._is_shown
        if options is not None:
            if options.threshold is not None:
                thresholds, is_shown = (options.threshold,) * len(thresholds), True
                template = self._template(thresholds, is_shown=True)
            if options.top_k is not None:
                return self._best(values, thresholds, options.top_k, is_shown=is_shown)
        rows = []
        answered = answered_labels(values, thresholds)
        for row, yes in zip(_number_rows(values), answered.tolist(), strict=True):
            labels = b",".join(
                label for label, is_on in zip(self._json_labels, yes, strict=True) if is_on
            )
            rows.append(template % (labels, *row.split(b",")))
        return rows

    def _best(
        self, values: Array, thresholds: Sequence[float], top_k: int, *, is_shown: bool
    ) -> list[bytes]:
        by_label, rows = dict(zip(self._labels, thresholds, strict=True)), []
        for row, yes in zip(values, answered_labels(values, thresholds), strict=True):
            scores = _best(row, self._labels, top_k)
            shown = {"threshold": {label: by_label[label] for label in scores}} if is_shown else {}
            labels = [self._labels[index] for index in np.flatnonzero(yes)]
            rows.append(dumps({"labels": labels, **shown, "scores": scores}))
        return rows


class _Values:
    def __init__(self, output: OutputSpec) -> None:
        self._row = b'{"value":%b}' if output.shape[-1] == 1 else b'{"values":[%b]}'

    def rows(self, values: Array, options: Options | None) -> list[bytes]:
        return [self._row % row for row in _number_rows(values)]


def label_names(output: OutputSpec) -> tuple[str, ...]:
    """The classes' labels; their numbers where they have none."""
    if output.labels is not None:
        return output.labels
    return tuple(str(index) for index in range(2 if output.is_binary else output.shape[-1] or 0))


def dumps(value: object) -> bytes:
    """JSON; numbers of numpy's as the shortest text that means the same float32."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _number_rows(values: Array) -> list[bytes]:
    """Each row's numbers with commas between: all of them are written in one call."""
    return dumps(values)[2:-2].split(b"],[")


def _best(row: Array, labels: tuple[str, ...], top_k: int | None) -> dict[str, object]:
    # Stable, so that equal scores come in the order of the labels.
    order = np.argsort(-row, kind="stable")[:top_k]
    return {labels[index]: row[index] for index in order}


def _scores_template(json_labels: tuple[bytes, ...]) -> bytes:
    """An object with a place for each label's score."""
    scores = b",".join(label.replace(b"%", b"%%") + b":%b" for label in json_labels)
    return b"{%b}" % scores
