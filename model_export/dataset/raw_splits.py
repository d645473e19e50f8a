"""Splits as a data source returns them, before their targets are read by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.names import by_name, others_than
from model_export.dataset.splits import UNNAMED, Split, Splits
from model_export.dataset.targets import read_targets
from model_export.errors import UsageError
from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class RawSplits:
    """What a source gives, while nobody knows what the answers mean.

    Attributes:
        splits: by name, inputs and answers, each by name; "" where a source names none.
        source: where they come from.
    """

    splits: Mapping[str, tuple[Mapping[str, Array], Mapping[str, Array]]]
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of the training split's inputs."""
        return tuple(self.splits["train"][0])

    def answers(self, outputs: tuple[str, ...]) -> dict[str, tuple[Array, ...]]:
        """Each split's answers, as they were given, by output name.

        Raises:
            UsageError: the names do not fit.
        """
        each = [self._answers(split, outputs) for split in self.splits]
        return {name: tuple(part[name] for part in each) for name in outputs}

    def read(self, tasks: Mapping[str, Task]) -> Splits:
        """The examples with their right answers.

        Args:
            tasks: of the model's outputs, by name, in their order.

        Raises:
            UsageError: the answers are of another kind.
        """
        splits = {split: self._read(split, tasks) for split in self.splits}
        return Splits(**splits, source=self.source)

    def _read(self, split: str, tasks: Mapping[str, Task]) -> Split:
        where = f"{self.source}: {split}"
        answers = self._answers(split, tuple(tasks))
        targets = {
            name: read_targets(answers[name], task, f"{where}: {name}" if len(tasks) > 1 else where)
            for name, task in tasks.items()
        }
        inputs = self.splits[split][0]
        for name, array in inputs.items():
            for right in targets.values():
                if len(array) != len(right) or len(array) == 0:
                    raise UsageError(
                        f"{where}: expected as many examples as answers, at least one, "
                        f"got {len(array)} {name or 'examples'} and {len(right)}"
                    )
            if array.dtype.kind == "f" and np.isinf(array).any():
                place = f"{where}: {name}" if name else where
                raise UsageError(f"{place}: expected finite numbers, got infinity")
        first = next(iter(tasks))
        return Split(inputs, targets.pop(first), targets)

    def _answers(self, split: str, outputs: tuple[str, ...]) -> Mapping[str, Array]:
        answers = self.splits[split][1]
        if set(answers) == {UNNAMED} and len(outputs) == 1:
            return {outputs[0]: answers[UNNAMED]}
        if set(answers) != set(outputs):
            where = f"{self.source}: {split}"
            if UNNAMED in answers:
                raise UsageError(
                    f"{where}: expected answers by output, {by_name(outputs)}, got them without "
                    "names"
                )
            raise UsageError(f"{where}: {others_than('answers for the outputs', outputs, answers)}")
        return answers
