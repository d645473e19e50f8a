"""Chooses the lengths to which token sequences are padded (length bucketing)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.splits import Splits
from model_export.progress import Progress
from model_export.recipe.sequence import SequenceSection
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.preprocessing import Preprocessing, Step
from tflite_serving.contract.tensors import Arrays
from tflite_serving.runtime.length_buckets import SubBatch, by_length

_STEP = 8
"""Lengths are multiples of it, as the widths of the processor's registers are."""

_MOST_DIFFERENCE = 1e-4
_FEW = 16


def fit_buckets(
    preprocessing: Preprocessing,
    counts: Sequence[int],
    core: SourceModel,
    splits: Splits,
    section: SequenceSection,
    progress: Progress,
) -> Preprocessing:
    """Chooses the lengths that sequences are filled up to: one, where padding changes answers.

    Args:
        preprocessing: the layers that were cut off, one of which makes tokens.
        counts: tokens of each example of the training split, before it is cut.
        core: what takes the tokens.
        splits: the examples, as `core` takes them, filled up to the largest length.
        section: of the recipe.
        progress: told of the step.
    """
    step = preprocessing.sequence
    assert step is not None
    assert step.tokens is not None
    longest = step.tokens.length
    with progress.step("sequences") as told:
        buckets = choose_buckets(counts, longest, section)
        whole = splits.train.inputs
        if len(buckets) > 1 and padding_matters(core.predict, step, whole, buckets):
            buckets = (longest,)
            progress.log("padding changes what the model answers, so that all of it is kept")
        cut = sum(count > longest for count in counts)
        told.result = (
            f"filled up to {', '.join(map(str, buckets))} tokens; {cut} of {len(counts)} training "
            "examples are longer"
        )
    return with_buckets(preprocessing, buckets)


def choose_buckets(
    counts: Sequence[int], longest: int, section: SequenceSection
) -> tuple[int, ...]:
    """The lengths with the least padding in all, found by dynamic programming.

    Args:
        counts: tokens of each example, before it is cut.
        longest: at which sequences are cut.
        section: of the recipe.

    Returns:
        rising; the last is `longest`.
    """
    if section.buckets is not None:
        return (*(size for size in section.buckets if size < longest), longest)
    sizes = [*range(_STEP, longest, _STEP), longest]
    found = np.minimum(counts, longest)
    fitting = np.searchsorted(sizes, found)
    examples = np.concatenate([[0], np.cumsum(np.bincount(fitting, minlength=len(sizes)))])
    # cost[i]: tokens of all examples up to size i, with i as the largest length that is used.
    costs = [np.array([size * examples[i + 1] for i, size in enumerate(sizes)], float)]
    before: list[list[int]] = []
    for _ in range(1, min(section.max_buckets, len(sizes))):
        last, cost, choice = costs[-1], costs[-1].copy(), [-1] * len(sizes)
        for i, size in enumerate(sizes):
            for j in range(i):
                total = last[j] + size * (examples[i + 1] - examples[j + 1])
                if total < cost[i]:
                    cost[i], choice[i] = total, j
        costs.append(cost)
        before.append(choice)
    return tuple(sizes[place] for place in _path(before, len(sizes) - 1))


def _path(before: Sequence[Sequence[int]], place: int) -> list[int]:
    path = [place]
    for choice in reversed(before):
        if choice[path[0]] >= 0:
            path.insert(0, choice[path[0]])
    return path


def with_buckets(preprocessing: Preprocessing, buckets: tuple[int, ...]) -> Preprocessing:
    """The same preprocessing, with other lengths of sequences."""
    steps = tuple(
        step if step.tokens is None else replace(step, tokens=replace(step.tokens, buckets=buckets))
        for step in preprocessing.steps
    )
    return replace(preprocessing, steps=steps)


def padding_matters(
    predict: Callable[[Arrays], Arrays], step: Step, inputs: Arrays, buckets: Sequence[int]
) -> bool:
    """Whether a model answers differently when sequences are filled up to less.

    Args:
        predict: asks the Keras model.
        step: that makes tokens.
        inputs: examples of what the model takes, filled up to the largest length.
        buckets: lengths to try.
    """
    for group in by_length(inputs, step.outputs, _counts(inputs, step), buckets):
        rows = np.arange(len(next(iter(inputs.values())))) if group.rows is None else group.rows
        few = slice(0, _FEW)
        short = predict({name: values[few] for name, values in group.inputs.items()})
        full = predict({name: values[rows[few]] for name, values in inputs.items()})
        for name, expected in full.items():
            allowed = _MOST_DIFFERENCE * max(1.0, float(np.abs(expected).max()))
            if not float(np.abs(short[name] - expected).max()) <= allowed:
                return True
    return False


def in_groups(inputs: Arrays, step: Step | None) -> list[SubBatch]:
    """Examples as the function runs them: each sequence as long as its bucket.

    Args:
        inputs: of what the model takes, filled up to the largest length.
        step: that makes tokens; None if there are none.
    """
    if step is None or step.tokens is None:
        return [SubBatch(inputs)]
    return by_length(inputs, step.outputs, _counts(inputs, step), step.tokens.buckets)


def typical(inputs: Arrays, step: Step | None) -> Arrays:
    """Those examples whose bucket is that of the median length, as long as this bucket."""
    groups = in_groups(inputs, step)
    if len(groups) == 1:
        return groups[0].inputs
    sizes = [len(next(iter(group.inputs.values()))) for group in groups]
    middle = int(np.searchsorted(np.cumsum(sizes), sum(sizes) / 2))
    return groups[middle].inputs


def of_length(inputs: Arrays, step: Step, length: int) -> Arrays:
    """One example, filled up or cut to a length, whatever is in it: it takes the same time."""
    return {
        name: values[:1, :length] if name in step.outputs else values[:1]
        for name, values in inputs.items()
    }


def _counts(inputs: Arrays, step: Step) -> list[int]:
    """How many tokens each example has: up to the last that is no padding."""
    assert step.tokens is not None
    ids: npt.NDArray[Any] = inputs[step.outputs[step.tokens.roles.index("token_ids")]]
    is_token = ids != step.tokens.padding
    counts: list[int] = (ids.shape[1] - is_token[:, ::-1].argmax(axis=1)).tolist()
    return counts
