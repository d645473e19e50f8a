"""Postprocessing of model outputs: activations, class scores, predicted classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import Activation, Task


def apply_activation(values: npt.NDArray[Any], activation: Activation) -> npt.NDArray[Any]:
    """Applies the manifest's activation to the model's values.

    Args:
        values: Model outputs, [..., classes]; logits unless the activation is "none".
        activation: Activation: "softmax" over the last axis, "sigmoid" of each value, or "none".

    Returns:
        Values of the same shape and dtype.
    """
    if activation == "softmax":
        # Infinity makes NaN here: the caller's to notice, and no reason to warn on stderr.
        with np.errstate(invalid="ignore"):
            powers = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    if activation == "sigmoid":
        # exp only of what is not positive: it cannot overflow.
        power = np.exp(-np.abs(values))
        return np.asarray(np.where(values >= 0, 1 / (1 + power), power / (1 + power)))
    return values


def is_finite(values: npt.NDArray[Any]) -> bool:
    """Whether no value is NaN or infinite."""
    # The sum of squares says so in a third of the time, unless it overflows itself.
    return bool(np.vdot(values, values) < np.inf or np.isfinite(values).all())


def class_scores(output: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The score of every class.

    Args:
        output: Scores, [batch, classes], or [batch, 1] with the score of the positive class alone.

    Returns:
        Scores, [batch, classes]; a single sigmoid score is expanded to those of its two classes.
    """
    if output.shape[-1] == 1:
        return np.concatenate([1 - output, output], axis=-1)
    return output


def answered_classes(
    scores: npt.NDArray[Any], threshold: float | npt.NDArray[Any] | None
) -> npt.NDArray[Any]:
    """Index of the predicted class of each row, [batch].

    Args:
        scores: Scores, [batch, classes].
        threshold: Least score of the second of two classes with which it is predicted; an array has
            one for each row. None predicts the class of the best score, the first of equal ones.
    """
    if threshold is None:
        return np.asarray(scores.argmax(axis=-1))
    # 0.3 must mean the same to a float32 wherever it is compared.
    return np.asarray(scores[:, 1] >= np.asarray(threshold, scores.dtype), dtype=np.int64)


def answered_labels(scores: npt.NDArray[Any], thresholds: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Mask of the predicted labels of each row, [batch, labels].

    Args:
        scores: Scores, [batch, labels].
        thresholds: Least scores with which each label is predicted, [labels].
    """
    return np.asarray(scores >= np.asarray(thresholds, scores.dtype))


def confidence(output: npt.NDArray[Any], task: Task = "classification") -> float:
    """Mean over a batch of the best class's score, rounded to four places.

    Args:
        output: Scores as for `class_scores`; for "multi_label", a score for each label.
        task: Task of the output. For "multi_label", each label has two classes: yes and no.
    """
    if task == "multi_label":
        return round(float(np.maximum(output, 1 - output).mean()), 4)
    if len(output) == 1:  # which numpy's own functions take longer to find out
        scores: list[float] = output.tolist()[0]
        return round(max(scores) if len(scores) > 1 else max(scores[0], 1 - scores[0]), 4)
    return round(float(class_scores(output).max(axis=-1).mean()), 4)
