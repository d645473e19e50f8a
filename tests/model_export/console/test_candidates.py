"""What an export made, for people."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from model_export.console.candidates import candidates_table, outcome, print_candidates
from model_export.console.console import open_console
from model_export.pipeline import Export
from tests.support.models.tiny import candidate, write_tiny_artifact
from tflite_serving.contract.evidence import FailedCandidate, FloatOperator
from tflite_serving.contract.manifest import Manifest

CANDIDATES = (candidate("float32", why_not="passes, but larger"), candidate("int8", chosen=True))


def header(width: int) -> list[str]:
    table = candidates_table(CANDIDATES, width)
    return [str(column.header) for column in table.columns]


def printed(manifest: Manifest) -> str:
    file = io.StringIO()
    print_candidates(manifest, open_console(file))
    return file.getvalue()


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_tiny_artifact(tmp_path)


def test_a_narrow_console_gets_the_columns_that_matter_most() -> None:
    assert header(80) == ["candidate", "accuracy", "bytes", "p50 ms", "why not"]
    assert set(header(80)) < set(header(200))


def test_what_failed_has_a_row_with_its_reason() -> None:
    failed = FailedCandidate(name="int4", variant="weight_int4", why_not="it cannot be run")
    table = candidates_table(CANDIDATES, 80, (failed,))
    file = io.StringIO()
    Console(file=file, width=200).print(table)
    lines = [line.split() for line in file.getvalue().splitlines()]
    assert ["int4", "it", "cannot", "be", "run"] in lines
    assert ["int8", "0.9000", "1,000", "0.0100", "chosen"] in lines


def test_a_layer_that_stays_in_float_is_one_line_with_all_its_operators(
    manifest: Manifest,
) -> None:
    kept = tuple(
        FloatOperator(name, "head", kind, "quality", 0.125)
        for name, kind in (("a", "FULLY_CONNECTED"), ("b", "SOFTMAX"))
    )
    faster = FloatOperator("c", None, "GELU", "speed", None)
    (chosen,) = manifest.compression.candidates
    mixed = replace(chosen, kept_in_float=(*kept, faster))
    compression = replace(manifest.compression, candidates=(mixed,))
    lines = printed(replace(manifest, compression=compression)).splitlines()
    layer, operator = lines[-2:]
    assert layer == (
        "  float32: head (FULLY_CONNECTED, SOFTMAX) stays in float; quantized alone, it moves the "
        "output by 0.125"
    )
    assert operator == "  float32: c (GELU) stays in float; it is faster there"


def test_the_outcome_says_where_it_is_and_how_it_is_served(manifest: Manifest) -> None:
    def told(registry: str | None, alias: str | None) -> str:
        return outcome(Export(manifest=manifest, registry=registry, alias=alias))

    place = f"gs://shop/models/iris/versions/{manifest.version}"
    assert told(None, None) == "dry run: float32 would be published; accuracy 0.9000 → 0.9000"
    assert told("gs://shop", "staging") == (
        f"published float32, alias staging; accuracy 0.9000 → 0.9000\n{place}"
    )
    assert told("gs://shop", None).endswith(
        f"{place}\nno alias names it: serve it as MODELS=iris@{manifest.version}, or release it "
        f"with promote iris {manifest.version} production --registry gs://shop"
    )
