"""Candidates are measured in a process of their own."""

from __future__ import annotations

import gzip
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model_export.errors import ConversionError
from model_export.flatbuffer import bindings
from model_export.measure import Measurement, measure
from model_export.quantize import quantize
from tests.support import tiny
from tests.support.litert import Graph
from tflite_serving.contract.tensors import OutputSpec, Tensors

SPECIES = OutputSpec("species", "float32", (None, 3))
MIB = 2**20


def measured(flatbuffer: bytes, count: int = 60, output: OutputSpec = SPECIES) -> Measurement:
    tensors = Tensors(*bindings(flatbuffer, ("features",), (output.name,)))
    inputs = tiny.examples(count).inputs
    return measure("float32", flatbuffer, tensors, (output,), inputs)


def test_what_a_candidate_costs_is_plausible() -> None:
    flatbuffer = tiny.flatbuffer()
    found = measured(flatbuffer)
    assert 0 < found.latency_ms.p50 <= found.latency_ms.p99 < 1000
    assert found.latency_ms.p50 < found.cold_load_ms < 60_000
    assert 20 < found.peak_rss_mib < 150
    assert gzip.compress(flatbuffer, 6, mtime=0).__len__() == found.gzip_bytes


def test_the_answers_are_to_all_examples_beyond_one_batch_too() -> None:
    found = measured(tiny.flatbuffer(), count=600)
    expected = tiny.scores(tiny.examples(600).inputs["features"])
    np.testing.assert_allclose(found.outputs["species"], expected, atol=1e-6)


def test_a_quantized_candidate_answers_in_natural_units() -> None:
    found = measured(quantize(tiny.flatbuffer(), "full_int8", tiny.examples()))
    expected = tiny.scores(tiny.examples().inputs["features"])
    assert found.outputs["species"].dtype == np.float32
    np.testing.assert_allclose(found.outputs["species"], expected, atol=0.02)


def test_the_activation_is_applied_as_the_function_will() -> None:
    graph = Graph()
    x, logits = graph.tensor((-1, 4)), graph.tensor((-1, 3))
    weights = graph.constant(tiny.WEIGHTS)
    options = schema.FullyConnectedOptionsT()
    graph.operator(schema.BuiltinOperator.FULLY_CONNECTED, [x, weights, -1], [logits], options)
    output = OutputSpec("species", "float32", (None, 3), activation="softmax")
    found = measured(graph.build([x], [logits]), output=output)
    expected = tiny.scores(tiny.examples().inputs["features"])
    np.testing.assert_allclose(found.outputs["species"], expected, atol=1e-6)


@pytest.mark.parametrize("name", ["file", "allow_pickle", "a/b", "x.npy"])
def test_any_name_of_an_input_or_output_will_do(name: str) -> None:
    flatbuffer = tiny.flatbuffer()
    output = replace(SPECIES, name=name)
    tensors = Tensors(*bindings(flatbuffer, (name,), (name,)))
    inputs = {name: tiny.examples(5).inputs["features"]}
    found = measure("float32", flatbuffer, tensors, (output,), inputs)
    np.testing.assert_allclose(found.outputs[name], tiny.scores(inputs[name]), atol=1e-6)


def test_the_memory_is_that_of_the_candidates_process_not_of_the_exports() -> None:
    ours = np.ones(300 * MIB, dtype=np.uint8)  # ones, so that every page is really there
    found = measured(tiny.flatbuffer())
    assert ours[-1] == 1
    assert found.peak_rss_mib < 150


def test_a_broken_candidate_is_refused_with_the_runtimes_last_words() -> None:
    flatbuffer = tiny.flatbuffer()
    tensors = Tensors(*bindings(flatbuffer, ("features",), ("species",)))
    with pytest.raises(ConversionError) as caught:
        measure("static_int8", flatbuffer[:100], tensors, (SPECIES,), tiny.examples().inputs)
    told = str(caught.value)
    assert told.startswith("static_int8: the runtime cannot run it (exit 1):\n")
    assert "model.tflite: LiteRT cannot load it: " in told


def test_examples_that_the_candidate_cannot_take_are_told() -> None:
    flatbuffer = tiny.flatbuffer()
    tensors = Tensors(*bindings(flatbuffer, ("features",), ("species",)))
    inputs = {"features": np.zeros((3, 5), np.float32)}
    with pytest.raises(ConversionError, match="float32: the runtime cannot run it"):
        measure("float32", flatbuffer, tensors, (SPECIES,), inputs)


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Puts a program where the measurement looks for Python."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_process_that_is_killed_is_told_by_its_signal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, f"kill -{signal.SIGKILL.value} $$")
    with pytest.raises(ConversionError) as caught:
        measured(tiny.flatbuffer())
    assert str(caught.value) == (
        "float32: the runtime cannot run it (killed by SIGKILL):\n  no message"
    )


def test_last_words_that_are_no_text_are_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, r"printf 'bad \377 tensor\n' >&2; exit 3")
    with pytest.raises(ConversionError, match=r"(?s)exit 3.*bad . tensor"):
        measured(tiny.flatbuffer())


def test_no_folder_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    measured(tiny.flatbuffer())
    stand_in(monkeypatch, tmp_path, "exit 1")
    with pytest.raises(ConversionError):
        measured(tiny.flatbuffer())
    assert not list((tmp_path / "temporary").iterdir())
