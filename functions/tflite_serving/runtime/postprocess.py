"""Postprocessing of model outputs: activations, class scores, predicted classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import Activation, Task


def apply_activation(values: npt.NDArray[Any], activation: Activation) -> npt.NDArray[Any]:
    """What the manifest's activation makes of the model's values.

    Args:
        values: [..., classes], logits unless the activation is "none".
        activation: "softmax" over the last axis, "sigmoid" of each value, or "none".

    Returns:
        the same shape and dtype.
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
        output: [batch, classes], or [batch, 1] with the score of the positive class alone.

    Returns:
        [batch, classes]; a single sigmoid score becomes those of its two classes.
    """
    if output.shape[-1] == 1:
        return np.concatenate([1 - output, output], axis=-1)
    return output


def answered_classes(
    scores: npt.NDArray[Any], threshold: float | npt.NDArray[Any] | None
) -> npt.NDArray[Any]:
    """The class that each row answers, [batch].

    Args:
        scores: [batch, classes].
        threshold: of two classes, the least score with which the second one is the answer; for
            each row, if it is an array. None where the best score decides; the first of equal ones.
    """
    if threshold is None:
        return np.asarray(scores.argmax(axis=-1))
    # 0.3 must mean the same to a float32 wherever it is compared.
    return np.asarray(scores[:, 1] >= np.asarray(threshold, scores.dtype), dtype=np.int64)


def answered_labels(scores: npt.NDArray[Any], thresholds: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which labels each row answers, [batch, labels].

    Args:
        scores: [batch, labels].
        thresholds: [labels], the least scores with which each is.
    """
    return np.asarray(scores >= np.asarray(thresholds, scores.dtype))


def confidence(output: npt.NDArray[Any], task: Task = "classification") -> float:
    """The mean over a batch of the best class's score, to four places.

    Args:
        output: as for `class_scores`; of "multi_label", a score for each label.
        task: of the output. Of "multi_label", each label has two classes: yes and no.
    """
    if task == "multi_label":
        return round(float(np.maximum(output, 1 - output).mean()), 4)
    if len(output) == 1:  # which numpy's own functions take longer to find out
        scores: list[float] = output.tolist()[0]
        return round(max(scores) if len(scores) > 1 else max(scores[0], 1 - scores[0]), 4)
    return round(float(class_scores(output).max(axis=-1).mean()), 4)
