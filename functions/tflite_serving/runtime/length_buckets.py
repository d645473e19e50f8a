"""Splits a batch into sub-batches by sequence length, and merges their outputs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import Arrays


@dataclass(frozen=True, slots=True, eq=False)
class SubBatch:
    """Instances that are run through the model together.

    Attributes:
        inputs: Arrays by tensor name, [instances, …].
        rows: Indices of the instances in the request, [instances]; None if they are the whole
            request, in its order.
    """

    inputs: Arrays
    rows: npt.NDArray[np.int64] | None = None


def by_length(
    arrays: Arrays, sequences: Collection[str], counts: Sequence[int], buckets: Sequence[int]
) -> list[SubBatch]:
    """Splits a batch into sub-batches by bucket, each cut to the length of its bucket.

    Args:
        arrays: Arrays by tensor name, [batch, …].
        sequences: Names of the arrays that are [batch, tokens], as long as the largest bucket.
        counts: Number of tokens of each instance; tokens beyond the largest bucket were cut off.
        buckets: Lengths in tokens, in ascending order.
    """
    last = len(buckets) - 1
    places = [min(bisect_left(buckets, count), last) for count in counts]
    used = sorted(set(places))
    if len(used) == 1:
        return [SubBatch(_cut(arrays, sequences, buckets[used[0]]))]
    found = np.array(places)
    groups = []
    for place in used:
        rows = np.flatnonzero(found == place)
        part = {name: values[rows] for name, values in arrays.items()}
        groups.append(SubBatch(_cut(part, sequences, buckets[place]), rows))
    return groups


def merge_outputs(groups: Sequence[SubBatch], answers: Sequence[Arrays]) -> Arrays:
    """Concatenates the outputs of all sub-batches, in the order of the request.

    Args:
        groups: Sub-batches of one request.
        answers: Outputs of each sub-batch, arrays by output name, [instances, …].
    """
    if len(groups) == 1:
        return answers[0]
    order = np.argsort(np.concatenate([group.rows for group in groups if group.rows is not None]))
    return {
        name: np.concatenate([answer[name] for answer in answers])[order] for name in answers[0]
    }


def _cut(arrays: Arrays, sequences: Collection[str], length: int) -> dict[str, npt.NDArray[Any]]:
    return {
        name: values[:, :length] if name in sequences else values for name, values in arrays.items()
    }
