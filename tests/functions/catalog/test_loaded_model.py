"""A loaded version: what it tells once, and which requests are predicted on the event loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.support.models.tiny import write_tiny_artifact
from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.contract.evidence import Latency, LengthLatency
from tflite_serving.contract.manifest import Manifest
from tflite_serving.dialects.dialect import Codec, Dialect
from tflite_serving.runtime.interpreter_pool import InterpreterPool


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_tiny_artifact(tmp_path)


def loaded(manifest: Manifest) -> LoadedModel:
    return LoadedModel(manifest, cast("InterpreterPool", None), {"load": 3.0})


def with_latency(manifest: Manifest, ms: float) -> LoadedModel:
    return loaded(
        replace(manifest, resources=replace(manifest.resources, latency_ms=Latency(ms, ms)))
    )


def test_what_loading_took_is_told_once(manifest: Manifest) -> None:
    model = loaded(manifest)
    found = [(model.is_new, model.take_load_ms()) for _ in range(2)]
    assert found == [(True, {"load": 3.0}), (False, {})]


def test_a_codec_is_made_once_for_each_dialect(manifest: Manifest) -> None:
    class Spoken:
        def check_type(self, content_type: str) -> None:
            raise NotImplementedError

        def codec(self, manifest: Manifest) -> Codec:
            made.append(manifest)
            return cast("Codec", object())

    made: list[Manifest] = []
    model, one, other = loaded(manifest), cast("Dialect", Spoken()), cast("Dialect", Spoken())
    assert model.codec(one) is model.codec(one)
    assert model.codec(one) is not model.codec(other)
    assert made == [manifest, manifest]


def test_a_slower_model_is_quick_for_smaller_requests_until_for_none(manifest: Manifest) -> None:
    sizes = [with_latency(manifest, ms).quick_bytes for ms in (0.001, 0.1, 1.0, 1.999)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0
    assert with_latency(manifest, 2.0).quick_bytes == 0
    # How long the model takes has no share in reading.
    assert with_latency(manifest, 2.0).quickly_read_bytes == pytest.approx(400_000)


def test_a_long_text_is_not_answered_on_the_event_loop(manifest: Manifest) -> None:
    def served(*milliseconds: float) -> LoadedModel:
        each = (
            LengthLatency(n, Latency(ms, ms))
            for n, ms in zip((8, 16, 24), milliseconds, strict=True)
        )
        return loaded(
            replace(manifest, resources=replace(manifest.resources, by_length=tuple(each)))
        )

    assert served(0.1, 0.5, 5.0).quick_bytes == 32
    assert served(3.0, 5.0, 9.0).quick_bytes == 0
    # To find the tokens of a long one takes longer than to read it.
    assert served(0.1, 0.5, 5.0).quickly_read_bytes == 1000
    # Many short ones take their time, too.
    assert 8 < served(1.9, 1.95, 1.99).quick_bytes < 24


def test_the_first_output_with_classes_says_how_sure_the_model_is(manifest: Manifest) -> None:
    (species,) = manifest.outputs
    size = replace(species, name="size", labels=None, task="regression")
    tensors = manifest.tensors
    (tensor,) = tensors.outputs
    first = replace(tensor, name="size")
    both = replace(tensors, outputs=(first, tensor))
    model = loaded(replace(manifest, task="regression", outputs=(size, species), tensors=both))
    assert model.judged is species
    alone = replace(tensors, outputs=(first,))
    assert (
        loaded(replace(manifest, task="regression", outputs=(size,), tensors=alone)).judged is None
    )


def test_log_lines_name_the_model_and_its_version(manifest: Manifest) -> None:
    assert loaded(manifest).labels == {"model": "iris", "version": manifest.version}
