"""Fine-tuning with the zeros held: resumable, and the same each time to the last bit."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.framework import config

from model_export.dataset.splits import Split
from model_export.recipe.prune import PruneSection
from model_export.tf.pruning.batches import ShuffledBatches
from model_export.tf.pruning.callback import HoldMasks
from model_export.tf.pruning.loss import DistillationLoss, loss_weights
from model_export.tf.pruning.masks import Masks
from model_export.tf.pruning.optimizer import make_optimizer
from model_export.tf.pruning.validation import Goal, Judged, Validation, answers, make_heads

_Array = npt.NDArray[Any]
_SEED = 0


class Checkpoint(Protocol):
    """Where a training that is interrupted leaves what it needs to go on."""

    def load(self) -> bytes | None:
        """What was saved last; None if nothing was."""

    def save(self, data: bytes) -> None:
        """Keeps `data` instead of what was saved before; whole or not at all."""


def fine_tune(
    model: keras.Model,
    recipe: PruneSection,
    masks: Masks,
    train: Split,
    validation: Split,
    goals: Sequence[Goal],
    log: Callable[[str], None],
    checkpoint: Checkpoint | None,
) -> int:
    """Trains the weights of `model`, while `masks` takes some away.

    Of the epochs after which the masks have all their zeros, the best on the validation split
    counts: by the metric, then by the loss.

    Args:
        model: what it was compiled with stays as it is.
        recipe: epochs, optimizer, distillation and so on.
        masks: of the model's layers.
        train, validation: examples, by the model's input names.
        goals: of the outputs, in their order; they decide.
        log: told a line about each epoch.
        checkpoint: what to go on from, and where each epoch is saved.

    Returns:
        the epochs that were trained.
    """
    with _deterministic():
        heads = make_heads(model, train, goals)
        # Another model around the same layers: it is compiled as fine-tuning wants it.
        student = keras.Model({each.name: each for each in model.inputs}, list(model.outputs))
        optimizer = make_optimizer(model, recipe.optimizer, recipe.learning_rate)
        optimizer.build(student.trainable_variables)
        objectives = [head.loss.function for head in heads]
        targets = [
            head.loss.targets(right)
            for head, right in zip(heads, (train.targets, *train.others.values()), strict=True)
        ]
        if recipe.distill is not None:
            (head,), (right,), (taught,) = heads, targets, answers(student, train)
            objective = DistillationLoss(
                head.loss,
                head.activation,
                temperature=recipe.distill.temperature,
                weight=recipe.distill.weight,
            )
            objectives, targets = [objective], [objective.packed(right, taught)]
        weights = loss_weights(model)
        student.compile(
            optimizer,
            objectives,
            loss_weights=weights,
            run_eagerly=bool(getattr(model, "run_eagerly", False)),
        )
        inputs = {name: train.inputs[name] for name in student.input}
        batches = ShuffledBatches(inputs, tuple(targets), size=recipe.batch_size, seed=_SEED)
        judge = Validation(validation, heads, weights)
        tuning = _Tuning(student, recipe, masks, batches, judge, log, checkpoint)
        return tuning.run()


@contextmanager
def _deterministic() -> Iterator[None]:
    """The same random numbers and the same order of additions each time."""
    keras.utils.set_random_seed(_SEED)
    before = config.is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        # It slows down whatever else the process trains, and TensorFlow has no public way back.
        if not before:
            config.disable_op_determinism()


@dataclass
class _Progress:
    """How far the training is.

    Attributes:
        epochs: that are over.
        done: whether there is no need for more.
        rank: of the best of them, as `Validation.rank`; infinite if none counts yet.
        best: the values of the model's variables after it.
    """

    epochs: int = 0
    done: bool = False
    rank: tuple[float, float] = (np.inf, np.inf)
    best: list[_Array] = field(default_factory=list)


class _Tuning(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """One training, and what happens at the ends of its epochs."""

    def __init__(
        self,
        student: keras.Model,
        recipe: PruneSection,
        masks: Masks,
        batches: ShuffledBatches,
        judge: Validation,
        log: Callable[[str], None],
        checkpoint: Checkpoint | None,
    ) -> None:
        super().__init__()
        self._student = student
        self._recipe = recipe
        self._masks = masks
        self._batches = batches
        self._judge = judge
        self._log = log
        self._checkpoint = checkpoint
        self._progress = _Progress()
        self._before = judge.judge(student)

    def run(self) -> int:
        """Trains what is left to train; gives the epochs in all."""
        self._resume()
        if not self._progress.done:
            try:
                self._student.fit(
                    self._batches.dataset,
                    initial_epoch=self._progress.epochs,
                    epochs=self._recipe.epochs,
                    callbacks=[HoldMasks(self._masks), self],
                    # Which the batches see to themselves.
                    shuffle=False,
                    verbose=0,
                )
            finally:
                self._masks.release()
        if self._progress.best:
            _assign(self._student.variables, self._progress.best)
        return self._progress.epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # What is judged is what would be kept: the averages, if the optimizer makes some.
        self._student.optimizer.finalize_variable_values(self._student.trainable_variables)
        if epoch + 1 == self._recipe.epochs:
            # Steps that were skipped, as with scaled losses, may have left the schedule unfinished.
            self._masks.finish()
        self._masks.apply()
        judged = self._judge.judge(self._student)
        self._weigh(epoch + 1, self._judge.rank(judged, self._before))
        self._student.stop_training = self._progress.done
        self._log(
            f"epoch {epoch + 1}/{self._recipe.epochs}: {self._told(judged)} "
            f"on the validation split ({_numbers(self._before)} before pruning), "
            f"{100 * self._masks.sparsity:.0f} % zeros"
        )
        if self._checkpoint is not None:
            self._checkpoint.save(self._saved())

    def _told(self, judged: Judged) -> str:
        return ", ".join(
            f"{head.goal.name or head.goal.metric.name} {value:.4f}"
            for head, value in zip(self._judge.heads, judged.values, strict=True)
        )

    def _weigh(self, epochs: int, rank: tuple[float, float]) -> None:
        """Decides whether the epoch that is over is the best, and whether it is the last."""
        progress, counts = self._progress, self._masks.finished
        if counts and (not progress.best or rank < progress.rank):
            progress.rank, progress.best = rank, _values(self._student.variables)
        recovered = counts and rank[0] <= self._judge.rank(self._before, self._before)[0]
        progress.epochs = epochs
        progress.done = epochs == self._recipe.epochs or (self._recipe.stop_early and recovered)

    def _saved(self) -> bytes:
        progress = self._progress
        arrays = {
            "epochs": np.array(progress.epochs),
            "done": np.array(progress.done),
            "rank": np.array(progress.rank),
            **_numbered("best", progress.best),
            **_numbered("model", _values(self._student.variables)),
            **_numbered("optimizer", _values(self._student.optimizer.variables)),
            **self._masks.state(),
        }
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    def _resume(self) -> None:
        data = self._checkpoint.load() if self._checkpoint is not None else None
        if data is None:
            return
        with np.load(io.BytesIO(data), allow_pickle=False) as saved:
            arrays = dict(saved)
        rank = arrays["rank"]
        self._progress = _Progress(
            epochs=int(arrays["epochs"]),
            done=bool(arrays["done"]),
            rank=(float(rank[0]), float(rank[1])),
            best=_of("best", arrays),
        )
        _assign(self._student.variables, _of("model", arrays))
        _assign(self._student.optimizer.variables, _of("optimizer", arrays))
        self._masks.restore(arrays)


def _numbers(judged: Judged) -> str:
    return ", ".join(f"{value:.4f}" for value in judged.values)


def _values(variables: Sequence[Any]) -> list[_Array]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence[Any], values: Sequence[_Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _numbered(kind: str, values: Sequence[_Array]) -> dict[str, _Array]:
    return {f"{kind}/{i}": value for i, value in enumerate(values)}


def _of(kind: str, arrays: Mapping[str, _Array]) -> list[_Array]:
    count = sum(name.startswith(f"{kind}/") for name in arrays)
    return [arrays[f"{kind}/{i}"] for i in range(count)]
