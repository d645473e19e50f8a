"""Manifests for the dialects."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.support.models.tiny import write_tiny_artifact
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import InputSpec, OutputSpec, TensorBinding, Tensors


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """One input, one output of three labels."""
    folder: Path = tmp_path_factory.mktemp("artifact")
    return write_tiny_artifact(folder)


@pytest.fixture(scope="session")
def two(manifest: Manifest) -> Manifest:
    """Two inputs and two outputs; names that could be mistaken for places."""
    inputs = (
        InputSpec("height", "float32", (None, 2)),
        InputSpec("{0}", "int32", (None,)),
    )
    outputs = (
        OutputSpec("species", "float32", (None, 2), labels=("a", "b")),
        OutputSpec("size", "float32", (None,)),
    )
    return dataclasses.replace(
        manifest,
        inputs=inputs,
        outputs=outputs,
        tensors=Tensors(
            tuple(TensorBinding(i.name, i.name, "float32", i.shape) for i in inputs),
            tuple(TensorBinding(o.name, o.name, "float32", o.shape) for o in outputs),
        ),
    )
