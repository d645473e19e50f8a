"""Examples as what is converted takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from model_export.dataset.preprocessing import preprocess
from model_export.dataset.splits import Split, Splits
from model_export.errors import UsageError
from model_export.signature.signature import ModelSignature
from tests.support.models.signatures import Info
from tflite_serving.contract.preprocessing import LookupSpec, Preprocessing, Step, Vocabulary
from tflite_serving.contract.tensors import InputSpec, OutputSpec, Preprocess

JOBS = Preprocessing(
    steps=(
        Step(
            layer="jobs",
            inputs=("job",),
            outputs=("jobs",),
            lookup=LookupSpec(
                vocabulary=Vocabulary(strings=("cook", "clerk"), first=0, unknown=None)
            ),
        ),
    )
)
SIGNATURE = ModelSignature(
    "classification",
    (InputSpec("job", "string", (None,), Preprocess("record")),),
    (OutputSpec("y", "float32", (None, 2), labels=("0", "1")),),
)


@dataclass(frozen=True)
class Core:
    """What is converted, of which only the inputs matter."""

    inputs: tuple[Info, ...]


def preprocessed(core: Info, preprocessing: Preprocessing | None, *test: str) -> Any:
    def split(*jobs: str) -> Split:
        return Split({"job": np.array(jobs, dtype=object)}, np.zeros(len(jobs), np.int64))

    splits = Splits(split("cook"), split("clerk"), split(*test), "people.npz")
    return preprocess(splits, Core((core,)), preprocessing, {}, SIGNATURE)  # type: ignore[arg-type]  # less than a model


def test_every_split_goes_through_the_steps_and_keeps_its_targets() -> None:
    found, counts = preprocessed(Info("jobs", "int64", (None, 1)), JOBS, "clerk", "cook")
    assert [
        each.inputs["jobs"].tolist() for each in (found.train, found.validation, found.test)
    ] == [
        [[0]],
        [[1]],
        [[1], [0]],
    ]
    assert len(found.test.targets) == 2
    assert list(counts) == []


def test_without_steps_the_examples_get_the_models_shape() -> None:
    found, _ = preprocessed(Info("job", "string", (None, 1)), None, "cook")
    assert found.train.inputs["job"].tolist() == [["cook"]]


def test_a_value_that_the_vocabulary_lacks_is_named_with_its_place() -> None:
    with pytest.raises(
        UsageError, match=r"^people\.npz: test: job\[1\]: 'king' is not in the layer's vocabulary"
    ):
        preprocessed(Info("jobs", "int64", (None, 1)), JOBS, "cook", "king")
