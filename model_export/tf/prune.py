"""Magnitude pruning for Keras 3: the smallest weights of each layer become zero, and stay so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from model_export.data import Split
from model_export.errors import UsageError
from model_export.recipe import PruneSection
from model_export.tf.load import missing_activation, pack_inputs
from tflite_serving.contract.evidence import Pruning

_PRUNABLE = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


def prune(
    model: keras.Model,
    recipe: PruneSection,
    train: Split,
    validation: Split,
    tell: Callable[[str], None] = lambda line: None,
) -> Pruning:
    """Prunes `model` in place, and fine-tunes it with the zeros held.

    Args:
        model: compiled or not; an uncompiled one is compiled for sparse class indices.
        recipe: sparsity, schedule, epochs, and which layers.
        train, validation: examples, by the model's input names.
        tell: told a line about each epoch.

    Returns:
        what was done.

    Raises:
        UsageError: the recipe selects no layer.
    """
    layers = select_layers(model, recipe)
    steps = -(-len(train) // _BATCH) * recipe.epochs
    masks = MagnitudeMasks(layers, recipe.sparsity, recipe.schedule, steps)
    masks.update(0)
    if recipe.epochs:
        _fine_tune(model, recipe.epochs, masks, train, validation, tell)
    return Pruning(
        method=recipe.method,
        sparsity=recipe.sparsity,
        schedule=recipe.schedule,
        epochs=recipe.epochs,
        layers=tuple(layer.name for layer in layers),
    )


def select_layers(model: keras.Model, recipe: PruneSection) -> list[keras.layers.Layer]:
    """The layers that the recipe prunes: those with large kernels, but for the last.

    Raises:
        UsageError: there is none.
    """
    # Biases, normalisation and depthwise kernels are small, and dear to lose.
    candidates = [layer for layer in _layers(model) if isinstance(layer, _PRUNABLE)]

    def matches(layer: keras.layers.Layer, globs: Iterable[str]) -> bool:
        return any(fnmatchcase(layer.name, glob) for glob in globs)

    named = [glob for glob in recipe.include if glob != "*"]
    chosen = [
        layer
        for layer in candidates
        if matches(layer, named if layer is candidates[-1] else recipe.include)
        and not matches(layer, recipe.exclude)
    ]
    if not chosen:
        names = ", ".join(layer.name for layer in candidates) or "none"
        raise UsageError(
            f"recipe.prune: include {list(recipe.include)} and exclude {list(recipe.exclude)} "
            f"select no layer (the last one is left alone unless named); prunable: {names}"
        )
    return chosen


class MagnitudeMasks:
    """Which weights are zero, and the schedule by which they became so.

    The polynomial schedule is that of Zhu & Gupta, "To prune, or not to prune" (2017),
    https://arxiv.org/abs/1710.01878, equation 1 with s_i = 0: sparsity rises quickly at first,
    and stays at its final value for the last quarter of the steps.

    Args:
        layers: with a ``kernel`` each.
        sparsity: fraction of zeros in each kernel in the end, 0 to 1.
        schedule: "constant" or "polynomial".
        steps: of training in all.
    """

    def __init__(
        self, layers: list[keras.layers.Layer], sparsity: float, schedule: str, steps: int
    ) -> None:
        self._layers = layers
        self._sparsity = sparsity
        # Without training there are no steps to spread it over.
        self._polynomial = schedule == "polynomial" and steps > 0
        self._ramp = max(1, steps * 3 // 4)
        self._masks: list[npt.NDArray[np.bool_]] = []

    def update(self, step: int) -> None:
        """Chooses the zeros anew for `step` of training, and applies them."""
        progress = min(1.0, step / self._ramp) if self._polynomial else 1.0
        target = self._sparsity * (1 - (1 - progress) ** 3)
        self._masks = [_mask(np.asarray(layer.kernel), target) for layer in self._layers]
        self.apply()

    def apply(self) -> None:
        """Sets to zero what must be zero."""
        for layer, mask in zip(self._layers, self._masks, strict=True):
            layer.kernel.assign(np.asarray(layer.kernel) * mask)

    def after_step(self, step: int) -> None:
        """Holds the zeros after an optimizer's step, and adds to them while they still grow."""
        if self._polynomial and step <= self._ramp:
            self.update(step)
        else:
            self.apply()


class _HoldMasks(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Keeps zeros at zero, whatever the optimizer does."""

    def __init__(self, masks: MagnitudeMasks, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._masks = masks
        self._tell = tell
        self._step = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step += 1
        self._masks.after_step(self._step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("val_loss", float("nan"))
        self._tell(f"epoch {epoch + 1}: validation loss {loss:.4f}")


_BATCH = 32


def _fine_tune(
    model: keras.Model,
    epochs: int,
    masks: MagnitudeMasks,
    train: Split,
    validation: Split,
    tell: Callable[[str], None],
) -> None:
    keras.utils.set_random_seed(0)
    if not model.compiled:
        model.compile(optimizer="adam", loss=_default_loss(model))
    # The callback must see every step, however many the model was trained with at a time.
    model.steps_per_execution = 1
    classes = model.outputs[0].shape[-1] if _wants_one_hot(model) else None

    def pair(split: Split) -> tuple[Any, Any]:
        xs = [split.inputs[tensor.name] for tensor in model.inputs]
        y = keras.utils.to_categorical(split.classes, classes) if classes else split.classes
        return pack_inputs(model, xs), y

    x, y = pair(train)
    model.fit(
        x,
        y,
        batch_size=_BATCH,
        epochs=epochs,
        validation_data=pair(validation),
        callbacks=[_HoldMasks(masks, tell)],
        verbose=0,
    )
    # An optimizer that averages weights writes the averages at the very end.
    masks.apply()


def _wants_one_hot(model: keras.Model) -> bool:
    """Whether the model was compiled with a loss that compares scores with one-hot rows."""
    (loss,) = keras.tree.flatten(model.loss) or [None]
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    # Keras wraps its functions in classes, which is how a loaded model may have them.
    name = getattr(getattr(loss, "fn", loss), "__name__", "")
    is_keras_own = name != "" and hasattr(keras.losses, name)
    return model.outputs[0].shape[-1] > 1 and is_keras_own and not name.startswith("sparse")


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _default_loss(model: keras.Model) -> Any:
    logits = missing_activation(model) != "none"
    if model.outputs[0].shape[-1] == 1:
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def _mask(kernel: npt.NDArray[Any], sparsity: float) -> npt.NDArray[np.bool_]:
    """True for weights that stay: all but the smallest `sparsity` of them.

    By rank, not by a threshold: equal magnitudes must not take more or fewer than asked.
    """
    zeros = round(kernel.size * sparsity)
    order = np.argsort(np.abs(kernel), axis=None, kind="stable")
    mask = np.ones(kernel.size, dtype=bool)
    mask[order[:zeros]] = False
    return mask.reshape(kernel.shape)
