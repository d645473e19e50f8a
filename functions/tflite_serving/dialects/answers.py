"""How the simple dialect writes what one output says: a JSON value for each instance."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.dialects.options import Options
from tflite_serving.scores import answered_classes, answered_labels, class_scores

Array = npt.NDArray[Any]


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
        self._row = b'{"label":%%b,"score":%%b,"scores":%b}' % _scores_template(self._json_labels)
        self._threshold = (output.thresholds or (0.5,))[0] if output.is_binary else None

    def rows(self, values: Array, options: Options | None) -> list[bytes]:
        scores, threshold = class_scores(values), self._threshold
        if options is not None:
            if threshold is not None and options.threshold is not None:
                threshold = options.threshold
            if options.top_k is not None:
                answered = answered_classes(scores, threshold).tolist()
                return [
                    self._best(row, best, options.top_k)
                    for row, best in zip(scores, answered, strict=True)
                ]
        template, labels = self._row, self._json_labels
        rows = []
        for row, best in zip(
            _number_rows(scores), answered_classes(scores, threshold).tolist(), strict=True
        ):
            numbers = row.split(b",")
            rows.append(template % (labels[best], numbers[best], *numbers))
        return rows

    def _best(self, row: Array, best: int, top_k: int) -> bytes:
        label, score = self._labels[best], row[best]
        return dumps({"label": label, "score": score, "scores": _best(row, self._labels, top_k)})


class _Labels:
    def __init__(self, output: OutputSpec) -> None:
        self._labels = label_names(output)
        self._json_labels = tuple(map(orjson.dumps, self._labels))
        self._row = b'{"labels":[%%b],"scores":%b}' % _scores_template(self._json_labels)
        self._thresholds = np.array(output.thresholds, np.float32)

    def rows(self, values: Array, options: Options | None) -> list[bytes]:
        thresholds, top_k = self._thresholds, None
        if options is not None:
            top_k = options.top_k
            if options.threshold is not None:
                thresholds = np.full_like(thresholds, options.threshold)
        answered = answered_labels(values, thresholds)
        if top_k is not None:
            return [
                dumps(
                    {
                        "labels": [self._labels[index] for index in np.flatnonzero(yes)],
                        "scores": _best(row, self._labels, top_k),
                    }
                )
                for row, yes in zip(values, answered, strict=True)
            ]
        rows = []
        for row, yes in zip(_number_rows(values), answered.tolist(), strict=True):
            labels = b",".join(
                label for label, is_on in zip(self._json_labels, yes, strict=True) if is_on
            )
            rows.append(self._row % (labels, *row.split(b",")))
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


def _best(row: Array, labels: tuple[str, ...], top_k: int) -> dict[str, object]:
    # Stable, so that equal scores come in the order of the labels.
    order = np.argsort(-row, kind="stable")[:top_k]
    return {labels[index]: row[index] for index in order}


def _scores_template(json_labels: tuple[bytes, ...]) -> bytes:
    """An object with a place for each label's score."""
    scores = b",".join(label.replace(b"%", b"%%") + b":%b" for label in json_labels)
    return b"{%b}" % scores
