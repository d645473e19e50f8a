"""Magnitude pruning in anybody's own ``fit``: a Keras callback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from model_export.errors import UsageError
from model_export.tf.pruning.layers import select
from model_export.tf.pruning.masks import Masks, Schedule, Scope


class HoldMasks(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Follows the masks' schedule through a training, and holds the zeros at every step of it.

    Args:
        masks: of layers of the model that is trained.
    """

    def __init__(self, masks: Masks | None = None) -> None:
        super().__init__()
        self._masks = masks
        self._start = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Sets the first zeros."""
        assert self._masks is not None
        self._start = int(self.model.optimizer.iterations) - self._masks.step
        self._masks.hold()
        # A step that was traced before does not know of the masks.
        self.model.train_function = None
        self.model.make_train_function()
        self._follow()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Adds zeros, if some are due."""
        self._follow()

    def on_train_end(self, logs: Any = None) -> None:
        """Leaves the model with its zeros, and without what held them."""
        assert self._masks is not None
        # An optimizer that averages weights writes the averages at the very end.
        self._masks.apply()
        self._masks.release()
        self.model.train_function = None

    def _follow(self) -> None:
        assert self._masks is not None
        if not self._masks.finished:
            self._masks.follow(int(self.model.optimizer.iterations) - self._start)


class MagnitudePruning(HoldMasks):
    """Sets the smallest weights to zero while a model is trained.

    It works with every Keras optimizer, with ``steps_per_execution``, ``jit_compile``, gradient
    accumulation, averaged weights and loss scaling: after each step the zeros are exact. Fitted
    again, the callback goes on where it was. Let it be the last of several, so that weights that
    another one restores get their zeros, too.

        model.fit(x, y, epochs=5, callbacks=[MagnitudePruning(0.75, schedule="polynomial")])

    Args:
        sparsity: fraction of zeros in the end, more than 0 and less than 1.
        schedule: "constant" or "polynomial"; see `Masks`.
        steps: of the optimizer that the schedule is made for; None takes those of the first fit.
        scope: "layer" or "global"; see `Masks`.
        block: inputs of one output that become zero together; see `Masks`.
        include, exclude: globs of layer names or paths; see `select`.

    Raises:
        UsageError: a value is none of these; or, when training begins, the layers cannot be
            chosen, the model is not built, or the steps are not known.
    """

    def __init__(
        self,
        sparsity: float,
        *,
        schedule: Schedule = "constant",
        steps: int | None = None,
        scope: Scope = "layer",
        block: int = 1,
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__()
        _check("sparsity", sparsity, "between 0 and 1", holds=0 < sparsity < 1)
        known = schedule in {"constant", "polynomial"}
        _check("schedule", schedule, "constant or polynomial", holds=known)
        _check("scope", scope, "layer or global", holds=scope in {"layer", "global"})
        _check("block", block, "1 or more", holds=block >= 1)
        _check("steps", steps, "1 or more", holds=steps is None or steps >= 1)
        self._sparsity = sparsity
        self._schedule: Schedule = schedule
        self._steps = steps
        self._scope: Scope = scope
        self._block = block
        self._include, self._exclude = tuple(include), tuple(exclude)

    def on_train_begin(self, logs: Any = None) -> None:
        """Chooses the layers, at the first training, and sets the first zeros."""
        if self._masks is None:
            if not self.model.built:
                raise UsageError(
                    "the model's weights are not made yet, so that none can be chosen; let it "
                    "begin with keras.Input, or call model.build first"
                )
            self._masks = Masks(
                select(self.model, self._include, self._exclude),
                self._sparsity,
                schedule=self._schedule,
                scope=self._scope,
                block=self._block,
                steps=self._steps or self._steps_of_fit(),
            )
        super().on_train_begin(logs)

    def _steps_of_fit(self) -> int:
        batches = self.params.get("steps")
        if batches is None:
            if self._schedule == "constant":
                return 0
            raise UsageError("the data does not say how many batches it has; give steps")
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        # An optimizer that accumulates gradients counts only the steps in which it uses them.
        return int(self.params["epochs"] * batches // (optimizer.gradient_accumulation_steps or 1))


def _check(name: str, value: object, expected: str, *, holds: bool) -> None:
    if not holds:
        raise UsageError(f"{name}: expected {expected}, got {value}")
