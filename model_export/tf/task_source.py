"""A KerasHub text classifier with its preprocessor, as a source model that takes texts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_export.errors import LoadError
from model_export.signature.source_model import TensorInfo
from model_export.tf.running import running
from model_export.tf.source import KerasSource
from tflite_serving.contract.tensors import Arrays

TEXT = "text"
"""Name of the input."""

_BATCH = 256


class TaskSource:
    """Such a model, asked as its `predict` is: with texts.

    Args:
        task: of KerasHub, with a preprocessor.
        where: it came from, for complaints.

    Attributes:
        core: what takes the tokens.
        preprocessor: what makes them.

    Raises:
        LoadError: the preprocessor is none of KerasHub's for texts.
    """

    def __init__(self, task: keras.Model, where: str) -> None:
        import keras_hub

        self.preprocessor = task.preprocessor
        own = type(self.preprocessor).__module__.partition(".")[0] == keras_hub.__name__
        if not own or not isinstance(
            self.preprocessor, keras_hub.models.TextClassifierPreprocessor
        ):
            raise LoadError(
                f"{where}: preprocessor {type(self.preprocessor).__name__}: expected a "
                "TextClassifierPreprocessor of KerasHub; save the model without a preprocessor, "
                "and send it what that puts out"
            )
        # Without the task's own `fit` and `predict`, which begin with texts.
        self.core = KerasSource(keras.Model(task.inputs, task.outputs, name=task.name), where)
        self.inputs: tuple[TensorInfo, ...] = (TensorInfo(TEXT, "string", (None,)),)
        self.outputs = self.core.outputs
        self.endings = self.core.endings
        self.layers: Mapping[str, str] = self.core.layers
        self.where = where
        # As in `fit` and `predict`: outside of a function KerasHub does some things differently.
        self._tokens = tf.function(
            lambda texts: self.preprocessor(texts),  # noqa: PLW0108  # which Keras looks into
            input_signature=[tf.TensorSpec((None,), tf.string)],
            autograph=False,
        )

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The model's raw outputs, computed in batches."""
        texts = inputs[TEXT].tolist()
        parts = [
            self.core.predict(self.tokens(texts[start : start + _BATCH]))
            for start in range(0, len(texts), _BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def tokens(self, texts: list[str]) -> dict[str, npt.NDArray[Any]]:
        """What KerasHub makes of texts, by name of the tensor, [texts, tokens]."""
        with running(self.where, {}, None):
            found = self._tokens(tf.constant([text.encode() for text in texts]))
        return {
            info.name: np.asarray(found[info.name]).astype(info.dtype) for info in self.core.inputs
        }

    def disturbed(self, seed: int) -> AbstractContextManager[None]:
        """See `SourceModel`."""
        return self.core.disturbed(seed)

    def concrete_function(self) -> tuple[Any, Any]:
        """Of what takes the tokens: the rest cannot be converted; see `SourceModel`."""
        return self.core.concrete_function()
