"""Pruning masks: choose the weights that are zero, and hold them at zero in training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from model_export.tf.pruning.layers import Prunable

Scope = Literal["layer", "global"]
Schedule = Literal["constant", "polynomial"]
_Array = npt.NDArray[Any]
_RAMP = 0.75
_UPDATES = 100


class Masks:
    """The zeros of some layers: the smallest weights first, until there are as many as asked for.

    The polynomial schedule is that of Zhu & Gupta, "To prune, or not to prune" (2017),
    https://arxiv.org/abs/1710.01878, equation 1 with s_i = 0: sparsity rises quickly at first, in
    at most a hundred steps, and stays at its final value for the last quarter of the training.

    Args:
        layers: whose kernels are pruned.
        sparsity: fraction of zeros in the end, 0 to 1.
        schedule: "constant" is there at once, "polynomial" comes there step by step.
        scope: "layer" gives every layer that sparsity, "global" all of them together.
        block: inputs of one output whose weights become zero together, by their root mean square;
            layers that cannot be divided so are pruned weight by weight.
        steps: of the optimizer in all; without any, the schedule is constant.
    """

    def __init__(
        self,
        layers: Sequence[Prunable],
        sparsity: float,
        *,
        schedule: Schedule,
        scope: Scope,
        steps: int,
        block: int = 1,
    ) -> None:
        self._blocks = [block if layer.in_blocks(block) else 1 for layer in layers]
        self._kernels = [layer.kernel for layer in layers]
        self._masks = [
            keras.Variable(np.ones(kernel.shape, dtype=bool), dtype="bool", trainable=False)
            for kernel in self._kernels
        ]
        self._sparsity = sparsity
        self._scope = scope
        self._ramp = max(1, int(steps * _RAMP)) if schedule == "polynomial" and steps else 0
        self._progress = 0.0
        self.step = 0

    @property
    def finished(self) -> bool:
        """Whether the final sparsity is reached; masks do not change any more."""
        return self._progress >= 1

    @property
    def sparsity(self) -> float:
        """The fraction of zeros among all the weights, 0 to 1, as they are now."""
        kernels = [keras.ops.convert_to_numpy(kernel) for kernel in self._kernels]
        zeros = sum(kernel.size - np.count_nonzero(kernel) for kernel in kernels)
        return float(zeros / sum(kernel.size for kernel in kernels))

    def follow(self, step: int) -> None:
        """Adds the zeros that are due after `step` steps of the optimizer; takes none away."""
        if self.finished:
            return
        self.step = step
        self._advance(self._due(step))

    def finish(self) -> None:
        """Adds all the zeros that are still missing."""
        self._advance(1.0)

    def apply(self) -> None:
        """Sets to zero what must be zero, now."""
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.assign(_masked(kernel, mask))

    def hold(self) -> None:
        """Makes every optimizer keep the zeros, from the next step that is traced.

        Keras applies a variable's constraint at the end of each step, within the compiled graph:
        after momentum, weight decay and averages, however many steps are executed at once.
        """
        self.release()
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.constraint = _Held(mask, kernel.constraint)

    def release(self) -> None:
        """Gives the variables their own constraints back."""
        for kernel in self._kernels:
            if isinstance(kernel.constraint, _Held):
                kernel.constraint = kernel.constraint.own

    def state(self) -> dict[str, _Array]:
        """What `restore` needs in order to go on from here."""
        masks = {
            f"mask/{i}": keras.ops.convert_to_numpy(mask) for i, mask in enumerate(self._masks)
        }
        return {"progress": np.array(self._progress), "step": np.array(self.step), **masks}

    def restore(self, state: Mapping[str, _Array]) -> None:
        """Goes on from `state`."""
        self._progress, self.step = float(state["progress"]), int(state["step"])
        for i, mask in enumerate(self._masks):
            mask.assign(state[f"mask/{i}"])

    def _advance(self, progress: float) -> None:
        if progress > self._progress:
            self._progress = progress
            self._choose(self._sparsity * (1 - (1 - progress) ** 3))
            self.apply()

    def _due(self, step: int) -> float:
        if step >= self._ramp:
            return 1.0
        # Ranking all the weights takes longer than a step of training: it is not done at each.
        interval = max(1, self._ramp // _UPDATES)
        return (step - step % interval) / self._ramp

    def _choose(self, sparsity: float) -> None:
        magnitudes = [
            _magnitudes(keras.ops.convert_to_numpy(kernel), keras.ops.convert_to_numpy(mask), block)
            for kernel, mask, block in zip(self._kernels, self._masks, self._blocks, strict=True)
        ]
        choose = _within_each if self._scope == "layer" else _over_all
        chosen = choose(magnitudes, sparsity)
        for mask, keep, block in zip(self._masks, chosen, self._blocks, strict=True):
            mask.assign(np.repeat(keep, block, axis=-2) if block > 1 else keep)


@dataclass(frozen=True, slots=True)
class _Held:
    """A constraint that holds a mask, after the variable's own one."""

    mask: Any
    own: Callable[[Any], Any] | None

    def __call__(self, weights: Any) -> Any:
        return _masked(weights if self.own is None else self.own(weights), self.mask)


def _masked(weights: Any, mask: Any) -> Any:
    # Not a product: that makes NaN of infinity, and -0.0 of what is negative.
    return keras.ops.where(mask, weights, keras.ops.zeros_like(weights))


def _magnitudes(kernel: _Array, mask: _Array, block: int) -> _Array:
    """Of each weight, or of each block of inputs: what stays is what has the largest."""
    magnitudes = np.abs(kernel.astype(np.float32))
    if block > 1:
        *outer, inputs, outputs = kernel.shape
        divided = magnitudes.reshape(*outer, inputs // block, block, outputs)
        magnitudes = np.sqrt(np.mean(divided**2, axis=-2))
        mask = np.asarray(mask.reshape(divided.shape).any(axis=-2))
    # What is zero already goes before any other zero, so that masks only grow.
    return np.where(mask, magnitudes, np.float32(-1))


def _within_each(magnitudes: Sequence[_Array], sparsity: float) -> list[_Array]:
    return [
        _keep(layer.ravel(), round(layer.size * sparsity)).reshape(layer.shape)
        for layer in magnitudes
    ]


def _over_all(magnitudes: Sequence[_Array], sparsity: float) -> list[_Array]:
    """As `_within_each`, by rank among all layers' weights."""
    flat = [layer.ravel() for layer in magnitudes]
    for layer in flat:
        # A layer without any weight lets nothing through, and no training brings it back: a
        # hundredth of each stays, however small its weights are beside those of the others.
        stay = math.ceil(layer.size / 100)
        layer[_keep(layer, layer.size - stay)] = np.inf
    joined = np.concatenate(flat)
    zeros = min(round(joined.size * sparsity), int(np.isfinite(joined).sum()))
    ends = np.cumsum([layer.size for layer in flat])[:-1]
    parts = np.split(_keep(joined, zeros), ends)
    return [part.reshape(layer.shape) for part, layer in zip(parts, magnitudes, strict=True)]


def _keep(magnitudes: _Array, zeros: int) -> _Array:
    """[weights]: true for all but the `zeros` smallest.

    By rank, not by a threshold alone: of equal magnitudes only as many go as were asked for, those
    that come first.
    """
    if zeros == 0:
        return np.ones(magnitudes.size, dtype=bool)
    threshold = np.partition(magnitudes, zeros - 1)[zeros - 1]
    keep: _Array = magnitudes > threshold
    equal = np.flatnonzero(magnitudes == threshold)
    keep[equal[zeros - np.count_nonzero(magnitudes < threshold) :]] = True
    return keep
