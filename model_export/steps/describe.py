"""Builds the manifest draft from the results of the export's steps."""

from __future__ import annotations

import math
from importlib import metadata

from model_export.artifact.write import ManifestDraft
from model_export.dataset.splits import Splits
from model_export.quality.evaluated_candidate import EvaluatedCandidate
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


def draft_manifest(
    recipe: Recipe,
    prepared: PreparedExport,
    compression: Compression,
    evaluated: EvaluatedCandidate,
    made_from: Provenance,
    by_length: tuple[LengthLatency, ...] = (),
) -> ManifestDraft:
    """Everything in the manifest but the files.

    Args:
        recipe: Recipe of the export.
        prepared: The model's signature and the examples.
        compression: Account of all candidates.
        evaluated: The candidate to publish.
        made_from: Model, recipe, data and packages.
        by_length: Its latency, by length of the sequences.
    """
    chosen, candidate = compression.chosen, evaluated.candidate
    return ManifestDraft(
        name=recipe.model.name,
        task=prepared.signature.task,
        inputs=prepared.signature.inputs,
        outputs=prepared.signature.outputs,
        tensors=candidate.tensors,
        preprocessing=prepared.preprocessing,
        assets=prepared.assets,
        compression=compression,
        quality=_quality(chosen, evaluated, prepared.splits),
        runtime=Runtime(_RUNTIME, metadata.version(_RUNTIME), candidate.facts.kinds),
        resources=_resources(chosen, recipe.measure.threads, by_length, prepared.signature.inputs),
        provenance=made_from,
    )


def _quality(chosen: Candidate, evaluated: EvaluatedCandidate, splits: Splits) -> Quality:
    first = chosen.outputs[0]
    return Quality(
        metric=first.metric,
        lower_is_better=first.lower_is_better,
        dataset=f"{splits.source}, test split",
        examples=len(splits.test),
        reference=first.reference,
        published=first.quality,
        drop=first.drop,
        drop_interval_95=first.drop_interval_95,
        interval_method=evaluated.comparisons[first.output].method,
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
