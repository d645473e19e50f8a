"""Losses of fine-tuning: the model's own loss, and knowledge distillation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from model_export.errors import ConversionError
from model_export.recipe.model import ModelTask
from model_export.tf.graph import endings, output_names
from model_export.tf.model_file import first_line
from tflite_serving.contract.tensors import Activation

_ops = keras.ops
_Array = npt.NDArray[Any]
_LEAST = 1e-7


class OwnLoss:
    """The loss that an output was compiled with, or else the usual one for what it puts out.

    Args:
        model: the model.
        index: of the output, [examples, outputs].
        task: of the output.

    Raises:
        ConversionError: a loss of the training's own takes neither class indices nor one-hot rows.
    """

    def __init__(self, model: keras.Model, index: int, task: ModelTask) -> None:
        self._outputs = model.outputs[index].shape[-1]
        self._task = task
        loss = _compiled(getattr(model, "loss", None), model, index)
        # "crossentropy" is no loss, but lets Keras choose one, and for probabilities alone.
        if loss is None or str(loss).lower() in {"crossentropy", "ce"}:
            loss = _usual(model, index, task)
        self.function: Any = keras.losses.get(loss)
        self._one_hot = (
            task == "classification" and self._outputs > 1 and self._wants_one_hot(model, index)
        )

    def targets(self, targets: _Array) -> _Array:
        """The right answers in the form that the loss compares with the model's output.

        Args:
            targets: of the output, as `Split` has them.

        Returns:
            class indices, [examples] or of a single score [examples, 1]; one-hot rows, [examples,
            classes]; rows of 0 and 1; or of a regression the values. float32, to which Keras turns
            them anyway.
        """
        found = targets.astype(np.float32)
        if self._task != "classification":
            return found
        if self._outputs == 1:
            return found[:, np.newaxis]
        if self._one_hot:
            return np.eye(self._outputs, dtype=np.float32)[targets]
        return found

    def __call__(self, targets: Any, outputs: Any) -> Any:
        """The mean over the examples."""
        return _ops.mean(self.function(targets, outputs))

    def _wants_one_hot(self, model: keras.Model, index: int) -> bool:
        # Keras wraps its functions in classes, which is how a loaded model may have them.
        name = getattr(getattr(self.function, "fn", self.function), "__name__", "")
        if name and hasattr(keras.losses, name):
            return not name.startswith("sparse")
        # Of a loss of the training's own only a try tells. One example more than classes: what
        # multiplies rows by indices must not find as many of these as columns.
        classes = np.arange(self._outputs + 1) % self._outputs
        outputs = np.full((len(classes), self._outputs), 1 / self._outputs, np.float32)
        forms = {
            "class indices": classes.astype(np.float32),
            "one-hot rows": np.eye(self._outputs, dtype=np.float32)[classes],
        }
        raised = []
        for form, targets in forms.items():
            try:
                self(_ops.convert_to_tensor(targets), _ops.convert_to_tensor(outputs))
            except Exception as error:  # it is the user's own code
                raised.append(f"from {form}: {type(error).__name__}: {first_line(error)}")
            else:
                return form == "one-hot rows"
        raise ConversionError(
            f"prune: the loss {name or type(self.function).__name__} of output "
            f"{output_names(model)[index]!r} cannot be computed, neither {', nor '.join(raised)}; "
            "compile the model with a loss of class indices, [examples], or one-hot rows, "
            f"[examples, {self._outputs}], or set prune.epochs = 0"
        )


def loss_weights(model: keras.Model) -> list[float]:
    """How much each output's loss counts, as the model was compiled."""
    config = model.get_compile_config() if model.compiled else None
    weights = (config or {}).get("loss_weights")
    found = [_compiled(weights, model, index) for index in range(len(model.outputs))]
    return [1.0 if weight is None else float(weight) for weight in found]


def _compiled(given: Any, model: keras.Model, index: int) -> Any:
    """What a model was compiled with for one of its outputs: by name, by place, or for all."""
    if isinstance(given, Mapping):
        layers = getattr(model, "output_names", None) or output_names(model)
        return given.get(output_names(model)[index], given.get(layers[index]))
    if isinstance(given, (list, tuple)):
        return given[index] if given else None
    return given


def _usual(model: keras.Model, index: int, task: ModelTask) -> Any:
    if task == "regression":
        return keras.losses.MeanSquaredError()
    logits = endings(model)[index] == "linear"
    if task == "multi_label" or model.outputs[index].shape[-1] == 1:
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


class DistillationLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no types
    """Part the model's own loss, part the distance to what a teacher answers.

    Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), section 2,
    https://arxiv.org/abs/1503.02531. The teacher's answers come beside the targets, in the same
    array (see `packed`): so every model and every optimizer can be trained with it.

    Args:
        own: the loss on the right answers.
        activation: what the model leaves to the reader of its output.
        temperature: by which both models' logits are divided.
        weight: of the distance, 0 to 1; it is multiplied by the square of the temperature, which
            makes up for the smaller gradients.
    """

    def __init__(
        self,
        own: Callable[[Any, Any], Any],
        activation: Activation,
        *,
        temperature: float,
        weight: float,
    ) -> None:
        super().__init__(name="distillation")
        self._own = own
        self._activation = activation
        self._temperature = temperature
        self._weight = weight
        self._columns: tuple[int, ...] = ()

    def packed(self, targets: _Array, answers: _Array) -> _Array:
        """Targets and the teacher's softened answers, side by side.

        Args:
            targets: [examples] or [examples, n].
            answers: the teacher's raw outputs, [examples, outputs].

        Returns:
            [examples, n + classes], float32.
        """
        self._columns = targets.shape[1:]
        soft = _ops.softmax(self._logits(_ops.convert_to_tensor(answers)) / self._temperature)
        rows = targets.reshape(len(targets), -1)
        return np.concatenate([rows, _ops.convert_to_numpy(soft)], axis=1).astype(np.float32)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Both parts, as one number."""
        columns = self._columns[0] if self._columns else 1
        targets, soft = y_true[:, :columns], y_true[:, columns:]
        own = self._own(targets if self._columns else targets[:, 0], y_pred)
        # The cross-entropy is the divergence and the teacher's own entropy, which has no gradient.
        distance = _ops.categorical_crossentropy(
            soft, self._logits(y_pred) / self._temperature, from_logits=True
        )
        factor = self._weight * self._temperature**2
        return (1 - self._weight) * own + factor * _ops.mean(distance)

    def _logits(self, outputs: Any) -> Any:
        """[examples, classes]: the logits of two classes, too, where the model gives one score."""
        if self._activation == "none":
            if outputs.shape[-1] == 1:
                outputs = _ops.concatenate([1 - outputs, outputs], axis=-1)
            # Logarithms of probabilities are logits that softmax takes back to them.
            return _ops.log(_ops.maximum(outputs, _LEAST))
        if outputs.shape[-1] == 1:
            return _ops.concatenate([_ops.zeros_like(outputs), outputs], axis=-1)
        return outputs
