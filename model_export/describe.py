"""What the manifest says of an export, put together from what its steps found."""

from __future__ import annotations

import math
from importlib import metadata
from pathlib import Path

from model_export import provenance
from model_export.candidates import Candidate, Reference
from model_export.data import Splits
from model_export.gate import Verdict
from model_export.interface import Interface
from model_export.measure import Measurement
from model_export.package import Description
from model_export.quality import accuracy, drop_interval
from model_export.recipe import Recipe
from tflite_serving.contract.evidence import (
    Compression,
    Pruning,
    Quality,
    Recommended,
    Resources,
    Runtime,
)

_RUNTIME = "ai-edge-litert"
# functions-framework, its server and their libraries, beside what a measurement sees.
_SERVER_MIB = 100
_SMALLEST_MEMORY_MIB = 256


def describe(
    recipe: Recipe,
    folder: Path,
    interface: Interface,
    splits: Splits,
    reference: Reference,
    pruning: Pruning | None,
    verdict: Verdict,
    chosen: Candidate,
) -> Description:
    """Everything in the manifest but the files.

    Args:
        recipe, folder: of the export.
        interface: what clients see.
        splits: the examples.
        reference: the Keras model's answers.
        pruning: what was pruned; None if nothing was.
        verdict: of the gate, which chose.
        chosen: the candidate to publish.
    """
    scores = interface.scores(chosen.measurement.outputs)
    classes = splits.test.classes
    published = accuracy(scores, classes)
    return Description(
        name=recipe.model.name,
        task=recipe.model.task,
        inputs=interface.inputs,
        outputs=interface.outputs,
        tensors=chosen.tensors,
        compression=Compression(chosen.variant, verdict.candidates, pruning),
        quality=Quality(
            metric=recipe.gate.metric,
            dataset=f"{splits.source}, test split",
            examples=len(splits.test),
            reference=reference.quality,
            published=published,
            drop=reference.quality - published,
            drop_interval_95=drop_interval(interface.scores(reference.outputs), scores, classes),
        ),
        runtime=Runtime(_RUNTIME, metadata.version(_RUNTIME), chosen.facts.operators),
        resources=_resources(chosen.measurement),
        provenance=provenance.describe(
            folder, folder / recipe.model.source, recipe.sha256, splits.sha256
        ),
    )


def _resources(measurement: Measurement) -> Resources:
    need = measurement.peak_rss_mib + _SERVER_MIB
    return Resources(
        cold_load_ms=measurement.cold_load_ms,
        peak_rss_mib=measurement.peak_rss_mib,
        latency_ms=measurement.latency_ms,
        recommended=Recommended(
            # Memory is sold in powers of two; one CPU allows concurrency above 1.
            memory_mib=max(_SMALLEST_MEMORY_MIB, 2 ** math.ceil(math.log2(need))),
            cpu=1,
            concurrency=8,
            threads=1,
        ),
    )
