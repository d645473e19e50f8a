"""Candidates answer, and are timed, in a process of their own."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema

from model_export.errors import ConversionError
from model_export.flatbuffer.inspect import bindings
from model_export.measure.process import Process, Servable
from tests.support.models import tiny
from tests.support.models.litert import Graph
from tflite_serving.contract.tensors import Arrays, OutputSpec, Tensors

pytestmark = pytest.mark.usefixtures("measured")

SPECIES = OutputSpec("species", "float32", (None, 3))
MIB = 2**20


def servable(
    flatbuffer: bytes | None = None, output: OutputSpec = SPECIES, input_name: str = "features"
) -> Servable:
    flatbuffer = tiny.flatbuffer() if flatbuffer is None else flatbuffer
    tensors = Tensors(*bindings(flatbuffer, (input_name,), (output.name,)))
    return Servable("float32", flatbuffer, tensors, (output,))


def inputs(count: int = 60) -> Arrays:
    return tiny.examples(count).inputs


def expected(count: int = 60) -> npt.NDArray[np.float32]:
    return tiny.scores(inputs(count)["features"])


def answers(one: Servable, examples: Arrays) -> Arrays:
    with Process() as process:
        process.load(one, examples)
        return process.answer(examples)


def test_what_a_start_costs_is_plausible() -> None:
    with Process() as process:
        start = process.load(servable(), inputs(), batch=8)
    assert 0 < start.cold_load_ms < 60_000
    assert 20 < start.peak_rss_mib < 150


def test_the_answers_are_to_all_examples_beyond_one_batch_too() -> None:
    found = answers(servable(), inputs(600))
    np.testing.assert_allclose(found["species"], expected(600), atol=1e-6)


def test_a_quantized_candidate_answers_in_natural_units() -> None:
    found = answers(servable(tiny.quantized("full_int8")), inputs())
    assert found["species"].dtype == np.float32
    np.testing.assert_allclose(found["species"], expected(), atol=0.02)


def test_the_activation_is_applied_as_the_function_will() -> None:
    graph = Graph()
    x, logits = graph.tensor((-1, 4)), graph.tensor((-1, 3))
    weights = graph.constant(tiny.WEIGHTS)
    options = schema.FullyConnectedOptionsT()
    graph.operator(schema.BuiltinOperator.FULLY_CONNECTED, [x, weights, -1], [logits], options)
    output = OutputSpec("species", "float32", (None, 3), activation="softmax")
    found = answers(servable(graph.build([x], [logits]), output), inputs())
    np.testing.assert_allclose(found["species"], expected(), atol=1e-6)


@pytest.mark.parametrize("name", ["file", "allow_pickle", "a/b", "x.npy"])
def test_any_name_of_an_input_or_output_will_do(name: str) -> None:
    one = servable(output=replace(SPECIES, name=name), input_name=name)
    found = answers(one, {name: inputs(5)["features"]})
    np.testing.assert_allclose(found[name], expected(5), atol=1e-6)


def test_one_process_runs_one_model_after_another() -> None:
    other = tiny.WEIGHTS[::-1].copy()
    with Process() as process:
        for weights in (tiny.WEIGHTS, other, tiny.WEIGHTS):
            process.load(servable(tiny.flatbuffer(weights)), inputs())
            found = process.answer(inputs())["species"]
            np.testing.assert_allclose(found, tiny.scores(inputs()["features"], weights), atol=1e-6)


def test_timing_ends_after_so_many_runs_or_so_long() -> None:
    with Process() as process:
        process.load(servable(), inputs())
        assert len(process.time(1, runs=7, seconds=60)) == 7
        began = time.monotonic()
        found = process.time(8, runs=10**9, seconds=0.05)
        assert time.monotonic() - began < 30
        assert 1 < len(found) < 10**6
        assert len(process.time(1, runs=5, seconds=0)) == 1
    assert all(0 < latency < 1000 for latency in found)


def test_a_batch_larger_than_the_examples_takes_some_of_them_again() -> None:
    with Process() as process:
        process.load(servable(), inputs(3), batch=8)
        assert len(process.time(8, runs=2, seconds=60)) == 2
        np.testing.assert_allclose(process.answer(inputs(3))["species"], expected(3), atol=1e-6)


def test_the_memory_is_that_of_the_candidates_process_not_of_the_exports() -> None:
    ours = np.ones(300 * MIB, dtype=np.uint8)  # ones, so that every page is really there
    with Process() as process:
        start = process.load(servable(), inputs())
    assert ours[-1] == 1
    assert start.peak_rss_mib < 150


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processors to choose from")
@pytest.mark.parametrize("threads", [1, 2, 1000])
def test_a_process_keeps_to_as_many_processors_as_it_has_threads(threads: int) -> None:
    ours = os.sched_getaffinity(0)
    with Process(threads) as process:
        process.load(servable(), inputs())
        theirs = os.sched_getaffinity(process._process.pid)
    assert len(theirs) == min(threads, len(ours))
    assert theirs <= ours
    assert os.sched_getaffinity(0) == ours


def test_a_runtime_that_prints_does_not_come_between_the_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Python imports this before the process's own code.
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "from tflite_serving.runtime.interpreter_pool import InterpreterPool\n"
        "run = InterpreterPool.run\n"
        "def talkative(*arguments):\n"
        "    os.write(1, b'INFO: from the depths of the runtime\\n{}\\n')\n"
        "    print('and from its Python part', flush=True)\n"
        "    return run(*arguments)\n"
        "InterpreterPool.run = talkative\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Process() as process:
        process.load(servable(), inputs())
        found = process.answer(inputs())
        process._words.seek(0)
        assert "from the depths of the runtime" in process._words.read()
    np.testing.assert_allclose(found["species"], expected(), atol=1e-6)


def test_a_broken_candidate_is_refused_with_the_runtimes_last_words() -> None:
    broken = replace(servable(), name="static_int8", flatbuffer=tiny.flatbuffer()[:100])
    with pytest.raises(ConversionError) as caught, Process() as process:
        process.load(broken, inputs())
    told = str(caught.value)
    assert told.startswith("static_int8: the runtime cannot run it (exit 1): ")
    assert "model.tflite: LiteRT cannot load it: " in told
    assert "Traceback" not in told
    assert "\n" not in told


def test_examples_that_the_candidate_cannot_take_are_told() -> None:
    with (
        pytest.raises(ConversionError, match="float32: the runtime cannot run it"),
        Process() as process,
    ):
        process.load(servable(), {"features": np.zeros((3, 5), np.float32)})


def test_a_process_that_is_killed_between_two_questions_is_told_by_its_signal() -> None:
    with Process() as process:
        process.load(servable(), inputs())
        os.kill(process._process.pid, signal.SIGKILL)
        with pytest.raises(ConversionError) as caught:
            process.answer(inputs())
    assert str(caught.value) == (
        "float32: the runtime cannot run it (killed by SIGKILL, as a system does that is short of "
        "memory): no message"
    )


def test_an_error_of_ours_ends_the_process() -> None:
    with pytest.raises(KeyError), Process() as process:
        raise KeyError
    assert process._process.returncode == -signal.SIGKILL


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Puts a program where the measurement looks for Python."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_process_that_is_killed_is_told_by_its_signal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, f"kill -{signal.SIGSEGV.value} $$")
    with pytest.raises(ConversionError) as caught:
        answers(servable(), inputs())
    assert str(caught.value) == (
        "float32: the runtime cannot run it (killed by SIGSEGV): no message"
    )


def test_last_words_that_are_no_text_are_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, r"printf 'bad \377 tensor\n' >&2; exit 3")
    with pytest.raises(ConversionError, match=r"(?s)exit 3.*bad . tensor"):
        answers(servable(), inputs())


def test_of_many_last_words_the_very_last_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, "seq 1 100 >&2; exit 3")
    with pytest.raises(ConversionError) as caught:
        answers(servable(), inputs())
    assert str(caught.value).endswith("(exit 3): 96; 97; 98; 99; 100")


def test_what_does_not_answer_in_time_is_given_up() -> None:
    with Process() as process:
        process.load(servable(), inputs())
        process._timeout = 0.05
        os.kill(process._process.pid, signal.SIGSTOP)  # as a kernel does that never ends
        with pytest.raises(ConversionError) as caught:
            process.answer(inputs())
        assert process._process.returncode == -signal.SIGKILL
    assert str(caught.value) == (
        "float32: the runtime cannot run it: it has not answered for 0.05 s"
    )


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL])
def test_after_a_model_that_ended_the_process_the_next_one_runs(number: signal.Signals) -> None:
    broken = replace(servable(), flatbuffer=tiny.flatbuffer()[:100])
    with Process() as process:
        process.load(servable(), inputs())
        os.kill(process._process.pid, number)
        with pytest.raises(ConversionError, match=number.name):
            process.answer(inputs())
        with pytest.raises(ConversionError, match="exit 1"):
            process.load(broken, inputs())
        process.load(servable(), inputs())
        np.testing.assert_allclose(process.answer(inputs())["species"], expected(), atol=1e-6)


def test_no_folder_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    answers(servable(), inputs())
    stand_in(monkeypatch, tmp_path, "exit 1")
    with pytest.raises(ConversionError):
        answers(servable(), inputs())
    assert not list((tmp_path / "temporary").iterdir())
