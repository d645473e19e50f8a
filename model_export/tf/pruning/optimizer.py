"""The optimizer of fine-tuning: the recipe's, or one like the model's own."""

from __future__ import annotations

import difflib
from typing import Any

import keras

from model_export.errors import UsageError

_Optimizer = keras.optimizers.Optimizer
_SCALED = keras.optimizers.LossScaleOptimizer


def make_optimizer(model: keras.Model, name: str | None, learning_rate: float | None) -> Any:
    """A new optimizer, with no steps behind it.

    Args:
        model: whose own settings hold where the others are None; one without an optimizer gets
            Adam. A model that was trained with scaled losses still is.
        name: of a Keras optimizer, in any case of letters.
        learning_rate: a constant; None keeps the optimizer's own rate or schedule, which begins
            anew.

    Raises:
        UsageError: Keras has no such optimizer.
    """
    own: Any = getattr(model, "optimizer", None)
    scaled = isinstance(own, _SCALED)
    own = own.inner_optimizer if scaled else own
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    if name is not None or own is None:
        made = _class("adam" if name is None else name)(**rate)
    else:
        made = type(own).from_config({**own.get_config(), **rate})
    return _SCALED(made) if scaled else made


def _class(name: str) -> Any:
    known = {
        key.lower(): value
        for key, value in vars(keras.optimizers).items()
        if isinstance(value, type) and issubclass(value, _Optimizer)
    }
    # These only stand around others.
    for wrapper in ("optimizer", "multioptimizer", "lossscaleoptimizer"):
        known.pop(wrapper, None)
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, cutoff=0.5) or sorted(known)
        raise UsageError(
            f"recipe.prune.optimizer: Keras has no {name!r}; nearest: {', '.join(near)}"
        )
    return known[name.lower()]
