"""Builds the manifest draft from the results of the export's steps."""

from __future__ import annotations

import math
from importlib import metadata

from model_export.artifact.write import ManifestDraft
from model_export.dataset.splits import Splits
from model_export.quality.comparison import Comparison
from model_export.quantization.candidate import Answered, finite
from model_export.recipe.recipe import Recipe
from model_export.steps.prepare import PreparedExport
from tflite_serving.contract.evidence import (
    Candidate,
    Compression,
    LengthLatency,
    Provenance,
    Quality,
    Recommended,
    Resources,
    Runtime,
)
from tflite_serving.contract.tensors import InputSpec

_RUNTIME = "ai-edge-litert"
# functions-framework, its server and their libraries, beside what a measurement sees.
_SERVER_MIB = 100
_SMALLEST_MEMORY_MIB = 256
# One of the largest, of 16.8 million pixels, while it is read: docs/3-serving.md.
_PICTURE_MIB = 300


def build_description(
    recipe: Recipe,
    ready: PreparedExport,
    compression: Compression,
    answered: Answered,
    made_from: Provenance,
    by_length: tuple[LengthLatency, ...] = (),
) -> ManifestDraft:
    """Everything in the manifest but the files.

    Args:
        recipe: of the export.
        ready: the model's interface and the examples.
        compression: with the gate's verdict.
        answered: the candidate to publish.
        made_from: model, recipe, data and packages.
        by_length: its latency, by length of the sequences.
    """
    chosen = compression.chosen
    return ManifestDraft(
        name=recipe.model.name,
        task=ready.signature.task,
        inputs=ready.signature.inputs,
        outputs=ready.signature.outputs,
        tensors=answered.form.tensors,
        preprocessing=ready.preprocessing,
        assets=ready.assets,
        compression=compression,
        quality=_quality(chosen, answered.first, ready.splits),
        runtime=Runtime(_RUNTIME, metadata.version(_RUNTIME), answered.form.facts.kinds),
        resources=_resources(chosen, recipe.measure.threads, by_length, ready.signature.inputs),
        provenance=made_from,
    )


def _quality(chosen: Candidate, comparison: Comparison, splits: Splits) -> Quality:
    return Quality(
        metric=comparison.metric,
        lower_is_better=comparison.lower_is_better,
        dataset=f"{splits.source}, test split",
        examples=len(splits.test),
        reference=finite(comparison.reference),
        published=chosen.quality,
        drop=chosen.drop,
        drop_interval_95=chosen.drop_interval_95,
        interval_method=comparison.method,
    )


def _resources(
    chosen: Candidate,
    threads: int,
    by_length: tuple[LengthLatency, ...],
    inputs: tuple[InputSpec, ...],
) -> Resources:
    takes_photos = any(s.preprocess.image and None in s.shape[1:] for s in inputs)
    need = chosen.peak_rss_mib + _SERVER_MIB + (_PICTURE_MIB if takes_photos else 0)
    return Resources(
        cold_load_ms=chosen.cold_load_ms,
        peak_rss_mib=chosen.peak_rss_mib,
        latency_ms=chosen.latency_ms,
        by_length=by_length,
        recommended=Recommended(
            # Memory is sold in powers of two; one CPU allows concurrency above 1.
            memory_mib=max(_SMALLEST_MEMORY_MIB, 2 ** math.ceil(math.log2(need))),
            cpu=threads,
            concurrency=8,
            threads=threads,
        ),
    )
