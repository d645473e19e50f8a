"""A candidate that fails is listed with the reason, and the others are judged all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from model_export.errors import ConversionError
from model_export.flatbuffer.inspect import FlatbufferFacts, Operator
from model_export.measure.process import Process, Servable
from model_export.quantization.candidate import Candidate
from tests.support.export.failing_candidates import abort_when_run, fail_when_timed
from tflite_serving.contract.tensors import Tensors

Cli = Callable[..., Result]
Recipes = Callable[..., Path]
BOTH = ["float32", "static_int8"]
WITHOUT: list[dict[str, Any]] = []
"""What the export comes to where float32 alone is asked for; filled once."""


@pytest.fixture
def recipe(recipe_for: Recipes) -> Path:
    return recipe_for("dense", quantize__variants=BOTH, quantize__max_tries=0, gate__prefer="size")


def compression(cli: Cli, recipe: Path, *options: str) -> dict[str, Any]:
    """Of the manifest of a dry run."""
    done = cli("export", recipe, "--dry-run", "--json", *options)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["compression"]
    return found


def figures(candidate: dict[str, Any]) -> dict[str, Any]:
    """All but what is measured anew each time."""
    times = {"latency_ms", "batch_latency_ms", "cold_load_ms", "peak_rss_mib", "gzip_bytes"}
    return {key: value for key, value in candidate.items() if key not in times}


def quantizer_refuses(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise ConversionError("static_int8: the model cannot be quantized: no such operator")

    monkeypatch.setattr(
        "model_export.quantization.candidate_factory.quantize", refuse_all_but_float32(refuse)
    )


def refuse_all_but_float32(refuse: Callable[..., bytes]) -> Callable[..., bytes]:
    from model_export.quantization.quantize import quantize

    def choose(flatbuffer: bytes, variant: Any, *arguments: Any, **options: Any) -> bytes:
        make = quantize if variant == "float32" else refuse
        return make(flatbuffer, variant, *arguments, **options)

    return choose


def calibration_fails(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    def refuse(*_: object) -> None:
        raise ConversionError("calibration: the model cannot be quantized: no ranges")

    monkeypatch.setattr("model_export.steps.convert.calibrate", refuse)


def a_library_has_a_bug(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    def broken(*_: object, **__: object) -> bytes:
        raise KeyError("tensor")

    monkeypatch.setattr(
        "model_export.quantization.candidate_factory.quantize", refuse_all_but_float32(broken)
    )


def the_runtime_aborts(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    abort_when_run(monkeypatch, folder, "static_int8")


def timing_fails(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    fail_when_timed(monkeypatch, "static_int8")


def the_runtime_hangs(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    answer = Process.answer

    def stopped(self: Process, inputs: Any) -> Any:
        if self._name == "static_int8":
            import os
            import signal

            self._timeout = 0.05
            os.kill(self._process.pid, signal.SIGSTOP)
        return answer(self, inputs)

    monkeypatch.setattr(Process, "answer", stopped)


@pytest.mark.parametrize(
    ("fails", "why"),
    [
        (quantizer_refuses, "static_int8: the model cannot be quantized: no such operator"),
        (
            calibration_fails,
            "static_int8: calibration: the model cannot be quantized: no ranges",
        ),
        (a_library_has_a_bug, "static_int8: KeyError: 'tensor'"),
        (the_runtime_aborts, "static_int8: the runtime cannot run it (killed by SIGABRT)"),
        (timing_fails, "static_int8: the runtime cannot run it (killed by SIGSEGV): no word"),
        (
            the_runtime_hangs,
            "static_int8: the runtime cannot run it: it has not answered for 0.05 s",
        ),
    ],
)
def test_however_a_variant_fails_the_verdict_on_the_others_is_the_same(
    cli: Cli,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: Callable[[pytest.MonkeyPatch, Path], None],
    why: str,
) -> None:
    if not WITHOUT:
        WITHOUT.append(compression(cli, recipe, "--set", 'quantize.variants=["float32"]'))
    (without,) = WITHOUT
    fails(monkeypatch, tmp_path)
    found = compression(cli, recipe)
    assert [each["name"] for each in found["failed"]] == ["static_int8"]
    assert found["failed"][0]["why_not"].startswith(why)
    assert found["quantization"] == without["quantization"] == "float32"
    assert list(map(figures, found["candidates"])) == list(map(figures, without["candidates"]))


def test_the_table_and_the_report_list_what_failed(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_runtime_aborts(monkeypatch, tmp_path)
    done = cli("export", recipe, "--registry", (tmp_path / "registry").as_uri())
    assert done.exit_code == 0, done.stderr
    assert "static_int8: the runtime cannot run it (killed by SIGABRT)" in " ".join(
        done.stdout.split()
    )
    (report,) = (tmp_path / "registry").rglob("report.html")
    page = report.read_text()
    assert "static_int8" in page
    assert "killed by SIGABRT" in page
    (data,) = (tmp_path / "registry").rglob("report.json")
    (failed,) = json.loads(data.read_text())["compression"]["failed"]
    assert failed["name"] == failed["variant"] == "static_int8"


def test_a_conversion_that_cannot_be_run_is_not_the_source_of_other_candidates(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    abort_when_run(monkeypatch, tmp_path, "float32")
    failed = cli("export", recipe, "--dry-run")
    assert failed.exit_code == 3
    assert "error: float32: the runtime cannot run it (killed by SIGABRT)" in failed.stderr
    assert "cannot be compared with the Keras model" in failed.stderr


def test_float32_may_fail_while_it_is_timed_like_any_other(
    cli: Cli, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_when_timed(monkeypatch, "float32")
    found = compression(cli, recipe)
    assert found["quantization"] == "static_int8"
    assert [each["name"] for each in found["failed"]] == ["float32"]


def test_where_all_fail_every_reason_is_told_and_the_exit_code_is_that_of_a_conversion(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_runtime_aborts(monkeypatch, tmp_path)
    fail_when_timed(monkeypatch, "float32")
    failed = cli("export", recipe, "--dry-run")
    assert failed.exit_code == 3
    assert "  float32: the runtime cannot run it (killed by SIGSEGV)" in failed.stderr
    assert "  static_int8: the runtime cannot run it (killed by SIGABRT)" in failed.stderr


def test_where_the_rest_misses_the_budget_the_table_has_both(
    cli: Cli,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    the_runtime_aborts(monkeypatch, tmp_path)
    refused = cli("export", recipe, "--dry-run", "--set", "gate.max_bytes=1")
    assert refused.exit_code == 4
    told = " ".join(capfd.readouterr().err.split())
    assert "over max_bytes 1" in told
    assert "killed by SIGABRT" in told


def test_what_failed_is_listed_after_a_resume_too(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_runtime_aborts(monkeypatch, tmp_path)
    first = compression(cli, recipe)
    again = compression(cli, recipe, "--resume")
    assert again["candidates"] == first["candidates"]
    assert [each["name"] for each in again["failed"]] == ["static_int8"]


def test_a_chosen_candidate_that_fails_at_one_length_of_sequences_gives_way_to_the_next(
    cli: Cli, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(servable: Servable, *_: object) -> tuple[()]:
        if servable.name == "float32":
            raise ConversionError("float32: the runtime cannot run it (killed by SIGABRT)")
        return ()

    assert compression(cli, recipe)["quantization"] == "float32"
    monkeypatch.setattr("model_export.steps.evaluate.time_lengths", broken)
    found = compression(cli, recipe)
    assert found["quantization"] == "static_int8"
    assert [each["name"] for each in found["failed"]] == ["float32"]


def test_the_layers_of_a_model_that_cannot_be_calibrated_are_not_ranked(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration_fails(monkeypatch, tmp_path)
    refused = cli("sensitivity", recipe)
    assert refused.exit_code == 3
    assert "error: static_int8: calibration: the model cannot be quantized" in refused.stderr


def test_the_layer_of_an_operator_that_the_runtime_numbers_is_told() -> None:
    facts = FlatbufferFacts(("CONV_2D",), (), (Operator("conv", "CONV_2D", "stem", None),))
    candidate = Candidate("float16", b"", Tensors((), ()), (), "float16", facts)
    told = "float16: RuntimeError: Node number 0 (CONV_2D) failed to prepare."
    assert candidate.located(told) == f"{told} (layer 'stem')"
    for other in ("Node number 0 (TfLiteXNNPackDelegate)", "Node number 1 (CONV_2D)", "no memory"):
        assert candidate.located(other) == other


def test_a_mixture_that_fails_is_listed_beside_what_it_was_to_rescue(
    cli: Cli, recipe_for: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ConversionError("the runtime cannot run it")

    recipe = recipe_for("outlier", quantize__variants=BOTH)
    monkeypatch.setattr("model_export.steps.evaluate.search", broken)
    found = compression(cli, recipe)
    assert [each["name"] for each in found["candidates"]] == BOTH
    (failed,) = found["failed"]
    assert failed["name"] == "static_int8_mixed"
    assert failed["why_not"] == "static_int8_mixed: the runtime cannot run it"
