"""Training, validation and test splits: examples with their targets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.missing import with_gaps
from model_export.dataset.names import by_name, others_than
from model_export.errors import UsageError
from tflite_serving.contract.tensors import OutputSpec

Array = npt.NDArray[Any]

UNNAMED = ""  # what the one array of a source that names none is called


@dataclass(frozen=True, slots=True)
class Split:
    """Examples with their right answers.

    Attributes:
        inputs: by input name, [examples, …] each. A source that gives one unnamed array has it
            under the name "" until `Splits.named`.
        targets: the right answers of the first output: class indices, [examples] int64; of several
            labels, [examples, labels] bool; of a regression, values, [examples, values] float32.
        others: those of the outputs after it, by name.
        missing: by input name, in its shape, which values a record of `inputs` did not have; only
            of inputs that lack some. Something stands in their place.
    """

    inputs: Mapping[str, Array]
    targets: Array
    others: Mapping[str, Array] = field(default_factory=dict)
    missing: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """[examples]: the class of each, which a fair sample has all of; 0 where there is none.

        Of several labels, each combination of them is one. Of several outputs, the first that has
        classes counts.
        """
        for targets in (self.targets, *self.others.values()):
            if targets.dtype.kind == "b":
                found = np.unique(targets, axis=0, return_inverse=True)[1]
                return found.reshape(-1).astype(np.int64)
            if targets.dtype.kind != "f":
                return targets
        return np.zeros(len(self), dtype=np.int64)

    def first(self, count: int) -> Split:
        """The first examples, in their order."""
        return self.rows(np.arange(min(count, len(self))))

    def rows(self, index: Array) -> Split:
        """The examples at `index`, in its order."""
        return Split(
            {name: x[index] for name, x in self.inputs.items()},
            self.targets[index],
            {name: targets[index] for name, targets in self.others.items()},
            {name: missing[index] for name, missing in self.missing.items()},
        )

    @property
    def as_sent(self) -> Mapping[str, Array]:
        """The inputs as clients send them: what is missing is NaN, or None among objects."""
        return {name: with_gaps(x, self.missing.get(name)) for name, x in self.inputs.items()}

    def given(self, inputs: Mapping[str, Array]) -> Split:
        """The same examples with other inputs."""
        return replace(self, inputs=inputs)


@dataclass(frozen=True, slots=True)
class Splits:
    """All examples.

    Attributes:
        train: fine-tuning and calibration draw from it.
        validation: fine-tuning is watched on it.
        test: the gate and the golden examples draw from it, and nothing else does.
        source: where they come from.
    """

    train: Split
    validation: Split
    test: Split
    source: str

    @property
    def sha256(self) -> str:
        """Of every array of every split."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for name in sorted(split.inputs):
                _update(digest, name, split.inputs[name])
            for name in sorted(split.missing):
                _update(digest, f"missing of {name}", split.missing[name])
            _update(digest, "targets", split.targets)
            for name in sorted(split.others):
                _update(digest, f"targets of {name}", split.others[name])
        return digest.hexdigest()

    def each(self, change: Callable[[Split, str], Split]) -> Splits:
        """The same splits after `change`, which is given each split and its name."""
        return Splits(
            train=change(self.train, "train"),
            validation=change(self.validation, "validation"),
            test=change(self.test, "test"),
            source=self.source,
        )

    def named(self, names: tuple[str, ...]) -> Splits:
        """The same examples under the model's input names.

        Raises:
            UsageError: the names do not fit.
        """
        return self.each(lambda split, which: self._named(split, which, names))

    def _named(self, split: Split, which: str, names: tuple[str, ...]) -> Split:
        if set(split.inputs) == {UNNAMED} and len(names) == 1:
            return split.given({names[0]: split.inputs[UNNAMED]})
        if set(split.inputs) != set(names):
            where = f"{self.source}: {which}"
            if UNNAMED in split.inputs:
                raise UsageError(f"{where}: expected the inputs {by_name(names)}, got one array")
            raise UsageError(f"{where}: {others_than('the inputs', names, split.inputs)}")
        # In the model's order, whatever the source's: calibration counts on it.
        return split.given({name: split.inputs[name] for name in names})


def _update(digest: Any, name: str, array: Array) -> None:
    digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
    if array.dtype == object:
        for value in array.tolist():
            if isinstance(value, np.ndarray):
                _update(digest, "", value)
                continue
            data = value.encode() if isinstance(value, str) else value
            digest.update(f"{len(data)} ".encode() + data)
        return
    digest.update(np.ascontiguousarray(array).data)


def targets_of(split: Split, outputs: Sequence[OutputSpec]) -> dict[str, Array]:
    """The right answers of every output, by its name; see `Split`."""
    first, *others = outputs
    return {
        first.name: split.targets,
        **{output.name: split.others[output.name] for output in others},
    }
