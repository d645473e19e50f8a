"""Candidates: variants of the model, measured on the test split."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.data import Split
from model_export.errors import ConversionError
from model_export.flatbuffer import FlatbufferFacts, bindings, inspect
from model_export.gate import Measured
from model_export.interface import Arrays, Interface
from model_export.measure import Measurement, measure
from model_export.quality import accuracy, drop_interval
from model_export.quantize import quantize
from model_export.recipe import GateSection, Variant
from tflite_serving.contract.tensors import Tensors


@dataclass(frozen=True, slots=True)
class Reference:
    """What the Keras model itself answers to the test split.

    Attributes:
        outputs: by name, [examples, …], in natural units.
        quality: the gate's metric.
    """

    outputs: Arrays
    quality: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant with all that was found out about it."""

    variant: Variant
    flatbuffer: bytes
    tensors: Tensors
    facts: FlatbufferFacts
    measurement: Measurement


def make_candidate(
    variant: Variant, float32: bytes, interface: Interface, calibration: Split, test: Split
) -> Candidate:
    """Makes a variant from the float32 flatbuffer, and measures it.

    Raises:
        ConversionError: it cannot be quantized, bound, or run.
    """
    made = quantize(float32, variant, calibration)
    facts = inspect(made)
    if facts.custom:
        raise ConversionError(
            f"{variant}: it needs operators that the function lacks: {', '.join(facts.custom)}"
        )
    tensors = Tensors(
        *bindings(
            made,
            tuple(spec.name for spec in interface.inputs),
            tuple(spec.name for spec in interface.outputs),
        )
    )
    measurement = measure(variant, made, tensors, interface.outputs, test.inputs)
    return Candidate(variant, made, tensors, facts, measurement)


def weigh(
    candidate: Candidate, reference: Reference, interface: Interface, test: Split, gate: GateSection
) -> Measured:
    """A candidate as the gate wants it: with its quality against the reference."""
    scores = interface.scores(candidate.measurement.outputs)
    published = accuracy(scores, test.classes)
    return Measured(
        variant=candidate.variant,
        bytes=len(candidate.flatbuffer),
        gzip_bytes=candidate.measurement.gzip_bytes,
        sparsity=candidate.facts.sparsity,
        quality=published,
        latency_ms=candidate.measurement.latency_ms,
        peak_rss_mib=candidate.measurement.peak_rss_mib,
        drop=reference.quality - published,
        drop_interval=drop_interval(
            interface.scores(reference.outputs), scores, test.classes, gate.confidence or 0.95
        ),
    )
