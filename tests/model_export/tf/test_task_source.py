"""Text classifiers of KerasHub, from texts on."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from model_export.errors import LoadError
from model_export.tf.task_source import TaskSource
from tests.support.models.transformers import LENGTH, LINES, classifier


def test_texts_are_answered_as_the_task_itself_predicts_them() -> None:
    task = classifier("bert")
    source = TaskSource(task, "bert.keras")
    assert [(info.name, info.dtype, info.shape) for info in source.inputs] == [
        ("text", "string", (None,))
    ]
    texts = np.array(LINES, dtype=object)
    found = source.predict({"text": texts})
    (values,) = found.values()
    np.testing.assert_allclose(values, task.predict(list(LINES), verbose=0), atol=1e-5)


def test_tokens_have_the_names_and_dtypes_of_the_tensors_that_take_them() -> None:
    source = TaskSource(classifier("bert"), "bert.keras")
    found = source.tokens(list(LINES))
    for info in source.core.inputs:
        assert found[info.name].dtype == info.dtype
        assert found[info.name].shape == (len(LINES), LENGTH)


def test_another_preprocessor_is_refused_with_what_to_do() -> None:
    task = classifier("bert")
    task.preprocessor = keras.layers.Rescaling(1.0)
    with pytest.raises(LoadError, match="preprocessor Rescaling: expected a TextClassifierPre"):
        TaskSource(task, "bert.keras")
