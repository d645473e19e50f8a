"""The examples of an export: three splits, each with its own use.

A source is ``package.module:function``, which takes no arguments, or a ``.npz`` file. The function
returns ``{"train": (x, y), "validation": (x, y), "test": (x, y)}``; the file has the arrays
``x_train``, ``y_train``, ``x_validation`` and so on. ``x`` is one array, or a dict of arrays by
input name; pictures may also be paths of files, relative to the recipe, or a list of arrays of
different sizes (see `model_export.pictures`). ``y`` holds class indices or one-hot rows, for
several labels rows of 0 and 1, or for a regression the values. A model with several outputs has a
dict of these by output name.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.errors import UsageError
from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]
_SPLITS = ("train", "validation", "test")
_ONLY = ""


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
        if set(split.inputs) == {_ONLY} and len(names) == 1:
            return split.given({names[0]: split.inputs[_ONLY]})
        if set(split.inputs) != set(names):
            raise UsageError(
                f"{self.source}: {which}: expected the inputs {', '.join(names)}, got "
                f"{', '.join(split.inputs) if _ONLY not in split.inputs else 'one unnamed array'}"
            )
        # In the model's order, whatever the source's: calibration counts on it.
        return split.given({name: split.inputs[name] for name in names})


def classes_in_turn(
    classes: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """All rows: the first example of each class, then the second of each, and so on.

    Args:
        classes: [examples].
        order: [examples], the rows in the order that says which example of a class is the first.
    """
    # Not class by class: of several labels, there may be as many combinations as examples.
    grouped = order[np.argsort(classes[order], kind="stable")]
    groups = classes[grouped]
    rank = np.empty(len(classes), dtype=np.int64)
    rank[grouped] = np.arange(len(groups)) - np.searchsorted(groups, groups, "left")
    return np.argsort(rank, kind="stable")


@dataclass(frozen=True, slots=True)
class Given:
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
            name: _READERS[task](answers[name], f"{where}: {name}" if len(tasks) > 1 else where)
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
                raise UsageError(f"{where}: {name}: expected finite numbers, got infinity")
        first = next(iter(tasks))
        return Split(inputs, targets.pop(first), targets)

    def _answers(self, split: str, outputs: tuple[str, ...]) -> Mapping[str, Array]:
        answers = self.splits[split][1]
        if set(answers) == {_ONLY} and len(outputs) == 1:
            return {outputs[0]: answers[_ONLY]}
        if set(answers) != set(outputs):
            raise UsageError(
                f"{self.source}: {split}: expected answers for the outputs {', '.join(outputs)}, "
                f"got {', '.join(answers) if _ONLY not in answers else 'one unnamed array'}"
            )
        return answers


def load_given(source: str, folder: Path) -> Given:
    """Loads what a source gives.

    Args:
        source: see above.
        folder: of the recipe.

    Raises:
        UsageError: the source is not there, or gives something else.
    """
    found = _from_file(folder / source) if source.endswith(".npz") else _call(source, folder)
    for name in _SPLITS:
        if name not in found:
            raise UsageError(f"{source}: expected the split {name!r}, got only {sorted(found)}")
    return Given({name: _pair(found[name], f"{source}: {name}") for name in _SPLITS}, source)


def load_splits(source: str, folder: Path, task: Task = "classification") -> Splits:
    """Loads the examples of a model with one output.

    Args:
        source: see above.
        folder: of the recipe.
        task: of the output, whatever its name.

    Raises:
        UsageError: the source is not there, or gives something else.
    """
    given = load_given(source, folder)
    names = next(iter(given.splits.values()))[1]
    return given.read({next(iter(names)): task})


def import_object(reference: str, folder: Path) -> Any:
    """What ``package.module:name`` means, looked up in the recipe's folder first.

    Raises:
        UsageError: there is no such module or name.
    """
    module_name, _, name = reference.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise UsageError(f"{reference}: expected package.module:name")
    module = _import_module(module_name, reference, folder)
    if not hasattr(module, name):
        where = getattr(module, "__file__", None) or module_name
        raise UsageError(f"{reference}: {where} has no {name!r}")
    return getattr(module, name)


def _import_module(name: str, reference: str, folder: Path) -> ModuleType:
    _forget_namesake(name.partition(".")[0], folder)
    path = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{reference}: {error}; looked in {folder} and among the installed packages"
        ) from None
    except Exception as error:
        # It is the user's own code, which may raise anything.
        raise UsageError(f"{reference}: the module cannot be imported: {told(error)}") from error
    finally:
        sys.path[:] = path


def _forget_namesake(package: str, folder: Path) -> None:
    """Forgets a module of another folder that hides the one of the same name in this folder."""
    loaded = None if package in sys.stdlib_module_names else sys.modules.get(package)
    wanted = [folder / f"{package}.py", folder / package / "__init__.py"]
    here = next((path for path in wanted if path.is_file()), None)
    if loaded is None or here is None:
        return
    file = getattr(loaded, "__file__", None)
    if file is None or not here.samefile(file):
        for module in [m for m in sys.modules if m == package or m.startswith(f"{package}.")]:
            del sys.modules[module]
    importlib.invalidate_caches()


def told(error: Exception) -> str:
    """What the user's code raised, and the last line of it that it came through."""
    # The first frame is that of our own call.
    frames = traceback.extract_tb(error.__traceback__)[1:]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _call(source: str, folder: Path) -> Mapping[str, Any]:
    function: Callable[[], Any] = import_object(source, folder)
    if not callable(function):
        raise UsageError(f"{source}: expected a function, got {type(function).__name__}")
    try:
        found = function()
    except Exception as error:
        # It is the user's own code, which may raise anything.
        raise UsageError(f"{source}: it raised {told(error)}") from error
    if not isinstance(found, Mapping):
        raise UsageError(f"{source}: expected a dict of splits, got {type(found).__name__}")
    return found


def _from_file(path: Path) -> Mapping[str, Any]:
    try:
        # Opened here, because numpy forgets to close what turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {
                split: (archive[f"x_{split}"], archive[f"y_{split}"])
                for split in _SPLITS
                if f"x_{split}" in archive.files and f"y_{split}" in archive.files
            }
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: expected an npz of x_train, y_train, …: {error}") from None


def _pair(pair: Any, where: str) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise UsageError(f"{where}: expected (x, y), got {type(pair).__name__}")
    x, y = pair
    inputs = {
        name: _array(array, f"{where}: {name}".rstrip(": "), may_miss=True)
        for name, array in _columns(x)
    }
    asked = y.items() if isinstance(y, Mapping) else [(_ONLY, y)]
    answers = {
        name: _array(array, f"{where}: answers" + (f" of {name}" if name else ""))
        for name, array in asked
    }
    if not inputs or not answers:
        raise UsageError(f"{where}: expected at least one array of inputs and one of answers")
    return inputs, answers


def is_multi_hot(answers: Array) -> bool:
    """Whether answers are rows of 0 and 1 that do not all hold exactly one 1."""
    if answers.ndim != 2 or answers.shape[1] < 2 or not _is_of_0_and_1(answers):
        return False
    return bool((answers.astype(np.int64).sum(axis=1) != 1).any())


def _is_of_0_and_1(answers: Array) -> bool:
    return answers.dtype.kind in "iufb" and bool(np.isin(answers, (0, 1)).all())


def _classes(answers: Array, where: str) -> Array:
    if is_multi_hot(answers):
        raise UsageError(
            f"{where}: expected class indices, or one-hot rows, got rows of 0 and 1 with any "
            'number of ones: for several labels at once, say task = "multi_label"'
        )
    if answers.ndim == 2 and answers.shape[1] > 1:
        answers = answers.argmax(axis=1)
    answers = answers.reshape(-1)
    if answers.dtype.kind not in "iufb" or not np.array_equal(answers, np.rint(answers)):
        raise UsageError(
            f"{where}: expected class indices, got {answers.dtype} values; for numbers, say "
            'task = "regression"'
        )
    return answers.astype(np.int64)


def _labels(answers: Array, where: str) -> Array:
    if answers.ndim != 2 or not _is_of_0_and_1(answers):
        raise UsageError(
            f"{where}: expected rows of 0 and 1, one for each label, got {answers.dtype} values of "
            f"shape {list(answers.shape)}"
        )
    return answers.astype(np.bool_)


def _values(answers: Array, where: str) -> Array:
    if answers.dtype.kind not in "iuf" or not np.isfinite(answers).all():
        raise UsageError(f"{where}: expected finite numbers as answers, got {answers.dtype} values")
    return answers.reshape(len(answers), -1).astype(np.float32)


_READERS: Mapping[str, Callable[[Array, str], Array]] = {
    "classification": _classes,
    "multi_label": _labels,
    "regression": _values,
}


def _columns(x: Any) -> Iterable[tuple[str, Any]]:
    """What a source gives by name: a dict, a structured array, or a data frame's columns."""
    if isinstance(x, Mapping):
        return x.items()
    names = x.dtype.names if isinstance(x, np.ndarray) else getattr(x, "columns", None)
    return [(_ONLY, x)] if names is None else [(str(name), x[name]) for name in names]


def _array(values: Any, where: str, *, may_miss: bool = False) -> Array:
    try:
        array = np.asarray(values)
    except ValueError as error:
        if not all(isinstance(value, np.ndarray) for value in values):
            raise UsageError(f"{where}: expected an array: {error}") from None
        array = np.empty(len(values), dtype=object)  # of pictures of different sizes
        array[:] = values
    if array.dtype == object and all(isinstance(value, Path) for value in array.flat):
        array = array.astype(np.str_).astype(object)
    are_pictures = array.dtype == object and all(isinstance(v, np.ndarray) for v in array.flat)
    if may_miss and array.dtype == object and not are_pictures:
        array = _with_missing(array)
    is_text = array.dtype == object and all(
        isinstance(value, str) or (may_miss and value is None) for value in array.flat
    )
    if array.ndim == 0 or (array.dtype == object and not (is_text or are_pictures)):
        what = "Python objects" if array.ndim else "a single value"
        raise UsageError(f"{where}: expected an array with one row an example, got {what}")
    return array


def _with_missing(array: Array) -> Array:
    """Strings with None, or numbers with NaN, where objects stand for what is missing."""
    flat = [None if _is_missing(value) else value for value in array.flat]
    there = [value for value in flat if value is not None]
    if there and all(isinstance(value, (bool, int, float, np.number)) for value in there):
        kinds = np.array(there)
        if len(there) == len(flat):
            return kinds.reshape(array.shape)
        return np.array(flat, np.float64).reshape(array.shape)
    found = np.empty(len(flat), dtype=object)
    found[:] = flat
    return found.reshape(array.shape)


def _is_missing(value: Any) -> bool:
    # Data frames have objects of their own for it.
    is_nan = isinstance(value, float) and value != value  # noqa: PLR0124
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def with_gaps(values: Array, missing: Array | None) -> Array:
    """The same values without those that are missing: NaN, or None among objects.

    Args:
        values: [examples, …].
        missing: in the same shape; None if all are there.
    """
    if missing is None:
        return values
    if values.dtype.kind == "f":
        return np.where(missing, np.nan, values)
    found = values.astype(object)
    found[missing] = None
    return found


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
